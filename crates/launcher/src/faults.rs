//! Faults on purpose: what can be done to a running bank, done to it, and written down as its history has it: what, from
//! when, until when. Inputs and people at a shell ask for them in the same words; those of an input are planned, and played
//! while its customers go about their events.

mod deed;
mod injector;
mod planned;
mod player;

pub use deed::Deed;
pub use injector::{FaultError, Injector};
pub use planned::{Anchor, Begins, Ends, Planned};
pub use player::{Befell, Played, Player};
