//! Why a branch cannot open its files, adopt a bank, or serve its bank.

use uuid::Uuid;

use crate::access::TokenFileError;
use crate::certificates::CertificatesError;
use crate::directory::DataDirectoryError;
use crate::directory::secret::BranchSecretError;
use crate::store::BooksError;

/// Why a branch cannot open its files.
#[derive(Debug, thiserror::Error)]
pub enum BranchError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DataDirectoryError),
    /// The branch has no secret of a bank.
    #[error(transparent)]
    Secret(#[from] BranchSecretError),
    /// The certificates cannot be used.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    /// The tokens of clients cannot be used.
    #[error(transparent)]
    Tokens(#[from] TokenFileError),
    /// The journal cannot be used.
    #[error("{0} ({remedy})", remedy = remedy(.0))]
    Journal(#[from] bank_wal::OpenError),
    /// The ledger database cannot be used.
    #[error(transparent)]
    Books(#[from] BooksError),
    /// The journal and the ledger database do not fit together.
    #[error("the branch's journal and books cannot be taken up: {0}")]
    Engine(std::io::Error),
    /// The task that opens the files panicked.
    #[error("the branch's files were not opened: {0}")]
    Opening(#[from] tokio::task::JoinError),
}

/// Why a branch cannot serve its bank now.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum BankUnavailable {
    /// The branch is about to end, and serves nothing until then.
    #[error("branch {branch} is ending: its log says why; try another branch")]
    Ending { branch: u32 },
    #[error("branch {branch} has no bank yet: found one with `branchd init`")]
    None { branch: u32 },
}

/// Why a branch did not adopt a bank.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdoptError {
    #[error("branch {branch} belongs to bank {bank} already")]
    OtherBank { branch: u32, bank: Uuid },
    #[error("the certificate of branch {branch} is of bank {bank}: make one for it with the authority of this bank")]
    OtherCertificate { branch: u32, bank: Uuid },
    /// The branch could not make or open the files of the bank.
    #[error(transparent)]
    Open(#[from] BranchError),
}

/// What the operator should do. The journal's own message says what is wrong.
fn remedy(error: &bank_wal::OpenError) -> &'static str {
    match error {
        bank_wal::OpenError::Copied { .. } => "`--accept-moved` accepts it; else `branchd join` on an empty directory",
        bank_wal::OpenError::Io { source, .. } if is_no_room(source) => {
            "make room on its file system, then start the branch again on the same directory"
        }
        bank_wal::OpenError::Io { .. } => {
            "see to the cause, then start the branch again on the same directory; if its disk is lost, start it on an empty \
             one, then `branchd join`"
        }
        _ => "to rejoin: start the branch on an empty directory, then `branchd join`",
    }
}

fn is_no_room(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};

    #[test]
    fn a_full_disk_is_told_to_be_emptied_and_a_damaged_journal_to_be_left() {
        let failed = |kind| bank_wal::OpenError::Io {
            what: "reserving",
            path: "journal/1".into(),
            source: Error::from(kind),
        };
        let damaged = bank_wal::OpenError::Damaged {
            path: "journal/1".into(),
            offset: 1,
            what: "its checksum is wrong".to_owned(),
        };
        for (error, words, joins) in [
            (failed(ErrorKind::StorageFull), "make room", false),
            (failed(ErrorKind::PermissionDenied), "same directory", true),
            (damaged, "start the branch on an empty directory", true),
        ] {
            let told = BranchError::from(error).to_string();
            assert!(told.contains(words) && told.contains("branchd join") == joins, "{told}");
        }
    }
}
