//! Renders a run as one HTML file that needs no network: a space–time diagram, the verdicts with their witnesses, and
//! the latencies of the operations. Renders a benchmark in the same style.
//!
//! The crate is pure: a [`Report`] goes in, the text of the file comes out. It judges nothing; the report holds the
//! verdicts of `bank-check`. In reading order:
//!
//! - [`report`]: the content of a report.
//! - `describe`, `escape`: operations, faults and times as text; JSON that cannot end its script element.
//! - `read_requirement`: the earlier operations that determine how recent a state each operation needs.
//! - `latency`: latencies by action and level.
//! - `layout`: heights of the lanes, so that nothing moves when the picture is drawn.
//! - `data`: the run as the JSON that the page's script draws.
//! - `html`, `tables`, `legend`: the page around the picture, which also works without a script.
//! - [`mod@bench`]: the page of a benchmark, which has none of the above.
//! - `page/`: the script and the styles that every page contains.
//!
//! ```
//! use bank_check::{History, Options, judge};
//! use bank_report::{Report, Run, render};
//!
//! // The history of a run, and the verdicts on it.
//! let history = History::default();
//! let verdicts = judge(&history, &Options::default());
//! let page = render(&Report {
//!     title: "A run".to_owned(),
//!     run: Run { history, verdicts, ..Run::default() },
//!     ..Report::default()
//! });
//! assert!(page.contains("<h1>A run</h1>"));
//! ```

pub mod bench;
mod data;
mod describe;
mod escape;
mod html;
mod lanes;
mod latency;
mod layout;
mod leaders;
mod legend;
mod read_requirement;
pub mod report;
mod tables;

pub use data::SINGLE_MAX;
pub use describe::fault as fault_in_words;
pub use html::render;
pub use latency::percentile;
pub use report::{Meta, Report, Run};
pub use tables::ROWS_MAX;
