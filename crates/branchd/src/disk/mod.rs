//! The free space of the disk, how much of it a branch keeps free, and how much its files take.

mod free;
mod space;
mod usage;

pub(crate) use free::{free_bytes, mib};
pub(crate) use space::{RESERVE_BYTES, Space, is_below};
pub(crate) use usage::Usage;
