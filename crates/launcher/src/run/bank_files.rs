//! Names of the files of a bank. They stand in the directory of a live bank, or in the folder of a run whose bank is
//! kept. Each branch has a directory besides.

pub use bank_cluster::{BANK_FILE, SECRET_FILE};

/// File that the launcher of a live bank and its branches lock.
pub const BANK_LOCK_FILE: &str = "LOCK";
/// Log of a launcher in the background.
pub const LOG_FILE: &str = "launcher.log";
/// Addresses of the branches and opening balance, from before the bank was founded.
pub const FOUNDING_FILE: &str = "founding.json";
/// Address and token of the launcher that runs the bank.
pub const CONTROL_FILE: &str = "control.json";

/// All of them but the lock, in the order in which they are removed: the bank file goes last, so that a removal that was
/// cut short can be repeated. Two are the session of `customer-cli`, which belongs to this bank only.
pub const BANK_FILES: [&str; 7] = [
    CONTROL_FILE,
    LOG_FILE,
    SECRET_FILE,
    "bank.session.json",
    "bank.session.json.lock",
    FOUNDING_FILE,
    BANK_FILE,
];
