//! Decides when another branch should lead. A follower whose leader is gone asks for votes at once. A leader that
//! cannot lead gives up the lead.
//!
//! openraft also elects by its own timer, and it decides every election by pre-votes, terms and logs. This module only
//! makes an election begin sooner. A wrong suspicion costs a few messages and never a write.
//!
//! In reading order:
//! - [`follow`] and [`lead`] decide; they are pure
//! - [`signs`], [`fitness`] and [`patience`] hold the facts that the decisions need; [`state`] is what the engine
//!   shares
//! - [`attendance`] notices at once that the leader's process has ended; [`probe`] asks the leader's address
//! - [`follower`] and [`leader`] carry a decision out; [`watcher`] is the task that does all of this

pub(super) mod fitness;
pub(super) mod signs;
pub(super) mod state;
pub(super) mod watcher;

mod attendance;
mod follow;
mod follower;
mod lead;
mod leader;
mod patience;
mod probe;
