//! The charts, as SVG with fixed sizes: the distribution of the latency of all repeats, and throughput and longest latency
//! over the time of each repeat.

use super::BenchRepeat;
use super::ticks::{decades, step, time};
use maud::{Markup, html};
use std::fmt::Write as _;

/// Size of the plotted area, and the room for labels around it, in CSS pixels.
const WIDTH: f64 = 860.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;
/// Height of the chart of the distribution.
const LATENCY_HEIGHT: f64 = 280.0;
/// Heights of the charts over time.
const RATE_HEIGHT: f64 = 110.0;
const LONGEST_HEIGHT: f64 = 70.0;
/// Most columns over time. Several slices make a column if there are more.
const COLUMNS_MAX: usize = 300;
/// Marks of the axis of quantiles.
const QUANTILES: [(f64, &str); 8] = [
    (0.0, "0"),
    (0.5, "50 %"),
    (0.9, "90 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
    (0.99999, "99.999 %"),
    (0.999999, "99.9999 %"),
];
/// Number of line patterns, so that lines are told apart without colours.
const PATTERNS: usize = 5;

/// A piece of the height or the width of a chart, onto which values are laid.
#[derive(Debug, Clone, Copy)]
struct Scale {
    from: f64,
    to: f64,
    at_from: f64,
    at_to: f64,
}

impl Scale {
    /// The place of a value. Values outside of the scale are at its ends.
    fn at(&self, value: f64) -> f64 {
        let part = (value - self.from) / (self.to - self.from);
        let part = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 };
        self.at_from + part * (self.at_to - self.at_from)
    }
}

/// The distribution of the latency, one line for each repeat. The axis of quantiles gives each further nine the same
/// room, as HdrHistogram's plots do.
pub(super) fn latency(repeats: &[BenchRepeat]) -> Markup {
    let all = || repeats.iter().flat_map(|repeat| &repeat.quantiles);
    let (Some(lowest), Some(highest)) = (all().map(|point| point.1).min(), all().map(|point| point.1).max()) else {
        return Markup::default();
    };
    let decades = decades(lowest, highest);
    let log = |us: u64| (us.max(1) as f64).log10();
    let y = Scale {
        from: decades.first().map_or(0.0, |first| log(*first)),
        to: decades.last().map_or(1.0, |last| log(*last)),
        at_from: TOP + LATENCY_HEIGHT,
        at_to: TOP,
    };
    let nines = |quantile: f64| -(1.0 - quantile).log10();
    let last = all()
        .map(|point| point.0)
        .filter(|quantile| *quantile < 1.0)
        .fold(0.9, f64::max);
    let x = Scale {
        from: 0.0,
        to: nines(last),
        at_from: LEFT,
        at_to: LEFT + WIDTH,
    };
    let line = |repeat: &BenchRepeat| {
        let points = repeat.quantiles.iter();
        points.fold(String::new(), |mut path, &(quantile, us)| {
            // Writing to a string cannot fail. The last point has the quantile 1, which is past every nine.
            let _ = write!(path, "{:.1},{:.1} ", x.at(nines(quantile.min(last))), y.at(log(us)));
            path
        })
    };
    html! {
        figure {
            figcaption { "Latency by percentile" }
            (svg(LATENCY_HEIGHT, "Latency by percentile", html! {
                @for us in &decades { (horizontal(y.at(log(*us)), &time(*us))) }
                @for (quantile, label) in QUANTILES.into_iter().filter(|(quantile, _)| *quantile <= last) {
                    (vertical(x.at(nines(quantile)), TOP + LATENCY_HEIGHT, label))
                }
                @for (index, repeat) in repeats.iter().enumerate() {
                    polyline class=(format!("line p{}", index % PATTERNS)) points=(line(repeat)) {}
                }
                @for index in 0..repeats.len() {
                    @let at = TOP + 8.0 + 18.0 * index as f64;
                    line class=(format!("line p{}", index % PATTERNS)) x1=(LEFT + WIDTH + 12.0) x2=(LEFT + WIDTH + 48.0) y1=(at) y2=(at) {}
                    text x=(LEFT + WIDTH + 54.0) y=(at + 4.0) { "repeat " (index + 1) }
                }
            }))
            p.note {
                "A point says: this share of the operations took no longer. Both axes are logarithmic: each mark to the right leaves \
                 out a tenth of what the mark before leaves out."
            }
        }
    }
}

/// A column of the charts over time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Column {
    per_second: f64,
    longest_us: u64,
}

