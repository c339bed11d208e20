//! The injector performs and records faults on real branches. Needs `branchd` beside it: `cargo build --workspace`.

use bank_check::history::{Fault, FaultKind};
use bank_cluster::faults::{FaultAction, FaultError, Injector};
use bank_cluster::network::LinkSet;
use bank_cluster::{Cluster, ClusterConfig, ClusterError};
use std::time::Duration;

async fn cluster(dir: &tempfile::TempDir, relayed: bool) -> Cluster {
    cluster_of(dir, 3, relayed).await
}

async fn cluster_of(dir: &tempfile::TempDir, branches: u32, relayed: bool) -> Cluster {
    let config = ClusterConfig::new(dir.path(), 1..=branches).expect("the programs are built");
    let mut cluster = match relayed {
        true => Cluster::relayed(config).await.expect("ports"),
        false => Cluster::new(config),
    };
    cluster.run(0).await.expect("a bank");
    cluster
}

/// Each recorded fault, and whether it has ended.
fn recorded(injector: &Injector) -> Vec<(FaultKind, bool)> {
    let entry = |fault: &Fault| {
        assert!(fault.until_us.is_none_or(|until| until >= fault.from_us), "{fault:?}");
        (fault.kind.clone(), fault.until_us.is_some())
    };
    injector.faults().iter().map(entry).collect()
}

#[tokio::test]
async fn each_fault_is_recorded_until_it_is_undone() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = cluster(&dir, true).await;
    let mut injector = Injector::new(0);
    let ms = Duration::from_millis(1);
    for action in [
        FaultAction::Hold(3),
        FaultAction::Delay(LinkSet::Around(3), ms),
        FaultAction::Cut(LinkSet::Between(1, 2)),
        FaultAction::Heal(LinkSet::To(3)),
        FaultAction::Pause(2),
        FaultAction::Pause(2),
        FaultAction::Kill(2),
    ] {
        injector.perform(&cluster, action).await.expect("done");
    }
    let delay = |from, to| FaultKind::Delay { from, to, by_us: 1000 };
    let cut = |from, to| FaultKind::Cut {
        from: Some(from),
        to: Some(to),
    };
    let expected = [
        // Replaced by the delay.
        (FaultKind::Hold { to: 3 }, true),
        (delay(None, 3), true),
        (delay(Some(3), 1), false),
        (delay(Some(3), 2), false),
        (cut(1, 2), false),
        (cut(2, 1), false),
        // Performed twice, and ended by the kill.
        (FaultKind::Pause { branch: 2 }, true),
        (FaultKind::Kill { branch: 2 }, false),
    ];
    assert_eq!(recorded(&injector), expected);
    assert_eq!(injector.open().count(), 5);

    for action in [FaultAction::Restart(2), FaultAction::Heal(LinkSet::All)] {
        injector.perform(&cluster, action).await.expect("done");
    }
    assert_eq!(injector.open().count(), 0);
    cluster.stop().await.expect("all drained");
}

#[tokio::test]
async fn a_bank_of_one_branch_has_no_links_to_degrade() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = cluster_of(&dir, 1, true).await;
    let mut injector = Injector::new(0);
    let ms = Duration::from_millis(1);
    for action in [
        FaultAction::Hold(1),
        FaultAction::Cut(LinkSet::Around(1)),
        FaultAction::Delay(LinkSet::All, ms),
        FaultAction::Heal(LinkSet::All),
    ] {
        injector.perform(&cluster, action).await.expect("done");
    }
    assert_eq!(recorded(&injector), []);
    cluster.stop().await.expect("all drained");
}

#[tokio::test]
async fn an_action_that_is_refused_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = cluster(&dir, false).await;
    let mut injector = Injector::new(0);
    let refused =
        async |injector: &mut Injector, action| injector.perform(&cluster, action).await.expect_err("refused");
    for action in [
        FaultAction::Kill(4),
        FaultAction::Hold(4),
        FaultAction::Cut(LinkSet::Between(1, 4)),
        FaultAction::Restart(4),
    ] {
        let error = refused(&mut injector, action).await;
        assert!(
            matches!(error, FaultError::Cluster(ClusterError::NoSuchBranch(4))),
            "{error:?}"
        );
    }
    let error = refused(&mut injector, FaultAction::Cut(LinkSet::All)).await;
    assert!(matches!(error, FaultError::NoNetwork), "{error:?}");
    let error = refused(&mut injector, FaultAction::Restart(1)).await;
    assert!(
        matches!(error, FaultError::Cluster(ClusterError::StillRuns(1))),
        "{error:?}"
    );
    assert_eq!(recorded(&injector), []);

    injector.perform(&cluster, FaultAction::Kill(1)).await.expect("killed");
    for action in [FaultAction::Kill(1), FaultAction::Pause(1), FaultAction::Resume(1)] {
        let error = refused(&mut injector, action).await;
        assert!(matches!(error, FaultError::Down(1)), "{error:?}");
    }
    injector.perform(&cluster, FaultAction::Restart(1)).await.expect("back");
    assert_eq!(recorded(&injector), [(FaultKind::Kill { branch: 1 }, true)]);
    cluster.stop().await.expect("all drained");
}
