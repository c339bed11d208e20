//! The error that ends a run early.

use std::io;

use thiserror::Error;

use crate::import::record::RecordError;
use crate::session_place::OpenError;
use crate::session_store::SessionStoreError;

/// An error that ends a run before its task is done.
#[derive(Debug, Error)]
pub enum RunError {
    /// Stdout cannot be written.
    #[error("cannot write to stdout: {0}")]
    Output(#[from] io::Error),
    /// The session cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The session file cannot be used.
    #[error(transparent)]
    Session(#[from] SessionStoreError),
    /// The record of an import cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
}
