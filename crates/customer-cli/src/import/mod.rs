//! `import`: sends the writes of a file or of stdin as one stream, in their order.
//!
//! [`rows`] reads the writes. [`source`] checks a whole file, and then reads it a second time on a thread of its own.
//! [`record`] is the file that an import keeps, so that it can go on after a crash. [`tally`] counts the outcomes,
//! [`told`] reports them, and [`run`] does the import.

pub mod record;
pub mod rows;
pub mod run;
pub mod source;
pub mod tally;
pub mod told;
