//! The page of a benchmark: charts of latency and throughput, and tables. The charts are drawn here, so the page needs no
//! script.

mod charts;
mod ticks;

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Largest number of repeats with charts. It bounds the size of the page; the tables have all repeats.
pub const CHARTS_MAX: usize = 10;

/// Content security policy: the page loads nothing, sends nothing and runs nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLES: &[&str] = &[
    include_str!("page/colours.css"),
    include_str!("page/page.css"),
    include_str!("page/bench.css"),
];

/// The content of the page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BenchReport {
    /// Heading of the page.
    pub title: String,
    /// Paragraphs under the heading. May be empty.
    pub sentences: Vec<String>,
    /// What was measured and where, as names and values.
    pub facts: Vec<(String, String)>,
    /// The tables. The first one stands before the charts.
    pub tables: Vec<BenchTable>,
    /// The repeats, in order.
    pub repeats: Vec<BenchRepeat>,
}

/// A table of texts. The first cell of a row is its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BenchTable {
    /// Caption of the table.
    pub caption: String,
    /// Names of the columns.
    pub head: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

/// What the charts show of a repeat.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BenchRepeat {
    /// Pairs of a quantile from 0 to 1 and the latency there in microseconds, rising.
    pub quantiles: Vec<(f64, u64)>,
    /// Length of a slice of time in milliseconds.
    pub slice_ms: u64,
    /// For each slice, the number of operations that ended in it, and the longest latency among them in microseconds.
    pub slices: Vec<(u32, u64)>,
}

/// Renders the page as the text of one HTML file.
pub fn render(report: &BenchReport) -> String {
    let charted = &report.repeats[..report.repeats.len().min(CHARTS_MAX)];
    let (first, others) = report.tables.split_at(report.tables.len().min(1));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (report.title) }
                style { (PreEscaped(STYLES.concat())) }
            }
            body.bench {
                header {
                    h1 { (report.title) }
                    dl.meta {
                        @for (name, value) in &report.facts { div { dt { (name) } dd { (value) } } }
                    }
                    @for sentence in &report.sentences { p.sentence { (sentence) } }
                }
                main {
                    @for one in first { (table(one)) }
                    @if report.repeats.len() > CHARTS_MAX {
                        p.note { "The charts show the first " (CHARTS_MAX) " of " (report.repeats.len()) " repeats." }
                    }
                    (charts::latency(charted))
                    (charts::over_time(charted))
                    @for other in others { (table(other)) }
                }
            }
        }
    };
    page.into_string() + "\n"
}

fn table(table: &BenchTable) -> Markup {
    html! {
        div.scrolled {
            table {
                caption { (table.caption) }
                thead {
                    tr { @for (index, name) in table.head.iter().enumerate() { th.number[index > 0] scope="col" { (name) } } }
                }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (index, cell) in row.iter().enumerate() {
                                @if index == 0 { th scope="row" { (cell) } } @else { td.number { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(repeats: usize) -> BenchReport {
        let repeat = BenchRepeat {
            quantiles: vec![(0.0, 400), (0.5, 600), (0.9, 900), (0.99, 31_000), (1.0, 31_000)],
            slice_ms: 100,
            slices: vec![(100, 900), (0, 0), (40, 31_000)],
        };
        BenchReport {
            title: "A bench of <3> branches".to_owned(),
            facts: vec![("host".to_owned(), "two & a half cores".to_owned())],
            tables: vec![BenchTable {
                caption: "Repeats".to_owned(),
                head: vec!["repeat".to_owned(), "p50".to_owned()],
                rows: vec![vec!["1".to_owned(), "0.60 ms".to_owned()]],
            }],
            repeats: vec![repeat; repeats],
            ..BenchReport::default()
        }
    }

    #[test]
    fn texts_are_escaped_and_nothing_is_loaded() {
        let page = render(&report(1));
        assert!(page.contains("<h1>A bench of &lt;3&gt; branches</h1>"), "{page}");
        assert!(page.contains("two &amp; a half cores"));
        for loaded in ["<script", "http://", "https://", "url("] {
            assert!(!page.contains(loaded), "{loaded}");
        }
    }

    #[test]
    fn many_repeats_and_none_have_a_page() {
        assert_eq!(render(&report(0)).matches("<svg").count(), 0);
        let page = render(&report(CHARTS_MAX + 2));
        assert_eq!(page.matches("class=\"throughput\"").count(), CHARTS_MAX);
        assert!(page.contains("the first 10 of 12 repeats"), "{page}");
    }
}
