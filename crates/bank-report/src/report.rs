//! The content of a report: one run or two, each with its verdicts, and the text around them.

use bank_check::history::{History, Operation};
use bank_check::verdict::Verdict;

/// The content of one page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Heading of the page.
    pub title: String,
    /// Paragraphs that explain what the page shows. May be empty.
    pub sentences: Vec<String>,
    /// How the run was made.
    pub meta: Meta,
    /// The run.
    pub run: Run,
    /// A second run for comparison, such as the same input with a stronger level.
    pub beside: Option<Run>,
}

/// How a run was made. The page leaves out empty fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meta {
    /// Name of the input.
    pub input: String,
    /// Date and time of the run, as text.
    pub date: String,
    /// Command-line flags of the run.
    pub flags: Vec<String>,
    /// Names and versions of the programs.
    pub versions: Vec<(String, String)>,
}

/// A run and the verdicts on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// Name of the run, such as `eventual`. May be empty if the page has only one run.
    pub name: String,
    /// Recorded history of the run.
    pub history: History,
    /// Verdicts on the run. [`Verdict::promised`] says whether the run promised the guarantee.
    pub verdicts: Vec<Verdict>,
    /// Paragraphs that explain what the run shows. May be empty.
    pub sentences: Vec<String>,
}

impl Run {
    /// Operations in the order in which they began. The page numbers them in this order.
    pub(crate) fn ordered(&self) -> Vec<&Operation> {
        let mut ordered: Vec<&Operation> = self.history.operations.iter().collect();
        ordered.sort_by(|a, b| (a.invoked_us, &a.session, a.sequence).cmp(&(b.invoked_us, &b.session, b.sequence)));
        ordered
    }
}
