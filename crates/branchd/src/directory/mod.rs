//! The data directory of a branch: its identity file, its secret, and the mark of a branch whose ledger is wrong.

mod data_directory;
pub(crate) mod divergence_mark;
pub mod secret;

pub use data_directory::DataDirectoryError;
pub(crate) use data_directory::{DataDirectory, SECRET_FILE, recorded_bank};
