//! `branchd status --bank`.

use std::path::Path;

use bank_client::BankFile;

use super::bank_answers::ask_all;
use super::bank_table::{as_json, as_table};
use super::failure::{FAILED, Failure, USAGE};
use super::operator_call::{on_one_thread, security};
use super::output::print;
use crate::args::StatusArguments;

/// Shows the status of all branches of a bank.
///
/// # Errors
/// Exit code 2 if the bank file or the certificates are wrong, 1 if a branch does not answer as a branch of the bank.
pub(super) fn bank_status(file: &Path, arguments: &StatusArguments) -> Result<(), Failure> {
    let bank = BankFile::load(file).map_err(|error| Failure::new(USAGE, error))?;
    let security = security(&arguments.connect)?;
    let answers = on_one_thread(async { Ok(ask_all(&bank, &security).await) })?;
    print(&if arguments.json {
        as_json(&answers)
    } else {
        as_table(&answers, file)
    })?;
    match (answers.failed(), answers.asked.len()) {
        (0, _) => Ok(()),
        (failed, all) => Err(Failure::new(
            FAILED,
            format!("{failed} of {all} branches did not answer as a branch of this bank"),
        )),
    }
}
