//! Reports of invented runs, for the example and for the tests in a browser.

mod bank;

use bank::{Ask, Bank};
use bank_check::history::{FaultKind, Level, Outcome};
use bank_check::verdict::{Unit, Verdict, Witness};
use bank_report::{Meta, Report, Run};

/// Witness of the failed demo.
pub(crate) const WITNESS: &str = "customer 1 deposited 10 at branch 1 (event 2, position 3); its next query at branch 2 (event 3, \
                           level eventual) answered from position 2: read-your-writes broken";

/// Time at which all invented runs begin, by their clocks.
const ORIGIN_US: u64 = 5_000_000;

/// A verdict without a failure.
fn held(guarantee: &'static str, judged: usize, unit: Unit, promised: bool) -> Verdict {
    let mut verdict = Verdict::new(guarantee, unit);
    verdict.judged = judged;
    verdict.promised = promised;
    verdict
}

/// Makes a verdict a failure with one witness.
fn break_with(verdict: &mut Verdict, sentence: &str, operations: Vec<(String, u64)>) {
    verdict.failed = 1;
    verdict.witnesses = vec![Witness {
        sentence: sentence.to_owned(),
        operations,
        positions: Vec::new(),
        journals: Vec::new(),
        promised: verdict.promised,
    }];
}

fn meta(input: &str, flags: &[&str]) -> Meta {
    Meta {
        input: input.to_owned(),
        date: "2026-11-23 10:12:44 UTC".to_owned(),
        flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
        versions: vec![("passbook".to_owned(), "0.1.0".to_owned())],
    }
}

/// One customer that visits ten branches twice, with query, deposit, query at each.
pub(crate) fn sixty_events() -> Report {
    let mut bank = Bank::new(10, 0, ORIGIN_US);
    let (mut at_us, mut seen) = (ORIGIN_US, 0);
    for event in 0..60 {
        let ask = Ask {
            customer: 1,
            event: event + 1,
            branch: (event / 3 % 10) as u32 + 1,
            level: Level::Session,
            at_us,
        };
        at_us = match event % 3 {
            1 => bank.write(&ask, 10),
            _ => bank.query(&ask, seen),
        };
        seen = seen.max(
            bank.history
                .operations
                .last()
                .and_then(|operation| operation.position)
                .unwrap_or(0),
        );
        at_us += bank.random(60, 140);
    }
    Report {
        title: "A customer goes to ten branches, twice".to_owned(),
        sentences: Vec::new(),
        meta: meta("input_big.json", &["--level", "session"]),
        run: Run {
            name: String::new(),
            history: bank.history,
            verdicts: vec![
                held("read-your-writes", 39, Unit::READS, true),
                held("monotonic-reads", 39, Unit::READS, true),
                held("monotonic-writes", 19, Unit::WRITES, true),
                held("writes-follow-reads", 20, Unit::WRITES, true),
                held("balances add up", 60, Unit::new("reply", "replies"), true),
                held("branches agree", 10, Unit::new("branch", "branches"), true),
                held("strong reads are fresh", 0, Unit::READS, false),
            ],
            sentences: Vec::new(),
        },
        beside: None,
    }
}

/// One input with reads at level `eventual` and at level `session`, while messages to branch 2 are held back.
pub(crate) fn read_your_writes() -> Report {
    let mut broken = demo_run(Level::Eventual);
    let proof = vec![("customer-1".to_owned(), 2), ("customer-1".to_owned(), 3)];
    break_with(&mut broken.verdicts[0], WITNESS, proof);
    let kept = demo_run(Level::Session);
    Report {
        title: "Lesson: read your writes".to_owned(),
        sentences: vec![
            "A customer deposits 10 at branch 1 and then asks branch 2 for the balance, while messages to branch 2 are held \
             back. On the left the read has level eventual: branch 2 answers at once from the state that it has, and the \
             customer does not see its own deposit. On the right the read has level session and carries the position of the \
             deposit: branch 2 waits until it has applied that position, and answers late but correctly."
                .to_owned(),
        ],
        meta: meta("read-your-writes", &[]),
        run: broken,
        beside: Some(kept),
    }
}

fn demo_run(level: Level) -> Run {
    let mut bank = Bank::new(3, 0, ORIGIN_US);
    bank.fault(FaultKind::Hold { to: 2 }, ORIGIN_US + 6_000, ORIGIN_US + 256_000);
    let ask = |event, branch, at_us| Ask {
        customer: 1,
        event,
        branch,
        level,
        at_us,
    };
    let at_us = bank.write(&ask(1, 1, ORIGIN_US), 100) + 4_000;
    let at_us = bank.write(&ask(2, 1, at_us), 10) + 900;
    let needs = if level == Level::Eventual { 0 } else { bank.position() };
    let at_us = bank.query(&ask(3, 2, at_us), needs) + 900;
    bank.query(&ask(4, 1, at_us), needs);
    let promised = level == Level::Session;
    Run {
        name: if promised {
            "session: the read waits"
        } else {
            "eventual: the read does not wait"
        }
        .to_owned(),
        history: bank.history,
        verdicts: vec![
            held("read-your-writes", 2, Unit::READS, promised),
            held("monotonic-reads", 1, Unit::READS, promised),
            held("monotonic-writes", 1, Unit::WRITES, true),
            held("writes-follow-reads", 0, Unit::WRITES, true),
        ],
        sentences: Vec::new(),
    }
}

