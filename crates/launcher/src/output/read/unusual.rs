//! What was unusual in an output, and how it was read.

/// Most kinds that a note lists.
const LISTED_MAX: usize = 8;

/// Unusual things, each with its number, in the order of their first place.
#[derive(Debug, Default)]
pub(super) struct Unusual {
    kinds: Vec<(String, usize)>,
}

impl Unusual {
    /// Counts an unusual thing. `what` says how it was read, such as `"SUCCESS" as success`.
    pub(super) fn saw(&mut self, what: &str) {
        match self.kinds.iter_mut().find(|(kind, _)| kind == what) {
            Some((_, times)) => *times += 1,
            None => self.kinds.push((what.to_owned(), 1)),
        }
    }

    /// All unusual things in one line. `None` if there were none.
    pub(super) fn note(&self) -> Option<String> {
        if self.kinds.is_empty() {
            return None;
        }
        let listed = self.kinds.iter().take(LISTED_MAX).map(|(kind, times)| match times {
            1 => format!("{kind} (once)"),
            times => format!("{kind} ({times} times)"),
        });
        let mut note = format!("read {}", listed.collect::<Vec<_>>().join(", "));
        if self.kinds.len() > LISTED_MAX {
            note += &format!(" and {} other unusual things", self.kinds.len() - LISTED_MAX);
        }
        Some(note)
    }
}
