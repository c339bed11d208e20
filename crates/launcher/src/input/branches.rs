//! Checks the branches of an input.

use super::entry::{Checked, Entry, integer, written};
use super::json::Node;
use std::collections::BTreeSet;

/// Most branches of an input. Each branch is a process.
pub const BRANCHES_MAX: usize = 512;

/// The branches of an input that have been checked so far.
#[derive(Default)]
pub(super) struct Branches {
    /// Numbers in the order of the file.
    pub(super) in_order: Vec<u32>,
    /// The same numbers, sorted.
    known: BTreeSet<u32>,
    /// Opening balance, which is the same for all branches. `None` while there is no branch.
    pub(super) opening_balance: Option<i64>,
}

impl Branches {
    /// Checks a branch and adds it.
    pub(super) fn add(&mut self, entry: &Entry<'_, '_>) -> Checked<()> {
        let number = branch_number(entry, "id", entry.need("id")?)?;
        let balance = entry.need("balance")?;
        let Some(opening) = integer(balance, 0, i64::MAX as u64) else {
            let rule = "a balance is a whole number from 0 to 9223372036854775807, in digits alone";
            return Err(entry.wrong(balance.at, format!("\"balance\" is {}; {rule}", written(balance))));
        };
        let opening = opening as i64;
        if !self.known.insert(number) {
            let what = format!("branch {number} is listed twice; give each branch its own number");
            return Err(entry.wrong(entry.at, what));
        }
        match (self.opening_balance, self.in_order.first()) {
            (Some(first), Some(branch)) if first != opening => {
                let what = format!(
                    "it opens with {opening}, branch {branch} with {first}; branches are copies of one account: give \
                     all the same balance"
                );
                return Err(entry.wrong(balance.at, what));
            }
            _ => self.opening_balance = Some(opening),
        }
        self.in_order.push(number);
        if self.in_order.len() > BRANCHES_MAX {
            let what = format!("more than {BRANCHES_MAX} branches; each is a process of its own: run fewer");
            return Err(entry.wrong(entry.at, what));
        }
        Ok(())
    }

    /// Whether the input lists this branch.
    pub(super) fn contains(&self, number: u32) -> bool {
        self.known.contains(&number)
    }

    /// The first numbers in sorted order, for error messages.
    pub(super) fn listed(&self) -> String {
        const SHOWN_MAX: usize = 12;
        let mut numbers: Vec<String> = self.known.iter().take(SHOWN_MAX).map(u32::to_string).collect();
        if self.known.len() > SHOWN_MAX {
            numbers.push("…".to_owned());
        }
        numbers.join(", ")
    }
}

fn branch_number(entry: &Entry<'_, '_>, key: &str, node: &Node<'_>) -> Checked<u32> {
    integer(node, 1, u32::MAX.into())
        .and_then(|number| u32::try_from(number).ok())
        .ok_or_else(|| {
            let what = format!(
                "\"{key}\" is {}; a branch is a whole number from 1, in digits alone",
                written(node)
            );
            entry.wrong(node.at, what)
        })
}

/// Reads the number of a branch that the input has.
pub(super) fn known_branch(entry: &Entry<'_, '_>, key: &str, node: &Node<'_>, branches: &Branches) -> Checked<u32> {
    let number = branch_number(entry, key, node)?;
    if branches.contains(number) {
        return Ok(number);
    }
    let what = format!(
        "there is no branch {number}; add it, or name one of these: {}",
        branches.listed()
    );
    Err(entry.wrong(node.at, what))
}
