//! The list of run folders in a directory, and the removal of old ones. In reading order:
//!
//! - [`table`]: the list as text and as JSON.
//! - [`clean`]: which folders are old, and their removal.
//! - [`found`]: finds the folders, and says what each is of.

pub mod clean;
pub mod found;
pub mod table;
