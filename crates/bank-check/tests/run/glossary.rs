//! The glossary explains every verdict.

use bank_check::output::{Mode, Output};
use bank_check::script::Script;
use bank_check::{History, Options, judge, output};

#[test]
fn every_verdict_is_in_the_glossary() {
    let glossary = include_str!("../../../../docs/GLOSSARY.md");
    let script = Script {
        opening_balance: 0,
        visits: Vec::new(),
    };
    let on_output = output::judge(&script, &Output::Events(Vec::new()), Mode::Sequential);
    let on_history = judge(&History::default(), &Options::default());
    for verdict in on_output.iter().chain(&on_history) {
        let row = format!("\n| `{}` | ", verdict.guarantee);
        assert!(glossary.contains(&row), "no row for {}", verdict.guarantee);
    }
}
