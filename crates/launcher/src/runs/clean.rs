//! Removes old run folders. A folder stays if a process uses it, or if it holds a file that no run writes.

use super::found::{Found, foreign_file, is_in_use};
use crate::run::folder::{LATEST, STATE_FILE};
use crate::run::state::is_held;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folders in a directory, sorted by what becomes of them.
#[derive(Debug, Default)]
pub struct Plan {
    /// Old folders to be removed, newest first.
    pub remove: Vec<Found>,
    /// Old folders that stay, and why.
    pub spared: Vec<(PathBuf, String)>,
}

impl Plan {
    /// Room that the removal frees, in bytes.
    pub fn bytes(&self) -> u64 {
        self.remove.iter().map(|run| run.bytes).sum()
    }
}

/// Decides which folders are removed: all but the newest `keep`. `runs` is sorted, newest first.
///
/// # Errors
/// A folder cannot be read.
pub fn plan(runs: Vec<Found>, keep: usize) -> io::Result<Plan> {
    let mut plan = Plan::default();
    for run in runs.into_iter().skip(keep) {
        match reason_to_spare(&run.path)? {
            Some(reason) => plan.spared.push((run.path, reason)),
            None => plan.remove.push(run),
        }
    }
    Ok(plan)
}

fn reason_to_spare(path: &Path) -> io::Result<Option<String>> {
    if is_in_use(path) {
        return Ok(Some("a run or a bank uses it".to_owned()));
    }
    if let Some(branch) = running_branch(path)? {
        return Ok(Some(format!("{branch} still runs")));
    }
    Ok(foreign_file(path)?.map(|name| format!("it holds {name}, which no run writes")))
}

