//! What was asked: the opening balance, and the customers' events in the order of the input. Knows no answers.

use std::fmt;

/// The whole of what was asked of one bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// What the one account opens with, in minor units.
    pub opening_balance: i64,
    /// In the order of the input. A customer may come more than once; its session then goes on.
    pub visits: Vec<Visit>,
}

/// One listing of a customer in the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The customer's number.
    pub customer: u64,
    /// What it asks, in order.
    pub events: Vec<Event>,
}

/// One request of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The label that the input gives the event; it need not be unique.
    pub id: Option<u64>,
    /// The branch that is asked.
    pub branch: u32,
    /// What it is asked.
    pub action: Action,
}

/// What a branch is asked to do. Amounts are in minor units, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Say the balance.
    Query,
    /// Add this amount.
    Deposit(i64),
    /// Take this amount away, or refuse.
    Withdraw(i64),
}

impl Action {
    /// The word for it in input and output files.
    pub fn interface(&self) -> &'static str {
        match self {
            Action::Query => "query",
            Action::Deposit(_) => "deposit",
            Action::Withdraw(_) => "withdraw",
        }
    }

    /// Whether it changes the balance.
    pub fn is_write(&self) -> bool {
        !matches!(self, Action::Query)
    }

    /// By how much it changes the balance where it is accepted.
    pub(crate) fn change(&self) -> i128 {
        match *self {
            Action::Query => 0,
            Action::Deposit(amount) => i128::from(amount),
            Action::Withdraw(amount) => -i128::from(amount),
        }
    }
}

/// One event of a script, with what is needed to name it.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Whose event it is.
    pub customer: u64,
    /// 1 for the customer's first event, counted over all its visits.
    pub ordinal: usize,
    /// The event.
    pub event: &'a Event,
}

impl Script {
    /// Every event in the order of the input.
    pub fn steps(&self) -> Vec<Step<'_>> {
        let mut seen = std::collections::HashMap::new();
        let mut steps = Vec::new();
        for visit in &self.visits {
            let ordinal = seen.entry(visit.customer).or_insert(0);
            for event in &visit.events {
                *ordinal += 1;
                steps.push(Step {
                    customer: visit.customer,
                    ordinal: *ordinal,
                    event,
                });
            }
        }
        steps
    }
}

impl Step<'_> {
    /// "event 4", or "its event no. 4" where the input gave it no label.
    pub fn label(&self) -> String {
        match self.event.id {
            Some(id) => format!("event {id}"),
            None => format!("its event no. {}", self.ordinal),
        }
    }
}

/// "the deposit of 10 at branch 1 (event 2)"
impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let branch = self.event.branch;
        match self.event.action {
            Action::Query => write!(f, "query at branch {branch}")?,
            Action::Deposit(amount) => write!(f, "deposit of {amount} at branch {branch}")?,
            Action::Withdraw(amount) => write!(f, "withdrawal of {amount} at branch {branch}")?,
        }
        write!(f, " ({})", self.label())
    }
}
