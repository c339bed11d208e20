//! The bank of a run that is to be kept: it is started again from its run folder as a live bank in the background.

use super::bank_dir::command;
use super::detach::{self, Detached, INNER_FLAG};
use super::error::LiveError;
use super::ready::{typed, with_flags};
use crate::run::bank_files::BANK_FILE;
use crate::terminal::format::shell_word;
use bank_cluster::{CERTS_DIR, Programs, TELLER, client_flags};
use std::path::Path;

/// Starts the bank in this run folder.
///
/// # Errors
/// The bank did not come up. The reason was printed on stderr.
pub async fn keep(dir: &Path) -> Result<(), LiveError> {
    let args = [
        "up".into(),
        INNER_FLAG.into(),
        "--dir".into(),
        dir.as_os_str().to_owned(),
    ];
    match detach::start(args.into()).await? {
        Detached::Up(_) => Ok(()),
        Detached::Failed(_) => Err(LiveError::Failed(format!(
            "the run has ended, but its bank did not come up again; start it with: {}",
            command("up", dir)
        ))),
    }
}

/// Commands for a bank that was kept.
pub fn kept_text(programs: &Programs, dir: &Path) -> String {
    let customer = shell_word(&typed(&programs.customer_cli));
    let bank = shell_word(&dir.join(BANK_FILE));
    let customer = format!("{customer} --bank {bank}");
    let certs = dir.join(CERTS_DIR);
    let customer = match certs.exists() {
        true => with_flags(customer, &client_flags(&certs, TELLER)),
        false => customer,
    };
    format!(
        "the bank runs on in the background:\n  {customer} query\n  {}\n  {}\n",
        command("status", dir),
        command("down", dir)
    )
}
