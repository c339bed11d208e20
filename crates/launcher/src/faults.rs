//! The faults of an input: planned, and played while its customers go about their events.

mod planned;
mod player;

pub use planned::{Anchor, Begins, Ends, Planned};
pub use player::{Befell, Played, Player};
