//! A model of a correct bank that produces histories, for tests and benchmarks. It uses only the history types of the
//! checker.

use bank_check::history::{Action, Applied, History, Journal, Level, Operation, Outcome, Propagation, RefusalReason};
use std::collections::HashMap;

/// Opening balance of the model.
pub(crate) const OPENING: i64 = 1_000;

/// Size and kind of a history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) seed: u64,
    pub(crate) operations: usize,
    pub(crate) sessions: usize,
    pub(crate) branches: u32,
    /// Only queries and deposits of distinct powers of two, on `main`.
    pub(crate) powers: bool,
}

/// Random number generator: splitmix64.
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `sides` − 1.
    pub(crate) fn upto(&mut self, sides: u64) -> u64 {
        self.roll() % sides.max(1)
    }

    pub(crate) fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.upto(from.len() as u64) as usize]
    }
}

/// State of one customer: what it has seen, and its write with an unknown outcome.
#[derive(Debug, Clone, Default)]
struct Customer {
    sequence: u64,
    seen: u64,
    free_us: u64,
    pending: Option<(String, Action)>,
}

struct Bank {
    shape: Shape,
    dice: Dice,
    now_us: u64,
    ids: u64,
    head: u64,
    deposits: u32,
    accounts: HashMap<String, i64>,
    decided: HashMap<String, usize>,
    entries: Vec<Applied>,
    reached: Vec<u64>,
    customers: Vec<Customer>,
    operations: Vec<Operation>,
}

/// History of a correct run.
pub(crate) fn history(shape: Shape) -> History {
    let mut bank = Bank {
        shape,
        dice: Dice(shape.seed),
        now_us: 1_000,
        ids: 0,
        head: 0,
        deposits: 0,
        accounts: HashMap::new(),
        decided: HashMap::new(),
        entries: Vec::new(),
        reached: vec![1; shape.branches as usize],
        customers: vec![Customer::default(); shape.sessions.max(1)],
        operations: Vec::with_capacity(shape.operations),
    };
    let opening = Action::Open {
        account: "main".to_owned(),
        amount: OPENING,
    };
    bank.decide("founding".to_owned(), &opening);
    for _ in 0..shape.operations {
        bank.step();
    }
    bank.finish()
}

impl Bank {
    fn step(&mut self) {
        self.now_us += 100;
        let at = self.dice.upto(self.customers.len() as u64) as usize;
        // A customer waits for its last answer.
        if self.customers[at].free_us >= self.now_us {
            self.now_us = self.customers[at].free_us + 1;
        }
        let writes_left = !self.shape.powers || self.deposits < 60;
        let pending = self.customers[at].pending.clone();
        match pending {
            Some((id, action)) => self.write(at, id, action),
            None if writes_left && self.dice.upto(5) < 2 => {
                self.ids += 1;
                let id = format!("01980000-0000-7000-8000-{:012x}", self.ids);
                let action = self.action();
                self.write(at, id, action);
            }
            None => self.read(at),
        }
    }

    fn action(&mut self) -> Action {
        if self.shape.powers {
            self.deposits += 1;
            return Action::Deposit {
                account: "main".to_owned(),
                amount: 1 << (self.deposits - 1),
            };
        }
        let names = ["main", "main", "main", "a", "b"];
        let account = (*self.dice.pick(&names)).to_owned();
        let to = (*self.dice.pick(&names)).to_owned();
        let amount = 1 + self.dice.upto(400) as i64;
        match self.dice.upto(16) {
            0 => Action::Open { account, amount: 0 },
            1..=3 => Action::Transfer { account, to, amount },
            4..=9 => Action::Withdraw { account, amount },
            _ => Action::Deposit { account, amount },
        }
    }

    fn read(&mut self, at: usize) {
        let account = match self.dice.upto(4) {
            0 if !self.shape.powers && self.accounts.contains_key("a") => "a",
            _ => "main",
        };
        let branch = self.branch();
        let levels = [
            Level::Eventual,
            Level::ReadYourWrites,
            Level::MonotonicReads,
            Level::Session,
            Level::Strong,
        ];
        let level = *self.dice.pick(&levels);
        let floor = match level {
            Level::Strong => self.head,
            // Stronger than the levels demand: no read is older than its session.
            _ => self.customers[at].seen,
        };
        let account = account.to_owned();
        let place = branch as usize - 1;
        let behind = self.head - self.reached[place];
        let catches_up = self.dice.upto(behind.min(4) + 1);
        self.reached[place] = (self.reached[place] + catches_up).max(floor);
        let position = self.reached[place];
        let Some(balance) = balance_at(&self.entries, &account, position) else {
            return;
        };
        let mut operation = self.operation(at, branch, Action::Query { account }, level);
        operation.outcome = Outcome::Answered;
        operation.balance = Some(balance);
        operation.position = Some(position);
        self.customers[at].seen = position;
        self.done(at, operation);
    }

    fn write(&mut self, at: usize, id: String, action: Action) {
        let branch = self.branch();
        let mut operation = self.operation(at, branch, action.clone(), Level::Session);
        operation.request_id = Some(id.clone());
        let luck = self.dice.upto(40);
        operation.outcome = match luck {
            0 if self.customers[at].pending.is_none() => Outcome::NotApplied,
            1 | 2 => Outcome::Unknown,
            _ => Outcome::Accepted,
        };
        // Half of the writes with an unknown outcome are applied.
        let reaches = operation.outcome == Outcome::Accepted || luck == 1;
        self.customers[at].pending = (operation.outcome == Outcome::Unknown).then(|| (id.clone(), action.clone()));
        if reaches {
            let known = self.decided.contains_key(&id);
            let entry = self.decide(id, &action);
            if operation.outcome == Outcome::Accepted {
                operation.outcome = entry.outcome;
                operation.balance = Some(entry.balance);
                operation.position = Some(entry.position);
                operation.repeated = known;
                self.customers[at].seen = self.customers[at].seen.max(entry.position);
            }
        }
        self.done(at, operation);
    }

