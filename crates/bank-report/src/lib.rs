//! A run as a page to look at: one HTML file that needs no network, with a space–time diagram, the verdicts and their
//! witnesses, and how long operations took.
//!
//! Pure: a [`Report`] goes in, the text of the file comes out. It judges nothing: verdicts are given to it. In reading
//! order:
//!
//! - [`report`]: what goes in.
//! - `needs`: what each operation's session had seen and written before it, and so what it had to see.
//! - `latency`: how long operations took, by what they were.
//! - `layout`: how high each lane is, so that nothing moves when the picture is drawn.
//! - `data`: the run as the JSON that the page's script draws from.
//! - `words`, `escape`: operations, faults and times in plain words; text that cannot break out of its place.
//! - `html`, `tables`, `legend`: the page around the picture, which also reads without a script.
//! - `page/`: the page's own script and styles, put into every file.

mod data;
mod escape;
mod html;
mod latency;
mod layout;
mod legend;
mod needs;
pub mod report;
mod tables;
mod words;

pub use data::SINGLE_MAX;
pub use html::render;
pub use report::{Meta, Report, Run};
pub use tables::ROWS_MAX;
