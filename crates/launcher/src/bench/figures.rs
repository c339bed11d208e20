//! Figures out of what was recorded, and their median and spread.

use super::bank::BranchLook;
use super::processes::Usage;
use super::recorder::{Recorder, SLICE};
use super::results::{BranchWork, Figures, Repeat};
use std::time::Instant;

/// Steps of the distribution up to the median, and in each further half of what is left.
const QUANTILE_STEPS: u32 = 5;

/// What one repeat gave.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) recorder: Recorder,
    /// Start of the first operation that counts.
    pub(super) from: Instant,
    /// Operations that were to begin in an open loop. `None` if their number was not fixed.
    pub(super) planned: Option<u64>,
    /// The processes at the start and at the end.
    pub(super) load: [Usage; 2],
    pub(super) branches: [Vec<BranchLook>; 2],
}

impl Recorded {
    /// The figures of the repeat. `None` if no operation counts.
    pub(super) fn repeat(&self) -> Option<Repeat> {
        let Recorder {
            latencies,
            slices,
            refused,
            failed,
            unknown,
            last_end,
            first_problem,
            ..
        } = &self.recorder;
        let seconds = (*last_end)?.saturating_duration_since(self.from).as_secs_f64();
        let operations = latencies.len();
        let begun = operations + failed + unknown;
        let [before, after] = &self.branches;
        let branches: Vec<BranchWork> = before
            .iter()
            .zip(after)
            .map(|(before, after)| BranchWork {
                branch: before.branch,
                cpu_us_per_operation: each(before.usage.cpu_us, after.usage.cpu_us, operations),
                written_bytes_per_operation: each(before.usage.written_bytes, after.usage.written_bytes, operations),
                syncs_per_operation: each(before.syncs, after.syncs, operations),
            })
            .collect();
        let sum = |of: fn(&BranchWork) -> Option<f64>| branches.iter().map(of).sum::<Option<f64>>().map(rounded);
        let at = |quantile| latencies.value_at_quantile(quantile);
        Some(Repeat {
            figures: Figures {
                operations_per_second: rounded(operations as f64 / seconds.max(f64::EPSILON)),
                p50_us: at(0.5),
                p99_us: at(0.99),
                p999_us: at(0.999),
                max_us: latencies.max(),
                branch_cpu_us_per_operation: sum(|branch| branch.cpu_us_per_operation),
                load_cpu_us_per_operation: each(self.load[0].cpu_us, self.load[1].cpu_us, operations),
                written_bytes_per_operation: sum(|branch| branch.written_bytes_per_operation),
                syncs_per_operation: sum(|branch| branch.syncs_per_operation),
                operations,
                refused: *refused,
                failed: *failed,
                unknown: *unknown,
                unsent: self.planned.map_or(0, |planned| planned.saturating_sub(begun)),
            },
            seconds: rounded(seconds),
            first_problem: first_problem.clone(),
            branches,
            quantiles: latencies
                .iter_quantiles(QUANTILE_STEPS)
                .map(|step| (step.quantile_iterated_to(), step.value_iterated_to()))
                .collect(),
            slice_ms: u64::try_from(SLICE.as_millis()).unwrap_or(u64::MAX),
            slice_operations: slices.iter().map(|slice| slice.ended).collect(),
            slice_longest_us: slices.iter().map(|slice| slice.longest_us).collect(),
        })
    }
}

/// The growth of a counter for each operation. `None` without both values, or without operations.
fn each(before: Option<u64>, after: Option<u64>, operations: u64) -> Option<f64> {
    let growth = after?.saturating_sub(before?);
    (operations > 0).then(|| rounded(growth as f64 / operations as f64))
}

/// Three decimals are more than any of these figures has.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// A value out of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    Lowest,
    Median,
    Highest,
}

/// A value of each figure over the repeats. Of an even number, the median is the mean of the two in the middle.
pub(super) fn over(repeats: &[Repeat], pick: Pick) -> Figures {
    let of = |figure: fn(&Figures) -> Option<f64>| {
        let values = repeats.iter().map(|repeat| figure(&repeat.figures));
        values
            .collect::<Option<Vec<f64>>>()
            .and_then(|values| picked(values, pick))
    };
    let float = |figure| of(figure).map(rounded);
    let whole = |figure| of(figure).unwrap_or_default().round() as u64;
    Figures {
        operations_per_second: float(|figures| Some(figures.operations_per_second)).unwrap_or_default(),
        p50_us: whole(|figures| Some(figures.p50_us as f64)),
        p99_us: whole(|figures| Some(figures.p99_us as f64)),
        p999_us: whole(|figures| Some(figures.p999_us as f64)),
        max_us: whole(|figures| Some(figures.max_us as f64)),
        branch_cpu_us_per_operation: float(|figures| figures.branch_cpu_us_per_operation),
        load_cpu_us_per_operation: float(|figures| figures.load_cpu_us_per_operation),
        written_bytes_per_operation: float(|figures| figures.written_bytes_per_operation),
        syncs_per_operation: float(|figures| figures.syncs_per_operation),
        operations: whole(|figures| Some(figures.operations as f64)),
        refused: whole(|figures| Some(figures.refused as f64)),
        failed: whole(|figures| Some(figures.failed as f64)),
        unknown: whole(|figures| Some(figures.unknown as f64)),
        unsent: whole(|figures| Some(figures.unsent as f64)),
    }
}

/// The median of some values. `None` if there are none.
pub(super) fn median(values: Vec<f64>) -> Option<f64> {
    picked(values, Pick::Median)
}

fn picked(mut values: Vec<f64>, pick: Pick) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match pick {
        Pick::Lowest => values.first().copied(),
        Pick::Highest => values.last().copied(),
        Pick::Median if values.len() % 2 == 1 => values.get(middle).copied(),
        Pick::Median => Some((values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        for (values, lowest, median, highest) in [
            (&[][..], None, None, None),
            (&[3.0][..], Some(3.0), Some(3.0), Some(3.0)),
            (&[9.0, 1.0][..], Some(1.0), Some(5.0), Some(9.0)),
            (&[9.0, 1.0, 2.0][..], Some(1.0), Some(2.0), Some(9.0)),
        ] {
            let all = [Pick::Lowest, Pick::Median, Pick::Highest].map(|pick| picked(values.to_vec(), pick));
            assert_eq!(all, [lowest, median, highest], "{values:?}");
        }
    }

    #[test]
    fn a_counter_is_told_for_each_operation() {
        assert_eq!(each(Some(100), Some(250), 4), Some(37.5));
        assert_eq!(each(None, Some(250), 4), None);
        assert_eq!(each(Some(100), Some(250), 0), None);
    }
}