    fn branch(&mut self) -> u32 {
        1 + self.dice.upto(u64::from(self.shape.branches)) as u32
    }

    fn operation(&mut self, at: usize, branch: u32, action: Action, level: Level) -> Operation {
        let free_us = self.customers[at].free_us;
        let early = self.dice.upto(150);
        self.customers[at].sequence += 1;
        let sequence = self.customers[at].sequence;
        Operation {
            customer: at as u64 + 1,
            session: format!("customer {}", at + 1),
            sequence,
            event: Some(sequence as i64),
            action,
            branch,
            served_by: Some(branch),
            level,
            propagation: Propagation::Quorum,
            request_id: None,
            invoked_us: free_us.max(self.now_us - early),
            completed_us: self.now_us + self.dice.upto(150),
            outcome: Outcome::Failed,
            balance: None,
            position: None,
            waited_us: 0,
            attempts: 1,
            repeated: false,
            missing_branches: Vec::new(),
            error: None,
        }
    }

    fn done(&mut self, at: usize, operation: Operation) {
        self.customers[at].free_us = operation.completed_us + 1;
        self.operations.push(operation);
    }

    /// Applies a command. A repeated command takes a position too but changes nothing.
    fn decide(&mut self, id: String, action: &Action) -> Applied {
        self.head += 1;
        if let Some(at) = self.decided.get(&id) {
            return self.entries[*at].clone();
        }
        let outcome = match refusal(&self.accounts, action) {
            Some(refusal) => Outcome::Refused(refusal),
            None => Outcome::Accepted,
        };
        if outcome == Outcome::Accepted {
            self.apply(action);
        }
        let held = |name: &str| self.accounts.get(name).copied();
        let (account, to) = names(action);
        let entry = Applied {
            position: self.head,
            request_id: id.clone(),
            action: action.clone(),
            outcome,
            balance: held(account).unwrap_or(0),
            to_balance: to.filter(|_| outcome == Outcome::Accepted).and_then(held),
            time_us: Some(1),
            applied_us: Some(self.now_us),
        };
        self.decided.insert(id, self.entries.len());
        self.entries.push(entry.clone());
        entry
    }

    fn apply(&mut self, action: &Action) {
        let mut add = |account: &String, amount: i64| *self.accounts.entry(account.clone()).or_default() += amount;
        match action {
            Action::Query { .. } => {}
            Action::Deposit { account, amount } | Action::Open { account, amount } => add(account, *amount),
            Action::Withdraw { account, amount } => add(account, -amount),
            Action::Transfer { account, to, amount } => {
                add(account, -amount);
                add(to, *amount);
            }
        }
    }

    fn finish(mut self) -> History {
        let branches: Vec<u32> = (1..=self.shape.branches).collect();
        let journals = branches.iter().map(|branch| {
            // Three of four branches are at the last position.
            let reached = self.reached[*branch as usize - 1];
            let position = if self.dice.upto(4) == 0 { reached } else { self.head };
            let count = self.entries.partition_point(|entry| entry.position <= position);
            Journal {
                branch: *branch,
                position,
                digest: digest(position),
                leaders: Vec::new(),
                entries_head: None,
                applied: self.entries[..count].to_vec(),
            }
        });
        let mut journals: Vec<Journal> = journals.collect();
        // The first two branches have all commands, so that they can be compared.
        for journal in journals.iter_mut().take(2) {
            journal.position = self.head;
            journal.digest = digest(self.head);
            journal.applied = self.entries.clone();
        }
        History {
            operations: self.operations,
            faults: Vec::new(),
            journals,
            branches,
        }
    }
}

/// A digest that is equal at equal positions.
pub(crate) fn digest(position: u64) -> String {
    format!("{:064x}", Dice(position).roll())
}

fn names(action: &Action) -> (&str, Option<&str>) {
    match action {
        Action::Query { account }
        | Action::Deposit { account, .. }
        | Action::Withdraw { account, .. }
        | Action::Open { account, .. } => (account, None),
        Action::Transfer { account, to, .. } => (account, Some(to)),
    }
}

fn refusal(accounts: &HashMap<String, i64>, action: &Action) -> Option<RefusalReason> {
    let (account, to) = names(action);
    if matches!(action, Action::Open { .. }) {
        return accounts.contains_key(account).then_some(RefusalReason::AccountExists);
    }
    let Some(held) = accounts.get(account) else {
        return Some(RefusalReason::NoSuchAccount);
    };
    match action {
        Action::Transfer { .. } if to == Some(account) => Some(RefusalReason::SameAccount),
        Action::Transfer { to, .. } if !accounts.contains_key(to) => Some(RefusalReason::NoSuchAccount),
        Action::Transfer { amount, .. } | Action::Withdraw { amount, .. } if held < amount => {
            Some(RefusalReason::InsufficientFunds)
        }
        _ => None,
    }
}

/// Balance of an account at a position, by the entries.
pub(crate) fn balance_at(entries: &[Applied], account: &str, position: u64) -> Option<i64> {
    let upto = entries.partition_point(|entry| entry.position <= position);
    entries[..upto]
        .iter()
        .rev()
        .find_map(|entry| match names(&entry.action) {
            _ if entry.outcome != Outcome::Accepted => None,
            (_, Some(to)) if to == account => entry.to_balance,
            (first, _) if first == account => Some(entry.balance),
            _ => None,
        })
}
