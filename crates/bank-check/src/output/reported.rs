//! The content of an output file.

/// The content of an output file, in one of its forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Every event with its answer, in the order of the file: the forms `events` and `customers`.
    Events(Vec<Reported>),
    /// For each customer, the balance of its last query: the form `balances`.
    Balances(Vec<(u64, i64)>),
}

/// One event of an output file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// Customer number.
    pub customer: u64,
    /// `query`, `deposit` or `withdraw`.
    pub interface: String,
    /// Branch, if the output names it.
    pub branch: Option<u32>,
    /// Answer to the event.
    pub answer: Answer,
}

/// Answer to one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Balance that a query was answered.
    Balance(i64),
    /// The bank accepted the write.
    Success,
    /// The bank refused the write.
    Fail,
    /// The output reports the result as unknown, or it lacks the event.
    Unknown,
    /// The output has the event, with neither a balance nor a result.
    Missing,
    /// The form of the output has no place for the answer.
    NotSaid,
}
