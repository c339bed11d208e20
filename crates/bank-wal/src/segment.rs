//! One segment file: its name and its operations. Errors name the file and the offset.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{OpenError, explain};
use crate::options::Options;

const SUFFIX: &str = ".segment";

/// The path of segment `sequence` in `dir`.
pub(crate) fn segment_path(dir: &Path, sequence: u32) -> PathBuf {
    dir.join(format!("{sequence:010}{SUFFIX}"))
}

/// The numbers of the segment files in `dir`, ascending.
pub(crate) fn list_segments(dir: &Path) -> Result<Vec<u32>, OpenError> {
    let mut found = Vec::new();
    for entry in dir.read_dir().map_err(OpenError::io("listing", dir))? {
        let name = entry.map_err(OpenError::io("listing", dir))?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        if let Some(Ok(sequence)) = digits.map(str::parse) {
            found.push(sequence);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Makes created, renamed and removed file names in `dir` durable.
pub(crate) fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|e| explain(&e, "fsync", dir))
}

/// An open segment file. Reads and writes take an offset, so threads can share it.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    file: File,
    path: PathBuf,
    syncs: Arc<AtomicU64>,
    #[cfg(test)]
    faults: Arc<crate::faults::Faults>,
}

impl SegmentFile {
    /// Creates the file. It is an error if the file exists.
    pub(crate) fn create(path: PathBuf, options: &Options) -> io::Result<SegmentFile> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        Self::wrap(file, "creating", path, options)
    }

    pub(crate) fn open(path: PathBuf, options: &Options) -> io::Result<SegmentFile> {
        let file = OpenOptions::new().read(true).write(true).open(&path);
        Self::wrap(file, "opening", path, options)
    }

    fn wrap(file: io::Result<File>, what: &str, path: PathBuf, options: &Options) -> io::Result<SegmentFile> {
        let file = file.map_err(|e| explain(&e, what, &path))?;
        Ok(SegmentFile {
            file,
            path,
            syncs: Arc::clone(&options.syncs),
            #[cfg(test)]
            faults: options.faults.clone(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn len(&self) -> io::Result<u64> {
        self.file
            .metadata()
            .map(|m| m.len())
            .map_err(|e| explain(&e, "stat", &self.path))
    }

    pub(crate) fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        #[cfg(test)]
        self.faults.write()?;
        self.file.write_all_at(bytes, offset).map_err(|e| {
            explain(
                &e,
                format_args!("writing {} bytes at byte {offset}", bytes.len()),
                &self.path,
            )
        })
    }

    /// Runs fdatasync. After an error the state on disk of every byte since the last success is unknown.
    pub(crate) fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        self.faults.sync()?;
        self.sync_data().map_err(|e| explain(&e, "fdatasync", &self.path))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.file.sync_data()
    }

    pub(crate) fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset).map_err(|e| {
            explain(
                &e,
                format_args!("reading {} bytes at byte {offset}", buffer.len()),
                &self.path,
            )
        })
    }

    /// Reads the first `limit` bytes, or all bytes if the file is shorter.
    pub(crate) fn read_up_to(&self, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.len()?.min(limit)).map_err(io::Error::other)?];
        self.read(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Writes `len` zeros at `from`, which is the end of the file, and syncs them. `false`: the disk is full, and the
    /// file still ends at `from`.
    pub(crate) fn fill(&self, from: u64, len: u64) -> io::Result<bool> {
        let zeros = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        let write = || {
            #[cfg(test)]
            self.faults.fill()?;
            self.file.write_all_at(&zeros, from)?;
            self.sync_data()
        };
        match write() {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::StorageFull => self.set_len(from).map(|()| false),
            Err(e) => Err(explain(
                &e,
                format_args!("filling {len} bytes at byte {from}"),
                &self.path,
            )),
        }
    }

    pub(crate) fn set_len(&self, len: u64) -> io::Result<()> {
        self.file
            .set_len(len)
            .map_err(|e| explain(&e, format_args!("setting the length {len}"), &self.path))
    }

    /// Reserves disk space from offset `from` to offset `to` and extends the file to `to`. `false`: the file system
    /// cannot reserve.
    #[cfg(target_os = "linux")]
    pub(crate) fn reserve(&self, from: u64, to: u64) -> io::Result<bool> {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::Errno;
        #[cfg(test)]
        self.faults.reserve()?;
        loop {
            match fallocate(&self.file, FallocateFlags::empty(), from, to - from) {
                Ok(()) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(false),
                Err(errno) => {
                    return Err(explain(
                        &errno.into(),
                        format_args!("reserving bytes {from} to {to}"),
                        &self.path,
                    ));
                }
            }
        }
    }

    /// Reserves nothing, so the file grows as it is written.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn reserve(&self, _from: u64, _to: u64) -> io::Result<bool> {
        Ok(false)
    }
}
