//! Runs the customers of an input as processes. A *visit* is one entry of a customer in the input. Each visit is one
//! `customer-cli replay`, which reads the events on stdin and prints a line for each. A fault between two events splits
//! the visit into two processes. A customer that dies loses only its own results.

mod config;
mod replay;

pub use config::CustomerConfig;
pub use replay::{CutOff, Visited};

use crate::input::{Action, Visit};
use crate::run::fault_player::FaultPlayer;
use bank_cluster::Positions;
use futures::StreamExt;
use std::collections::{BTreeSet, HashMap};

/// Most customer processes at once. Each takes a few MB; further customers wait.
pub const AT_ONCE_MAX: usize = 64;

/// Runs the visits one after the other.
///
/// Before each visit, the branches that it queries have to reach the newest position of the visits before it. A session
/// covers its own customer only, and without this wait a visit could miss the writes of the visits before it. In a run
/// with faults the wait is short, and there is no wait while a fault is active: a customer has to see what a branch
/// shows that is cut off.
pub async fn run_in_order(
    config: &CustomerConfig,
    positions: &Positions<'_>,
    visits: &[Visit],
    player: &FaultPlayer<'_>,
    event_done: &impl Fn(),
) -> Vec<Visited> {
    // Position of the opening of the account.
    let mut position = 1;
    let mut visited = Vec::with_capacity(visits.len());
    for (place, visit) in visits.iter().enumerate() {
        let ready = match player.is_on().await {
            true => Ok(()),
            false => positions.reached(&queried(visit), position).await,
        };
        let mut done = one(config, (place, visit), player, event_done).await;
        if let (Err(error), true) = (ready, player.is_idle()) {
            done.failure
                .get_or_insert_with(|| format!("visit began too early: {error}"));
        }
        position = done
            .records
            .iter()
            .filter_map(|record| record.position)
            .fold(position, u64::max);
        visited.push(done);
    }
    visited
}

/// Runs all customers at once. The visits of one customer run in order. The results are in the order of `visits`.
pub async fn run_at_once(
    config: &CustomerConfig,
    visits: &[Visit],
    player: &FaultPlayer<'_>,
    event_done: &impl Fn(),
) -> Vec<Visited> {
    let mut chains: Vec<Vec<usize>> = Vec::new();
    let mut chain_of = HashMap::new();
    for (place, visit) in visits.iter().enumerate() {
        let chain = *chain_of.entry(visit.customer).or_insert_with(|| {
            chains.push(Vec::new());
            chains.len() - 1
        });
        chains[chain].push(place);
    }
    let runs = chains.into_iter().map(async |chain| {
        let mut visited = Vec::new();
        for place in chain {
            visited.push((place, one(config, (place, &visits[place]), player, event_done).await));
        }
        visited
    });
    let mut visited = futures::stream::iter(runs).buffer_unordered(AT_ONCE_MAX).concat().await;
    visited.sort_by_key(|&(place, _)| place);
    visited.into_iter().map(|(_, visited)| visited).collect()
}

async fn one(
    config: &CustomerConfig,
    (place, visit): (usize, &Visit),
    player: &FaultPlayer<'_>,
    event_done: &impl Fn(),
) -> Visited {
    let stopped = async |done| player.reached(place, done).await;
    replay::visit(config, visit, &player.stops(place), stopped, event_done).await
}

/// Branches that a visit queries, each once.
fn queried(visit: &Visit) -> Vec<u32> {
    let queries = visit.events.iter().filter(|event| event.action == Action::Query);
    let branches: BTreeSet<u32> = queries.map(|event| event.branch).collect();
    branches.into_iter().collect()
}
