//! An invented bank that produces histories: one journal, and branches that apply it with a delay.

use bank_check::history::RefusalReason;
use bank_check::history::{
    Action, Applied, Fault, FaultKind, History, Journal, Leader, Level, Operation, Outcome, Propagation,
};

/// The invented bank.
pub(super) struct Bank {
    pub(super) history: History,
    balance: i64,
    position: u64,
    random: u64,
    leader: u32,
    term: u64,
}

/// A request of a customer.
pub(super) struct Ask {
    pub(super) customer: u64,
    pub(super) event: i64,
    pub(super) branch: u32,
    pub(super) level: Level,
    pub(super) at_us: u64,
}

impl Bank {
    /// A bank with branches 1 to `branches`. It opened with `balance` shortly before `origin_us`.
    pub(super) fn new(branches: u32, balance: i64, origin_us: u64) -> Bank {
        let mut bank = Bank {
            history: History {
                branches: (1..=branches).collect(),
                journals: (1..=branches)
                    .map(|branch| Journal {
                        branch,
                        ..Journal::default()
                    })
                    .collect(),
                ..History::default()
            },
            balance,
            position: 0,
            random: 7,
            leader: 0,
            term: 0,
        };
        bank.elect(1, origin_us.saturating_sub(100_000));
        let open = Action::Open {
            account: "main".to_owned(),
            amount: balance,
        };
        bank.apply(open, Outcome::Accepted, origin_us.saturating_sub(90_000));
        bank
    }

    /// A number from `least` to `most` − 1, the same in every run of the program.
    pub(super) fn random(&mut self, least: u64, most: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        least + (self.random >> 33) % (most - least)
    }

    /// Adds a fault. Call it before the operations that the fault affects.
    pub(super) fn fault(&mut self, kind: FaultKind, from_us: u64, until_us: u64) {
        self.history.faults.push(Fault {
            kind,
            from_us,
            until_us: Some(until_us),
        });
    }

    /// Makes a branch the leader in the next term.
    pub(super) fn elect(&mut self, branch: u32, at_us: u64) {
        self.leader = branch;
        self.term += 1;
        for journal in &mut self.history.journals {
            journal.leaders.push(Leader {
                term: self.term,
                branch: Some(branch),
                after_position: self.position,
                from_us: Some(at_us),
            });
        }
    }

    /// Makes a branch lose what a process knows only while it runs.
    pub(super) fn forget(&mut self, branch: u32) {
        let journal = &mut self.history.journals[branch as usize - 1];
        journal.leaders.clear();
        for applied in &mut journal.applied {
            applied.applied_us = None;
        }
    }

    /// Makes a deposit, or with a negative amount a withdrawal. Returns the time of its completion.
    pub(super) fn write(&mut self, ask: &Ask, amount: i64) -> u64 {
        let applied_us = ask.at_us + self.random(1_400, 3_600);
        let account = "main".to_owned();
        let (action, outcome) = match amount {
            0.. => (Action::Deposit { account, amount }, Outcome::Accepted),
            _ if self.balance + amount < 0 => (
                Action::Withdraw {
                    account,
                    amount: -amount,
                },
                Outcome::Refused(RefusalReason::InsufficientFunds),
            ),
            _ => (
                Action::Withdraw {
                    account,
                    amount: -amount,
                },
                Outcome::Accepted,
            ),
        };
        if outcome == Outcome::Accepted {
            self.balance += amount;
        }
        let id = self.apply(action.clone(), outcome, applied_us);
        let completed_us = applied_us + self.random(150, 500);
        self.record(ask, action, completed_us, |operation| {
            operation.outcome = outcome;
            operation.request_id = Some(id);
        });
        let (balance, position) = (self.balance, self.position);
        self.last(|operation| {
            operation.balance = Some(balance);
            operation.position = Some(position);
        });
        completed_us
    }

    /// Makes a read that waits for the position `required`. Returns the time of its completion.
    pub(super) fn query(&mut self, ask: &Ask, required: u64) -> u64 {
        let arrived_us = ask.at_us + self.random(120, 260);
        let journal = &self.history.journals[ask.branch as usize - 1];
        let reached = |applied: &&Applied| applied.applied_us.unwrap_or(0) <= arrived_us;
        let has = journal.applied.iter().rev().find(reached);
        let waited_for = journal.applied.iter().find(|applied| applied.position >= required);
        let (seen, waited_us) = match (has, waited_for) {
            (Some(has), _) if has.position >= required => (Some(has), 0),
            (_, Some(later)) => (Some(later), later.applied_us.unwrap_or(0).saturating_sub(arrived_us)),
            (has, None) => (has, 0),
        };
        let (balance, position) = (seen.map(|seen| seen.balance), seen.map(|seen| seen.position));
        let completed_us = arrived_us + waited_us + self.random(120, 260);
        let account = "main".to_owned();
        self.record(ask, Action::Query { account }, completed_us, |operation| {
            operation.balance = balance;
            operation.position = position;
            operation.waited_us = waited_us;
        });
        completed_us
    }

    /// Changes the last operation of the history.
    pub(super) fn last(&mut self, change: impl FnOnce(&mut Operation)) {
        if let Some(operation) = self.history.operations.last_mut() {
            change(operation);
        }
    }

    /// Position of the last command.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    fn apply(&mut self, action: Action, outcome: Outcome, applied_us: u64) -> String {
        self.position += 1;
        let request_id = format!("01946a3e-0000-7000-8000-{:012x}", self.position);
        for index in 0..self.history.journals.len() {
            let branch = index as u32 + 1;
            let lag_us = if branch == self.leader {
                0
            } else {
                self.random(100, 1_600)
            };
            let mut reached_us = applied_us + lag_us;
            for fault in &self.history.faults {
                let (hit, until_us) = match fault.kind {
                    FaultKind::Hold { to } => (to == branch, fault.until_us.unwrap_or(reached_us)),
                    FaultKind::Pause { branch: other } | FaultKind::Kill { branch: other } => {
                        (other == branch, fault.until_us.unwrap_or(reached_us))
                    }
                    _ => (false, 0),
                };
                if hit && (fault.from_us..until_us).contains(&reached_us) {
                    reached_us = until_us + lag_us / 4 + 200;
                }
            }
            let journal = &mut self.history.journals[index];
            let before_us = journal
                .applied
                .last()
                .and_then(|applied| applied.applied_us)
                .unwrap_or(0);
            journal.position = self.position;
            journal.applied.push(Applied {
                position: self.position,
                request_id: request_id.clone(),
                action: action.clone(),
                outcome,
                balance: self.balance,
                to_balance: None,
                time_us: None,
                applied_us: Some(reached_us.max(before_us)),
            });
        }
        request_id
    }

    fn record(&mut self, ask: &Ask, action: Action, completed_us: u64, change: impl FnOnce(&mut Operation)) {
        let mut operation = Operation {
            customer: ask.customer,
            session: format!("customer-{}", ask.customer),
            sequence: self.history.operations.len() as u64 + 1,
            event: Some(ask.event),
            action,
            branch: ask.branch,
            served_by: Some(ask.branch),
            level: ask.level,
            propagation: Propagation::Quorum,
            request_id: None,
            invoked_us: ask.at_us,
            completed_us,
            outcome: Outcome::Answered,
            balance: None,
            position: None,
            waited_us: 0,
            attempts: 1,
            repeated: false,
            missing_branches: Vec::new(),
            error: None,
        };
        change(&mut operation);
        self.history.operations.push(operation);
    }
}
