//! The host of a benchmark, and the programs that were measured.

use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::thread;

/// Where and with what a benchmark was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Name of the processor. `None` if the operating system does not tell it.
    pub processor: Option<String>,
    /// Number of threads that can run at once.
    pub cores: usize,
    /// Operating system and its version, such as `Linux 6.18.0`.
    pub kernel: String,
    /// Type of the file system that has the branches' data. `None` if it is not known.
    pub file_system: Option<String>,
    /// Version and commit of this program.
    pub launcher: String,
    /// Version of the branches, as they tell it.
    pub branchd: Option<String>,
}

/// Version and commit of this program.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("PASSBOOK_COMMIT"), ")");

impl Machine {
    /// This host. `data` is a directory with data of branches on it.
    pub(super) fn this(data: Option<&Path>, branchd: Option<String>) -> Self {
        let system = rustix::system::uname();
        let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
        let mounts = || fs::read_to_string("/proc/self/mounts").ok();
        let data = data.and_then(|data| data.canonicalize().ok());
        Machine {
            processor: fs::read_to_string("/proc/cpuinfo").ok().as_deref().and_then(processor),
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: format!("{} {}", text(system.sysname()), text(system.release())),
            file_system: data.and_then(|data| file_system(&mounts()?, &data)),
            launcher: VERSION.to_owned(),
            branchd,
        }
    }

    /// The host in one line.
    pub(super) fn host(&self) -> String {
        let cores = match self.cores {
            1 => "1 core".to_owned(),
            cores => format!("{cores} cores"),
        };
        let file_system = self.file_system.as_ref().map(|kind| format!("data on {kind}"));
        let parts = [
            self.processor.clone(),
            Some(cores),
            Some(self.kernel.clone()),
            file_system,
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// The name of the processor in a text of `/proc/cpuinfo`.
fn processor(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The type of the file system that has this path, by a text of `/proc/self/mounts`.
fn file_system(mounts: &str, path: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let around = mounts.filter(|(directory, _)| path.starts_with(directory));
    // Of two mounts on one directory, the later one covers the other.
    let nearest = around.max_by_key(|(directory, _)| directory.len())?;
    Some(nearest.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_has_the_path() {
        let mounts =
            "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/b xfs rw 0 0\n/dev/c /tmp/b btrfs rw 0 0\n";
        for (path, expected) in [
            ("/x", "ext4"),
            ("/tmp/y", "tmpfs"),
            ("/tmp/b/z", "btrfs"),
            ("/tmpx", "ext4"),
        ] {
            assert_eq!(
                file_system(mounts, Path::new(path)).as_deref(),
                Some(expected),
                "{path}"
            );
        }
        assert_eq!(file_system("", Path::new("/x")), None);
    }

    #[test]
    fn the_processor_has_a_name() {
        let text = "processor\t: 0\nmodel name\t: AMD EPYC 7B13\nprocessor\t: 1\n";
        assert_eq!(processor(text).as_deref(), Some("AMD EPYC 7B13"));
        assert_eq!(processor(""), None);
    }
}
