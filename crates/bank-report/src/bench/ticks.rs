//! Places and labels of the marks on an axis.

/// The smallest of 1, 2 and 5 times a power of ten with which at most `steps` steps reach `highest`.
pub(super) fn step(highest: f64, steps: u32) -> f64 {
    let least = highest / f64::from(steps);
    if !(least.is_finite() && least > 0.0) {
        return 1.0;
    }
    let power = 10_f64.powf(least.log10().floor());
    let found = [1.0, 2.0, 5.0].into_iter().map(|digit| digit * power);
    found.into_iter().find(|step| *step >= least).unwrap_or(10.0 * power)
}

/// The powers of ten around some values: the highest one at or below `lowest`, up to the first one at or above `highest`.
pub(super) fn decades(lowest: u64, highest: u64) -> Vec<u64> {
    let mut decades = vec![1_u64];
    while let Some(next) = decades.last().and_then(|last| last.checked_mul(10)) {
        if decades.last().is_some_and(|last| *last >= highest) {
            break;
        }
        if next <= lowest {
            decades.clear();
        }
        decades.push(next);
    }
    decades
}

/// A time in microseconds, short: `50 µs`, `2 ms`, `1 s`.
pub(super) fn time(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", us as f64 / 1e3),
        _ => format!("{} s", us as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        for (highest, steps, expected) in [
            (10.0, 10, 1.0),
            (11.0, 10, 2.0),
            (43.0, 10, 5.0),
            (18_400.0, 4, 5_000.0),
            (0.3, 10, 0.05),
            (0.0, 4, 1.0),
            (f64::NAN, 4, 1.0),
        ] {
            assert!(
                (step(highest, steps) / expected - 1.0).abs() < 1e-9,
                "{highest} in {steps}"
            );
        }
    }

    #[test]
    fn decades_surround_the_values() {
        for (lowest, highest, expected) in [
            (0, 0, &[1][..]),
            (400, 31_000, &[100, 1_000, 10_000, 100_000]),
            (100, 1_000, &[100, 1_000]),
            (7, 7, &[1, 10]),
        ] {
            assert_eq!(decades(lowest, highest), expected, "{lowest} to {highest}");
        }
        assert!(decades(1, u64::MAX).len() == 20);
    }

    #[test]
    fn times_are_short() {
        for (us, expected) in [(50, "50 µs"), (2_000, "2 ms"), (2_500, "2.5 ms"), (10_000_000, "10 s")] {
            assert_eq!(time(us), expected);
        }
    }
}
