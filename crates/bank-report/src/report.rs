//! What a report is made from: one run or two, each with its verdicts, and the words around them.

use bank_check::history::{History, Operation};
use bank_check::verdict::Verdict;

/// A page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The page's heading.
    pub title: String,
    /// What is to be seen and why, a paragraph each; may be empty.
    pub sentences: Vec<String>,
    /// How the run was made.
    pub meta: Meta,
    /// The run.
    pub run: Run,
    /// A second run, set beside the first, such as the same input with a stronger level.
    pub beside: Option<Run>,
}

/// How a run was made. Empty fields are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meta {
    /// The input's name.
    pub input: String,
    /// When it was made, in the words of whoever made it.
    pub date: String,
    /// The seed.
    pub seed: Option<u64>,
    /// The flags that the run was started with.
    pub flags: Vec<String>,
    /// Programs and their versions.
    pub versions: Vec<(String, String)>,
}

/// A run and what its judges found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// What to call it, such as `eventual`; may be empty where there is only one.
    pub name: String,
    /// What happened.
    pub history: History,
    /// What the judges found.
    pub verdicts: Vec<Verdict>,
    /// What is to be seen in it, a paragraph each; may be empty.
    pub sentences: Vec<String>,
}

impl Run {
    /// The operations in the order in which they began, which is the order in which a page numbers them.
    pub(crate) fn ordered(&self) -> Vec<&Operation> {
        let mut ordered: Vec<&Operation> = self.history.operations.iter().collect();
        ordered.sort_by(|a, b| (a.invoked_us, &a.session, a.sequence).cmp(&(b.invoked_us, &b.session, b.sequence)));
        ordered
    }
}
