//! Lets other shells talk to the launcher that runs a live bank. The launcher listens on a port of the loopback
//! interface and writes the port and a random token to `control.json`, which only its owner can read. One connection
//! carries one request and its response, each a line of JSON.
//!
//! A Unix socket would need no token, but macOS limits its path to 104 bytes.

mod client;
mod server;
mod wire;

pub(super) use client::{bank_status, perform};
pub(super) use server::{Call, Control};
pub(super) use wire::{ControlRequest, ControlResponse};