/// A leader that is killed between two writes, and comes back: the branch does not know when it applied earlier commands.
pub(crate) fn killed_leader() -> Report {
    let mut bank = Bank::new(3, 0, ORIGIN_US);
    bank.fault(FaultKind::Kill { branch: 1 }, ORIGIN_US + 20_000, ORIGIN_US + 60_000);
    let ask = |event, branch, at_us| Ask {
        customer: 1,
        event,
        branch,
        level: Level::Session,
        at_us,
    };
    bank.write(&ask(1, 1, ORIGIN_US), 10);
    bank.write(&ask(2, 3, ORIGIN_US + 10_000), 20);
    bank.forget(1);
    bank.elect(2, ORIGIN_US + 30_000);
    bank.write(&ask(3, 3, ORIGIN_US + 40_000), 30);
    bank.query(&ask(4, 1, ORIGIN_US + 80_000), 4);
    Report {
        title: "A leader is killed and comes back".to_owned(),
        meta: meta("killed_leader.json", &[]),
        run: Run {
            history: bank.history,
            verdicts: vec![held("read-your-writes", 1, Unit::READS, true)],
            ..Run::default()
        },
        ..Report::default()
    }
}

/// Twenty concurrent customers and five branches. One branch is killed, one is paused, and one read misses a write.
pub(crate) fn ten_thousand() -> Report {
    let mut bank = Bank::new(5, 1_000, ORIGIN_US);
    bank.fault(FaultKind::Kill { branch: 3 }, ORIGIN_US + 300_000, ORIGIN_US + 520_000);
    bank.fault(FaultKind::Pause { branch: 5 }, ORIGIN_US + 800_000, ORIGIN_US + 900_000);
    let mut free_us = [ORIGIN_US; 20];
    let mut seen = [0; 20];
    let mut proof = Vec::new();
    for event in 0..10_000 {
        let customer = (0..20).min_by_key(|&customer| free_us[customer]).unwrap_or(0);
        let at_us = free_us[customer] + bank.random(50, 300);
        let dead = (ORIGIN_US + 300_000..ORIGIN_US + 520_000).contains(&at_us);
        let branch = bank.random(1, 6) as u32;
        let served = if dead && branch == 3 { 4 } else { branch };
        let ask = Ask {
            customer: customer as u64 + 1,
            event,
            branch: served,
            level: [Level::Session, Level::ReadYourWrites, Level::Strong][customer % 3],
            at_us,
        };
        let amount = match bank.random(0, 10) {
            0..=2 => bank.random(1, 50) as i64,
            3 => -(bank.random(1, 400) as i64),
            _ => 0,
        };
        free_us[customer] = match amount {
            0 => bank.query(&ask, seen[customer]),
            _ => bank.write(&ask, amount),
        };
        bank.last(|operation| operation.branch = branch);
        let position = bank
            .history
            .operations
            .last()
            .and_then(|operation| operation.position)
            .unwrap_or(0);
        if proof.is_empty() && event > 6_000 && amount == 0 && seen[customer] > 2 && position >= seen[customer] {
            bank.last(|operation| operation.position = Some(seen[customer] - 1));
            proof = steps(&bank, seen[customer]);
        }
        seen[customer] = seen[customer].max(position);
    }
    bank.last(|operation| operation.outcome = Outcome::Failed);
    let mut verdicts = vec![
        held("read-your-writes", 5_812, Unit::READS, true),
        held("monotonic-reads", 5_790, Unit::READS, true),
    ];
    break_with(
        &mut verdicts[0],
        "a read answered from before what its session had seen",
        proof,
    );
    Report {
        title: "Twenty customers at once".to_owned(),
        sentences: Vec::new(),
        meta: meta("invented", &["--concurrent"]),
        run: Run {
            name: "session".to_owned(),
            history: bank.history,
            verdicts,
            sentences: Vec::new(),
        },
        beside: None,
    }
}

/// The last operation and the operation that it should have seen.
fn steps(bank: &Bank, missed: u64) -> Vec<(String, u64)> {
    let Some(last) = bank.history.operations.last() else {
        return Vec::new();
    };
    let of_session = bank
        .history
        .operations
        .iter()
        .filter(|operation| operation.session == last.session);
    of_session
        .filter(|operation| operation.position == Some(missed) || operation.sequence == last.sequence)
        .map(|operation| (operation.session.clone(), operation.sequence))
        .collect()
}
