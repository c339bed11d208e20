//! `launcher up --fresh`: deletes the bank in a directory, after a question, so that another one can be founded there.

use super::args::UpPlan;
use super::bank_dir::{BankDir, Content, branch_dirs, command};
use super::error::LiveError;
use crate::run::bank_files::BANK_FILES;
use crate::run::folder::{HISTORY_FILE, META_FILE};
use crate::terminal::format::count;
use crate::terminal::question;
use bank_cluster::CERTS_DIR;
use std::fs;
use std::io;
use std::path::Path;

/// Checks that the bank may be deleted: it is not in the folder of a run, and the user agrees or can be asked.
///
/// # Errors
/// It may not.
pub(super) fn check(plan: &UpPlan, content: &Content) -> Result<(), LiveError> {
    if branches(content).is_none() {
        return Ok(());
    }
    check_no_run(&plan.dir)?;
    if plan.yes || question::can_ask() {
        return Ok(());
    }
    Err(LiveError::Usage(format!(
        "--fresh deletes the bank in {}, and nobody can be asked, because stdin or stderr is no terminal; add --yes to delete it",
        plan.dir.display()
    )))
}

/// Deletes the bank, if there is one. Asks first, unless the user agreed on the command line.
///
/// # Errors
/// The user does not agree, or a file cannot be removed.
pub(super) fn delete(plan: &UpPlan, content: &Content, bank_dir: &BankDir) -> Result<(), LiveError> {
    let Some(branches) = branches(content) else {
        return Ok(());
    };
    let what = format!(
        "this deletes the bank in {} with the books and logs of {} for good; delete it?",
        plan.dir.display(),
        count(branches, "branch", "branches")
    );
    if !plan.yes && !question::agrees(&what).map_err(LiveError::io("the question"))? {
        return Err(LiveError::Failed(format!(
            "nothing was deleted; start the bank that is there with: {}",
            command("up", &plan.dir)
        )));
    }
    remove(bank_dir.path())
}

/// The number of branches of the bank. `None` if there is no bank.
fn branches(content: &Content) -> Option<usize> {
    match content {
        Content::Empty => None,
        Content::Begun(founding) => Some(founding.branches.len()),
        Content::Bank(bank, _) => Some(bank.branches().len()),
    }
}

/// Checks that the directory is not the folder of a run. A fresh bank would mix with the files of the run.
fn check_no_run(dir: &Path) -> Result<(), LiveError> {
    if ![META_FILE, HISTORY_FILE].iter().any(|file| dir.join(file).exists()) {
        return Ok(());
    }
    Err(LiveError::Usage(format!(
        "{} is the folder of a run, and a fresh bank would mix with its files; name another directory with --dir",
        dir.display()
    )))
}

/// Removes the data and logs of the branches, and the files of the bank. Everything else stays. The bank file goes last,
/// so that a removal that was cut short can be repeated.
fn remove(dir: &Path) -> Result<(), LiveError> {
    for branch in branch_dirs(dir) {
        let branch = dir.join(format!("branch-{branch}"));
        gone(&branch.join("data"), |data| fs::remove_dir_all(data))?;
        gone(&branch.join("log"), |log| fs::remove_file(log))?;
        // It stays if it holds something else.
        let _ = fs::remove_dir(&branch);
    }
    gone(&dir.join(CERTS_DIR), |certs| fs::remove_dir_all(certs))?;
    for name in BANK_FILES {
        gone(&dir.join(name), |file| fs::remove_file(file))?;
    }
    Ok(())
}

fn gone(path: &Path, remove: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), LiveError> {
    match remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LiveError::io(path.display())(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_bank_are_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        for name in [
            "branch-1/data/journal",
            "branch-2/data",
            "branch-x/data",
            "certs",
            "notes",
        ] {
            fs::create_dir_all(path(name)).expect("made");
        }
        for name in [
            "branch-1/log",
            "branch-2/thesis.txt",
            "me.json",
            "bank.json",
            "bank.secret",
            "certs/ca.key",
            "founding.json",
            "launcher.log",
            "bank.session.json",
        ] {
            fs::write(path(name), "x").expect("written");
        }
        fs::write(path("history.jsonl"), "x").expect("written");
        let refused = check_no_run(dir.path()).expect_err("a run's").to_string();
        assert!(
            refused.contains("is the folder of a run") && path("bank.json").exists(),
            "{refused}"
        );
        fs::remove_file(path("history.jsonl")).expect("removed");
        remove(dir.path()).expect("removed");
        let entries = fs::read_dir(dir.path()).expect("listed");
        let mut left: Vec<String> = entries
            .map(|entry| entry.expect("listed").file_name().to_string_lossy().into_owned())
            .collect();
        left.sort();
        assert_eq!(left, ["branch-2", "branch-x", "me.json", "notes"]);
        assert!(path("branch-2/thesis.txt").exists() && !path("branch-2/data").exists());
        // A removal that was cut short is repeated.
        remove(dir.path()).expect("nothing left");
    }
}
