//! Customers as processes: each listing of the input is one `customer-cli replay`, which is given events on stdin and
//! answers a line each; where the input has a fault between two events, it is one up to there and one from there. A customer
//! that dies loses only its own results.

mod config;
mod replay;

pub use config::CustomerConfig;
pub use replay::{CutOff, Visited};

use crate::input::{Action, Visit};
use crate::run::fault_player::FaultPlayer;
use bank_cluster::Positions;
use futures::StreamExt;
use std::collections::{BTreeSet, HashMap};

/// More customer processes than this never run at once; the others wait for their turn. Each has a few MB.
pub const AT_ONCE_MAX: usize = 64;

/// Runs the visits one after the other. Before each, the branches that it queries are waited for until they have
/// all that the visits before it did: a session speaks for its own customer alone, and the order is the input's. Where
/// there are faults to play, nobody is waited for while one is on, and not for long otherwise: a customer has to be able to
/// see what a branch that is cut off shows.
pub async fn run_in_order(
    config: &CustomerConfig,
    positions: &Positions<'_>,
    visits: &[Visit],
    player: &FaultPlayer<'_>,
    event_done: &impl Fn(),
) -> Vec<Visited> {
    // The opening of the account.
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
                .get_or_insert_with(|| format!("customer {} began too early: {error}", visit.customer));
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

/// Runs all customers at once, each one's visits in order. The results are in the order of the visits.
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

/// The branches that a visit queries.
fn queried(visit: &Visit) -> Vec<u32> {
    let queries = visit.events.iter().filter(|event| event.action == Action::Query);
    let branches: BTreeSet<u32> = queries.map(|event| event.branch).collect();
    branches.into_iter().collect()
}
