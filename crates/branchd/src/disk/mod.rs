//! The free space of the disk, and how much of it a branch keeps free.

mod free;
mod space;

pub(crate) use free::{free_bytes, mib};
pub(crate) use space::{RESERVE_BYTES, Space, is_below};
