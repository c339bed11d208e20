//! Finds the leader, and makes a branch the leader.

use super::bank::status;
use super::{PATIENCE, wait_for};
use bank_cluster::Cluster;

/// Where a branch listens.
pub fn address(cluster: &Cluster, branch: u32) -> String {
    cluster.address(branch).expect("known").to_string()
}

/// The one of these branches that leads, by its own word, once one does.
pub fn leader(cluster: &Cluster, branches: &[u32]) -> u32 {
    wait_for("a leader", || {
        let leads = |branch: &&u32| status(&address(cluster, **branch))["role"] == "leader";
        branches.iter().find(leads).copied()
    })
}

/// So many hand-overs bring the lead to any of three branches many times over.
const HAND_OVERS_MAX: u32 = 30;

/// Makes a branch lead: while another one does, that one ends, and is started again. One that stops hands over to the
/// highest of those with the most entries, after one that is killed the lowest leads: both are needed to come to each.
pub async fn make_lead(cluster: &Cluster, wanted: u32) {
    let all = cluster.numbers();
    for round in 1..=HAND_OVERS_MAX {
        let leads = leader(cluster, &all);
        if leads == wanted {
            return;
        }
        if round % 3 == 0 {
            cluster.kill(leads).await.expect("killed");
        } else {
            cluster.stop_branch(leads).await.expect("stopped");
        }
        cluster.restart(leads).await.expect("back");
        cluster.await_position(&all, 1, PATIENCE).await.expect("all are ready");
    }
    panic!("branch {wanted} never came to lead");
}
