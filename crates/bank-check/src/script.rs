//! What a run asked of the bank: the opening balance and the customers' events in the order of the input. It holds no
//! answers.

use std::fmt;

/// Everything that a run asked of one bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Opening balance of the one account, in minor units.
    pub opening_balance: i64,
    /// Visits in the order of the input. A customer may have several visits; they use one session.
    pub visits: Vec<Visit>,
}

/// One entry of the input's list of customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Customer number.
    pub customer: u64,
    /// Events of the visit, in order.
    pub events: Vec<Event>,
}

/// One request of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Id of the event in the input. Ids need not be unique.
    pub id: Option<u64>,
    /// Branch that is asked.
    pub branch: u32,
    /// The request.
    pub action: Action,
}

/// A request to the one account of an input. Amounts are in minor units and at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Asks for the balance.
    Query,
    /// Adds an amount.
    Deposit(i64),
    /// Takes an amount. The bank refuses if the account holds less.
    Withdraw(i64),
}

impl Action {
    /// Name of the action in the `interface` field of input and output files.
    pub fn interface(&self) -> &'static str {
        match self {
            Action::Query => "query",
            Action::Deposit(_) => "deposit",
            Action::Withdraw(_) => "withdraw",
        }
    }

    /// True if the action changes the balance.
    pub fn is_write(&self) -> bool {
        !matches!(self, Action::Query)
    }

    /// Change of the balance if the bank accepts the action.
    pub(crate) fn change(&self) -> i128 {
        match *self {
            Action::Query => 0,
            Action::Deposit(amount) => i128::from(amount),
            Action::Withdraw(amount) => -i128::from(amount),
        }
    }
}

/// One event of a script, with what is needed to name it in a message.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Customer of the event.
    pub customer: u64,
    /// Number of the event among the customer's events, over all visits. The first is 1.
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
    /// Names the event: "event 4", or "its event no. 4" if the input gives it no id.
    pub fn label(&self) -> String {
        match self.event.id {
            Some(id) => format!("event {id}"),
            None => format!("its event no. {}", self.ordinal),
        }
    }

    /// Names the step with its customer: "customer 1's query at branch 2 (event 4)".
    pub(crate) fn with_customer(&self) -> String {
        format!("customer {}'s {self}", self.customer)
    }

    /// Names the step in a sentence about `reader`: "the deposit …" if it is the reader's own, else with its customer.
    pub(crate) fn named_for(&self, reader: &Step<'_>) -> String {
        if reader.customer == self.customer {
            format!("the {self}")
        } else {
            self.with_customer()
        }
    }
}

/// Names the step without its customer: "deposit of 10 at branch 1 (event 2)".
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
