//! Full disks: writes are refused before they are proposed, no branch ends, and all branches go on once there is room.
//! The tests need small file systems, which only root can mount, on Linux. Elsewhere they say so and pass.

use crate::support::bank::Bank;
use crate::support::wait_for;
use bank_cluster::{Cluster, ClusterConfig};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const MIB: u64 = 1 << 20;

/// A file system of 60 MB at a directory, until it is dropped.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).expect("made");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=60m", "passbook-test"]).arg(at);
        mount.stderr(Stdio::null());
        let mounted = mount.status().is_ok_and(|status| status.success());
        mounted.then(|| Small(at.to_owned()))
    }

    fn free(&self) -> u64 {
        let found = rustix::fs::statvfs(&self.0).expect("a file system");
        found.f_bavail * found.f_frsize
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Takes room, until so many bytes are left.
    fn leave(&self, bytes: u64) {
        let taken = self.free().saturating_sub(bytes);
        let file = File::create(self.filler()).expect("a file");
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, taken).expect("room");
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).expect("removed");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: a branch that is being killed may still have a file open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Three branches, each on a small disk; `None`: this host lets nobody mount one.
async fn bank() -> Option<(Bank, Vec<Small>)> {
    let dir = tempfile::tempdir().expect("a directory");
    let config = ClusterConfig::new(dir.path(), 1..=3).expect("the programs are built");
    let disks: Option<Vec<Small>> = (1..=3)
        .map(|branch| Small::mount(&dir.path().join(format!("branch-{branch}/data"))))
        .collect();
    let Some(disks) = disks else {
        eprintln!("skipped: no small file system can be mounted here");
        return None;
    };
    let mut cluster = Cluster::new(config);
    cluster.run(100).await.expect("a bank");
    Some((Bank { cluster, dir }, disks))
}

/// Customers who deposit as fast as they can, until they are dropped.
struct Load(Vec<Child>);

impl Load {
    fn at(bank: &Bank, branch: u32) -> Self {
        let events = bank.path("events.jsonl");
        let event = format!("{{\"interface\":\"deposit\",\"branch\":{branch},\"money\":1}}\n");
        fs::write(&events, event.repeat(100_000)).expect("written");
        let customers = (0..3).map(|number| {
            let mut customer = Command::new(&bank.cluster.programs().customer_cli);
            customer.arg("--bank").arg(bank.cluster.bank_path());
            customer
                .arg("--session")
                .arg(bank.path(&format!("session-{number}.json")));
            customer
                .args(["--timeout", "2s", "replay"])
                .stdin(File::open(&events).expect("there"));
            customer.stdout(Stdio::null()).stderr(Stdio::null());
            customer.spawn().expect("customer-cli runs")
        });
        Load(customers.collect())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for customer in &mut self.0 {
            let _ = customer.kill();
            let _ = customer.wait();
        }
    }
}

fn assert_all_run(bank: &Bank) {
    for branch in [1, 2, 3] {
        let ended = bank.cluster.ended(branch).expect("a branch");
        assert!(ended.is_none(), "branch {branch}: {ended:?}");
    }
}

#[tokio::test]
async fn three_full_disks_refuse_writes_and_serve_on() {
    let Some((bank, disks)) = bank().await else { return };
    let leader = bank.leader(&[1, 2, 3]);
    for disk in &disks {
        disk.leave(16 * MIB + MIB / 4);
    }
    let load = Load::at(&bank, leader);
    let told = wait_for("a refusal", || {
        let asked = bank.at(leader, "--timeout 2s deposit 1");
        assert_all_run(&bank);
        // On a busy machine a deposit may also take too long.
        (asked.code == Some(4)).then_some(asked.stdout + &asked.stderr)
    });
    assert!(told.contains("full") && told.contains("not applied"), "{told}");
    drop(load);
    // What was refused takes no room: all is as it was, and reads go on.
    let left: Vec<u64> = disks.iter().map(Small::free).collect();
    assert!(left.iter().all(|free| *free > 4 * MIB), "{left:?}");
    for branch in [1, 2, 3] {
        bank.at(branch, "query --level strong").done();
    }
    for disk in &disks {
        disk.make_room();
    }
    wait_for("a write", || {
        (bank.at(leader, "--timeout 2s deposit 1").code == Some(0)).then_some(())
    });
    assert_all_run(&bank);
    bank.assert_agree();
}

#[tokio::test]
async fn a_follower_with_a_full_disk_waits_for_room_and_catches_up() {
    let Some((bank, disks)) = bank().await else { return };
    let leader = bank.leader(&[1, 2, 3]);
    let full = leader % 3 + 1;
    let disk = &disks[full as usize - 1];
    disk.leave(6 * MIB + MIB / 16);
    let load = Load::at(&bank, leader);
    let position = |branch: u32| {
        crate::support::bank::status(&bank.address(branch))["position"]
            .as_u64()
            .expect("a number")
    };
    wait_for("the follower is left behind", || {
        assert_all_run(&bank);
        (position(leader) > position(full) + 20).then_some(())
    });
    assert!(disk.free() > 0);
    drop(load);
    disk.make_room();
    bank.assert_agree();
    assert_all_run(&bank);
}