/// The directory of a branch whose process runs, for example after its launcher was killed. `None` if none does.
fn running_branch(path: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if is_held(&entry.path().join("data/LOCK")) {
            return Ok(Some(entry.file_name().to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

/// Removes a folder. Links in it are removed, and not what they lead to. Returns why the folder stays, if it has to by
/// now.
///
/// # Errors
/// A file cannot be removed. The folder can still be recognised then.
pub fn remove(run: &Found) -> io::Result<Option<String>> {
    if let Some(reason) = reason_to_spare(&run.path)? {
        return Ok(Some(reason));
    }
    // The state goes last, so that a removal that was cut short can be continued.
    for last in [false, true] {
        for entry in fs::read_dir(&run.path)? {
            let entry = entry?;
            if (entry.file_name() == STATE_FILE) != last {
                continue;
            }
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
    }
    fs::remove_dir(&run.path)?;
    unlink_latest(&run.path);
    Ok(None)
}

/// Removes the link `latest` beside a folder that was removed, if it led there. An error is ignored: then the link leads
/// nowhere, and the next run replaces it.
fn unlink_latest(removed: &Path) {
    let (Some(parent), Some(name)) = (removed.parent(), removed.file_name()) else {
        return;
    };
    let link = parent.join(LATEST);
    if fs::read_link(&link).is_ok_and(|target| target == Path::new(name)) {
        let _ = fs::remove_file(link);
    }
}

#[cfg(test)]
mod tests {
    use super::super::found::list;
    use super::*;
    use crate::run::bank_files::{BANK_FILES, BANK_LOCK_FILE};
    use crate::run::folder::RunFolder;
    use crate::run::state::{Kind, RunState, UnderWay};
    use std::collections::BTreeSet;
    use std::fs::File;

    fn begin(dir: &Path, name: &str, started: &str) -> UnderWay {
        let folder = RunFolder::named(&dir.join(name)).expect("new");
        let state = RunState::running(Kind::Run, "a.json", format!("2026-11-{started}T00:00:00Z"));
        folder.write("journals/branch-1.jsonl", "some text").expect("written");
        UnderWay::begin(&folder, state).expect("begun")
    }

    fn judged(dir: &Path, name: &str, started: &str) {
        begin(dir, name, started).judged(Some("consistent")).expect("written");
    }

    fn names(dir: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(dir).expect("listed");
        entries
            .map(|entry| entry.expect("listed").file_name().to_string_lossy().into_owned())
            .collect()
    }

    fn clean(dir: &Path, keep: usize) -> Vec<String> {
        let plan = plan(list(dir).expect("listed"), keep).expect("read");
        for run in &plan.remove {
            assert_eq!(remove(run).expect("removed"), None);
        }
        plan.spared.into_iter().map(|(_, reason)| reason).collect()
    }

    #[test]
    fn the_newest_stay() {
        let dir = tempfile::tempdir().expect("a directory");
        let dir = dir.path();
        judged(dir, "b", "02");
        judged(dir, "a", "03");
        // A bank was kept in it, and a customer asked it.
        BANK_FILES
            .iter()
            .for_each(|name| fs::write(dir.join("a").join(name), "").expect("written"));
        drop(begin(dir, "c", "01"));
        fs::write(dir.join("output.json"), "[]").expect("written");
        fs::create_dir_all(dir.join("bank/branch-1")).expect("made");
        std::os::unix::fs::symlink("c", dir.join(LATEST)).expect("linked");
        let found = list(dir).expect("listed");
        let order: Vec<String> = found.iter().map(Found::name).collect();
        assert_eq!(order, ["a", "b", "c"]);
        assert!(found.iter().all(|run| run.bytes > 0 && !run.in_use));
        assert_eq!(clean(dir, 2), Vec::<String>::new());
        assert_eq!(names(dir), ["a", "b", "bank", "output.json"].map(str::to_owned).into());
        assert_eq!(clean(dir, 0), Vec::<String>::new());
        assert_eq!(names(dir), ["bank", "output.json"].map(str::to_owned).into());
    }

    #[test]
    fn what_is_used_or_not_ours_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let outside = tempfile::tempdir().expect("a directory");
        let dir = dir.path();
        let _under_way = begin(dir, "under-way", "01");
        judged(dir, "kept", "02");
        let lock = File::create(dir.join("kept").join(BANK_LOCK_FILE)).expect("made");
        lock.lock().expect("locked");
        judged(dir, "left", "03");
        fs::create_dir_all(dir.join("left/branch-7/data")).expect("made");
        let branch = File::create(dir.join("left/branch-7/data/LOCK")).expect("made");
        branch.lock().expect("locked");
        judged(dir, "annotated", "04");
        fs::write(dir.join("annotated/notes.txt"), "mine").expect("written");
        judged(dir, "linked", "05");
        fs::write(outside.path().join("mine"), "").expect("written");
        std::os::unix::fs::symlink(outside.path(), dir.join("linked/branch-1")).expect("linked");
        std::os::unix::fs::symlink(outside.path(), dir.join("link")).expect("linked");
        fs::create_dir(dir.join("other")).expect("made");
        fs::write(dir.join("other/state.json"), "{\"state\":\"of something else\"}").expect("written");
        let spared = clean(dir, 0);
        assert_eq!(
            spared,
            [
                "it holds notes.txt, which no run writes",
                "branch-7 still runs",
                "a run or a bank uses it",
                "a run or a bank uses it"
            ]
        );
        let left = ["annotated", "kept", "left", "link", "other", "under-way"];
        assert_eq!(names(dir), left.map(str::to_owned).into());
        assert!(outside.path().join("mine").exists());
    }

    #[test]
    fn folders_of_older_versions_are_recognised() {
        let dir = tempfile::tempdir().expect("a directory");
        let dir = dir.path();
        fs::create_dir_all(dir.join("run-20261123-030512-1/customers")).expect("made");
        fs::write(dir.join("run-20261123-030512-1/input.json"), "[]").expect("written");
        // The same content under another name may be anybody's.
        fs::create_dir_all(dir.join("mine/customers")).expect("made");
        fs::write(dir.join("mine/input.json"), "[]").expect("written");
        clean(dir, 0);
        assert_eq!(names(dir), ["mine".to_owned()].into());
    }
}
