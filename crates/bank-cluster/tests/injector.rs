//! Faults on purpose, and the book of them, on real branches. Needs `branchd` beside it: `cargo build --workspace`.

use bank_check::history::{Fault, FaultKind};
use bank_cluster::faults::{Deed, FaultError, Injector};
use bank_cluster::network::Ways;
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

/// Each fault, and whether it is over.
fn book(injector: &Injector) -> Vec<(FaultKind, bool)> {
    let entry = |fault: &Fault| {
        assert!(fault.until_us.is_none_or(|until| until >= fault.from_us), "{fault:?}");
        (fault.kind.clone(), fault.until_us.is_some())
    };
    injector.faults().iter().map(entry).collect()
}

#[tokio::test]
async fn each_fault_is_in_the_book_from_when_it_began_until_it_is_undone() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = cluster(&dir, true).await;
    let mut injector = Injector::new(0);
    let ms = Duration::from_millis(1);
    for deed in [
        Deed::Hold(3),
        Deed::Delay(Ways::Around(3), ms),
        Deed::Cut(Ways::Between(1, 2)),
        Deed::Heal(Ways::To(3)),
        Deed::Pause(2),
        Deed::Pause(2),
        Deed::Kill(2),
    ] {
        injector.perform(&cluster, deed).await.expect("done");
    }
    let delay = |from, to| FaultKind::Delay { from, to, by_us: 1000 };
    let cut = |from, to| FaultKind::Cut {
        from: Some(from),
        to: Some(to),
    };
    let expected = [
        // Overruled by the delay.
        (FaultKind::Hold { to: 3 }, true),
        (delay(None, 3), true),
        (delay(Some(3), 1), false),
        (delay(Some(3), 2), false),
        (cut(1, 2), false),
        (cut(2, 1), false),
        // Asked for twice, and ended by the kill.
        (FaultKind::Pause { branch: 2 }, true),
        (FaultKind::Kill { branch: 2 }, false),
    ];
    assert_eq!(book(&injector), expected);
    assert_eq!(injector.open().count(), 5);

    for deed in [Deed::Restart(2), Deed::Heal(Ways::All)] {
        injector.perform(&cluster, deed).await.expect("done");
    }
    assert_eq!(injector.open().count(), 0);
    cluster.stop().await.expect("all drained");
}

#[tokio::test]
async fn where_there_is_only_one_branch_nothing_is_bent() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = cluster_of(&dir, 1, true).await;
    let mut injector = Injector::new(0);
    let ms = Duration::from_millis(1);
    for deed in [
        Deed::Hold(1),
        Deed::Cut(Ways::Around(1)),
        Deed::Delay(Ways::All, ms),
        Deed::Heal(Ways::All),
    ] {
        injector.perform(&cluster, deed).await.expect("done");
    }
    assert_eq!(book(&injector), []);
    cluster.stop().await.expect("all drained");
}

#[tokio::test]
async fn what_cannot_be_done_is_told_and_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = cluster(&dir, false).await;
    let mut injector = Injector::new(0);
    let refused = async |injector: &mut Injector, deed| injector.perform(&cluster, deed).await.expect_err("refused");
    for deed in [
        Deed::Kill(4),
        Deed::Hold(4),
        Deed::Cut(Ways::Between(1, 4)),
        Deed::Restart(4),
    ] {
        let error = refused(&mut injector, deed).await;
        assert!(
            matches!(error, FaultError::Cluster(ClusterError::NoSuchBranch(4))),
            "{error:?}"
        );
    }
    let error = refused(&mut injector, Deed::Cut(Ways::All)).await;
    assert!(matches!(error, FaultError::NoNetwork), "{error:?}");
    let error = refused(&mut injector, Deed::Restart(1)).await;
    assert!(
        matches!(error, FaultError::Cluster(ClusterError::StillRuns(1))),
        "{error:?}"
    );
    assert_eq!(book(&injector), []);

    injector.perform(&cluster, Deed::Kill(1)).await.expect("killed");
    for deed in [Deed::Kill(1), Deed::Pause(1), Deed::Resume(1)] {
        let error = refused(&mut injector, deed).await;
        assert!(matches!(error, FaultError::Down(1)), "{error:?}");
    }
    injector.perform(&cluster, Deed::Restart(1)).await.expect("back");
    assert_eq!(book(&injector), [(FaultKind::Kill { branch: 1 }, true)]);
    cluster.stop().await.expect("all drained");
}
