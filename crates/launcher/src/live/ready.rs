//! The text of `launcher up` once the bank is up, with commands to copy into another shell.

use super::args::UpPlan;
use super::bank_dir::command;
use crate::terminal::format::count;
use crate::terminal::format::shell_word;
use bank_cluster::Cluster;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The text, without a line break at its end.
pub(super) fn text(plan: &UpPlan, cluster: &Cluster) -> String {
    let branches = cluster.numbers();
    let (first, last) = (
        branches.first().copied().unwrap_or(1),
        branches.last().copied().unwrap_or(1),
    );
    let launcher = shell_word(&typed(&plan.programs.customer_cli.with_file_name("launcher")));
    let ask = |words: &str| command(words, &plan.dir).replacen("launcher", &launcher, 1);
    let customer = shell_word(&typed(&plan.programs.customer_cli));
    let customer = format!("{customer} --bank {}", shell_word(&cluster.bank_path()));
    let customer = with_flags(customer, &cluster.customer_flags());
    let mut text = format!(
        "the bank is up: {}, its files in {}\nfrom another shell, in this directory:\n",
        count(branches.len(), "branch", "branches"),
        plan.dir.display()
    );
    for line in [
        format!("{customer} --session me.json deposit 100"),
        format!("{customer} --session me.json --branch {last} query"),
        format!("{customer} --branch {last} watch"),
        ask("status"),
        ask(&format!("kill {first}")),
        ask("down"),
    ] {
        text += &format!("  {line}\n");
    }
    if let (Some(input), true) = (&plan.requested.input, plan.requested.has_customers) {
        let input = shell_word(input);
        text += &format!(
            "customers and faults of {input} are not run here; on a bank of its own they are:\n  \
             {launcher} run {input} --base-port auto\n"
        );
    }
    text + match plan.detached {
        true => "It runs in the background until it is told to stop.",
        false => "Times of events are in UTC. Ctrl-C stops it.",
    }
}

/// A command line with further flags.
pub(super) fn with_flags(command: String, flags: &[OsString]) -> String {
    let flags = flags.iter().map(|flag| shell_word(Path::new(flag)));
    std::iter::once(command).chain(flags).collect::<Vec<_>>().join(" ")
}

/// The first line in the log of a launcher in the background.
pub(super) fn log_text(cluster: &Cluster) -> String {
    let branches = count(cluster.numbers().len(), "branch", "branches");
    format!("the bank is up: {branches}; times are in UTC")
}

/// Shortens the path of a program so that it can be typed in the current directory.
pub(super) fn typed(program: &Path) -> PathBuf {
    let here = std::env::current_dir().ok();
    match here.and_then(|here| program.strip_prefix(here).ok().map(Path::to_owned)) {
        Some(below) if below.components().count() == 1 => Path::new(".").join(below),
        Some(below) => below,
        None => program.to_owned(),
    }
}
