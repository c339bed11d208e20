//! Judges recorded histories, which hold positions, for the four session guarantees of Terry et al., "Session
//! Guarantees for Weakly Consistent Replicated Data" (1994), section 3. One file for each guarantee.

mod monotonic_reads;
mod monotonic_writes;
mod read_your_writes;
mod writes_follow_reads;

use crate::verdict::Verdict;

/// What one customer did and was told, in its own order: each operation began after the one before it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The customer's number.
    pub customer: u64,
    /// Its operations.
    pub operations: Vec<Operation>,
}

/// One operation of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// How to name it, such as "query at branch 2 (event 4)".
    pub name: String,
    /// Read or write.
    pub kind: Kind,
    /// The position in its answer: of the state that was read, or of the write itself, refused or not. `None` where
    /// there was no answer.
    pub position: Option<u64>,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It reads the balance.
    Read,
    /// It asks to change the balance.
    Write,
}

/// All four verdicts.
pub fn judge(sessions: &[Session]) -> Vec<Verdict> {
    vec![
        read_your_writes::judge(sessions),
        monotonic_reads::judge(sessions),
        monotonic_writes::judge(sessions),
        writes_follow_reads::judge(sessions),
    ]
}

/// An answered operation.
struct Answered<'a> {
    operation: &'a Operation,
    position: u64,
}

impl Session {
    /// The operations that were answered, in order.
    fn answered(&self) -> impl Iterator<Item = Answered<'_>> {
        self.operations.iter().filter_map(|operation| {
            Some(Answered {
                operation,
                position: operation.position?,
            })
        })
    }
}

/// Goes through each session and compares each answered operation of `kind` with the highest of those before it that
/// are of `before`. `wrong` says in words what is wrong, if anything.
fn compare(
    mut verdict: Verdict,
    sessions: &[Session],
    before: Kind,
    kind: Kind,
    wrong: impl Fn(u64, &Answered<'_>, &Answered<'_>) -> Option<String>,
) -> Verdict {
    for session in sessions {
        let mut highest: Option<Answered<'_>> = None;
        for answered in session.answered() {
            if let Some(highest) = &highest
                && answered.operation.kind == kind
            {
                verdict.count(wrong(session.customer, highest, &answered));
            }
            let rises = highest
                .as_ref()
                .is_none_or(|highest| answered.position >= highest.position);
            if answered.operation.kind == before && rises {
                highest = Some(answered);
            }
        }
    }
    verdict
}

#[cfg(test)]
mod tests;