/// Throughput and longest latency over the time of each repeat, with the same axes for all.
pub(super) fn over_time(repeats: &[BenchRepeat]) -> Markup {
    let longest = repeats.iter().map(|repeat| repeat.slices.len()).max().unwrap_or(0);
    let merged = longest.div_ceil(COLUMNS_MAX).max(1);
    let charts: Vec<Vec<Column>> = repeats.iter().map(|repeat| columns(repeat, merged)).collect();
    let all = || charts.iter().flatten();
    let rate = all().map(|column| column.per_second).fold(0.0, f64::max);
    let highest_us = all().map(|column| column.longest_us).max().unwrap_or(0);
    let seconds = longest as f64 * repeats.iter().map(|repeat| repeat.slice_ms).max().unwrap_or(0) as f64 / 1e3;
    html! {
        @for (index, (columns, repeat)) in charts.iter().zip(repeats).enumerate() {
            @let width_s = (repeat.slice_ms * merged as u64) as f64 / 1e3;
            figure {
                figcaption { "Repeat " (index + 1) " over time" }
                (bars("throughput", "operations a second", (columns.len(), width_s, seconds), RATE_HEIGHT, rate, &|at| columns[at].per_second))
                (bars("longest", "longest latency, ms", (columns.len(), width_s, seconds), LONGEST_HEIGHT, highest_us as f64 / 1e3, &|at| columns[at].longest_us as f64 / 1e3))
            }
        }
        @if !repeats.is_empty() {
            p.note {
                "Each column is " (time(repeats[0].slice_ms * merged as u64 * 1000)) ". An operation counts where it ended. A gap in \
                 the upper chart with a tall column in the lower one is a stall. The last column may be of a shorter time."
            }
        }
    }
}

/// Joins slices to columns. A column that is not full counts as if it were.
fn columns(repeat: &BenchRepeat, merged: usize) -> Vec<Column> {
    let seconds = (repeat.slice_ms * merged as u64) as f64 / 1e3;
    let columns = repeat.slices.chunks(merged).map(|slices| Column {
        per_second: slices.iter().map(|slice| f64::from(slice.0)).sum::<f64>() / seconds,
        longest_us: slices.iter().map(|slice| slice.1).max().unwrap_or(0),
    });
    columns.collect()
}

/// A chart of columns over time: their number, the seconds that each takes, and those of the whole axis.
fn bars(
    class: &str,
    name: &str,
    (count, width_s, seconds): (usize, f64, f64),
    height: f64,
    highest: f64,
    value: &dyn Fn(usize) -> f64,
) -> Markup {
    let (tick, tick_s) = (step(highest, 4), step(seconds, 10));
    let top = (highest / tick).ceil().max(1.0) * tick;
    let y = Scale {
        from: 0.0,
        to: top,
        at_from: TOP + height,
        at_to: TOP,
    };
    let x = Scale {
        from: 0.0,
        to: seconds,
        at_from: LEFT,
        at_to: LEFT + WIDTH,
    };
    let marks = |step: f64, end: f64| (0..=(end / step + 1e-9) as u32).map(move |number| f64::from(number) * step);
    html! {
        div class=(class) {
            (svg(height, name, html! {
                @for mark in marks(tick, top) { (horizontal(y.at(mark), &label(mark))) }
                @for mark in marks(tick_s, seconds) { (vertical(x.at(mark), TOP + height, &format!("{} s", label(mark)))) }
                @for at in 0..count {
                    @let (left, right) = (x.at(at as f64 * width_s), x.at((at + 1) as f64 * width_s));
                    @let up = y.at(value(at));
                    rect.bar x=(format!("{left:.1}")) y=(format!("{up:.1}")) width=(format!("{:.1}", (right - left - 0.4).max(0.4))) height=(format!("{:.1}", TOP + height - up)) {}
                }
                text x=(LEFT + WIDTH + 12.0) y=(TOP + 12.0) { (name) }
            }))
        }
    }
}

/// A number of an axis, without digits that it does not need.
fn label(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A chart whose plotted area has this height.
fn svg(height: f64, name: &str, inside: Markup) -> Markup {
    let (width, height) = (LEFT + WIDTH + RIGHT, TOP + height + BOTTOM);
    html! {
        svg viewBox=(format!("0 0 {width} {height}")) width=(width) height=(height) role="img" aria-label=(name) { (inside) }
    }
}

fn horizontal(y: f64, label: &str) -> Markup {
    html! {
        line.grid x1=(LEFT) x2=(LEFT + WIDTH) y1=(format!("{y:.1}")) y2=(format!("{y:.1}")) {}
        text.axis x=(LEFT - 8.0) y=(format!("{:.1}", y + 4.0)) text-anchor="end" { (label) }
    }
}

fn vertical(x: f64, bottom: f64, label: &str) -> Markup {
    html! {
        line.grid x1=(format!("{x:.1}")) x2=(format!("{x:.1}")) y1=(TOP) y2=(bottom) {}
        text.axis x=(format!("{x:.1}")) y=(bottom + 16.0) text-anchor="middle" { (label) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_joined_without_losing_the_longest_latency() {
        let repeat = BenchRepeat {
            slice_ms: 100,
            slices: vec![(10, 5), (0, 0), (20, 900), (7, 1)],
            ..BenchRepeat::default()
        };
        let column = |per_second, longest_us| Column { per_second, longest_us };
        let one: Vec<Column> = columns(&repeat, 1);
        assert_eq!(one[..2], [column(100.0, 5), column(0.0, 0)]);
        assert_eq!(columns(&repeat, 2), [column(50.0, 5), column(135.0, 900)]);
    }

    #[test]
    fn a_scale_holds_every_value() {
        let scale = Scale {
            from: 0.0,
            to: 0.0,
            at_from: 10.0,
            at_to: 20.0,
        };
        assert_eq!(scale.at(0.0), 10.0);
        assert_eq!(Scale { to: 2.0, ..scale }.at(1.0), 15.0);
        assert_eq!(Scale { to: 2.0, ..scale }.at(9.0), 20.0);
    }
}
