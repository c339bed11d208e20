//! Judges what a bank did: a recorded run or an output file goes in, verdicts with witnesses come out.
//!
//! The crate is pure: it reads no files, no clock and no network. It shares no code with `bank-ledger`, because a check
//! with the same arithmetic as the bank would repeat the bank's errors.
//!
//! In reading order:
//!
//! - [`script`]: what a run asked of the bank.
//! - [`history`]: what was recorded in a run, and its files.
//! - [`verdict`]: pass, fail or unknown, the number of judged cases, and a witness for each failure.
//! - `analysis`: sessions, writes, journals and their replay, which several guarantees are judged from.
//! - [`judge`]: judges a recorded run for every guarantee, in the rooms `guarantees::session`, `guarantees::ordering`
//!   and `guarantees::integrity`.
//! - [`output`]: judges an output file, which has balances and results but no positions.
//!
//! A verdict without a judged case is `unknown`, not `pass`.
//!
//! # Judging a recorded run
//!
//! The customer deposits 10 at branch 1. Its next read asks branch 2 for its session's state and gets an older one.
//!
//! ```
//! use bank_check::verdict::Outcome;
//! use bank_check::{History, Options, judge, overall};
//!
//! // Two lines of `history.jsonl`, as a run folder has them.
//! let deposit = r#"{"type":"operation","customer":1,"session":"customer-1","sequence":1,"event":1,
//!     "action":{"operation":"deposit","account":"main","amount":10},"branch":1,"served_by":1,"level":"session",
//!     "propagation":"quorum","request_id":"01980000-0000-7000-8000-000000000001","invoked_us":100,"completed_us":900,
//!     "outcome":"accepted","balance":10,"position":2,"waited_us":0,"attempts":1,"repeated":false,"missing_branches":[],
//!     "error":null}"#;
//! let query = r#"{"type":"operation","customer":1,"session":"customer-1","sequence":2,"event":2,
//!     "action":{"operation":"query","account":"main"},"branch":2,"served_by":2,"level":"session",
//!     "propagation":"quorum","request_id":null,"invoked_us":1000,"completed_us":1400,
//!     "outcome":"answered","balance":0,"position":1,"waited_us":0,"attempts":1,"repeated":false,"missing_branches":[],
//!     "error":null}"#;
//! let text = [deposit, query].map(|line| line.replace('\n', " ")).join("\n");
//!
//! // A run folder also has a journal of each branch. Without journals, the replies alone are judged.
//! let history = History::parse(&text, &[])?;
//! let verdicts = judge(&history, &Options::default());
//! assert_eq!(overall(&verdicts), Outcome::Fail);
//!
//! let failed = verdicts.iter().find(|verdict| verdict.breaks_promise()).expect("one fails");
//! assert_eq!(failed.guarantee, "read-your-writes");
//! assert_eq!(
//!     failed.witnesses[0].sentence,
//!     "customer 1 deposited 10 at branch 1 (event 1, position 2); its next query at branch 2 (event 2, level session) \
//!      answered from position 1: read-your-writes broken"
//! );
//! # Ok::<(), bank_check::history::ParseError>(())
//! ```
//!
//! # Judging an output file
//!
//! ```
//! use bank_check::output::{Answer, Mode, Output, Reported, judge};
//! use bank_check::script::{Action, Event, Script, Visit};
//! use bank_check::verdict::Outcome;
//!
//! let event = |branch, action| Event { id: None, branch, action };
//! let script = Script {
//!     opening_balance: 0,
//!     visits: vec![Visit { customer: 1, events: vec![event(1, Action::Deposit(10)), event(2, Action::Query)] }],
//! };
//! let reported = |interface: &str, branch, answer| Reported {
//!     customer: 1,
//!     interface: interface.to_owned(),
//!     branch: Some(branch),
//!     answer,
//! };
//! let output = Output::Events(vec![
//!     reported("deposit", 1, Answer::Success),
//!     reported("query", 2, Answer::Balance(10)),
//! ]);
//! let verdicts = judge(&script, &output, Mode::Sequential);
//! assert!(verdicts.iter().all(|verdict| verdict.outcome() == Outcome::Pass));
//! ```

mod analysis;
mod guarantees;
pub mod history;
mod options;
pub mod output;
pub mod script;
pub mod verdict;

pub use guarantees::judge;
pub use history::History;
pub use options::Options;
pub use verdict::{Verdict, overall};
