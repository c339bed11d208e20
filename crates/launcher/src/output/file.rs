//! Writes the output file, or the output on stdout. The path is checked before a run starts: it must not be a file that
//! the run reads, nor one that a run folder has for its records. The file is then replaced as a whole, or stays as it
//! was.

use crate::input::{FileId, shown};
use crate::run::folder::{HISTORY_FILE, META_FILE, OUTPUT_FILE, STATE_FILE, is_own_name};
use crate::terminal::stdout;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use thiserror::Error;

/// A place that an output can be written to.
#[derive(Debug)]
pub enum OutputFile {
    /// Stdout of this process.
    Stdout,
    /// A file. The path has symbolic links resolved, so that the file is replaced and not the link.
    File(PathBuf),
}

/// Why an output cannot be written.
#[derive(Debug, Error)]
#[error("the output {}; name another file with --output", self.what())]
pub struct OutputFileError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl OutputFileError {
    /// The path, and what is wrong with it.
    pub fn what(&self) -> String {
        format!("{} cannot be written: {}", self.path.display(), self.source)
    }
}

/// Whether a path stands for the stdout of this process.
pub fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]
        .iter()
        .any(|name| path == Path::new(name))
}

impl OutputFile {
    /// Checks that the path can be written. Makes the directory, and leaves nothing else there. `reads` are the paths
    /// that the run reads, and `run_dir` is its folder, if the user named it.
    ///
    /// # Errors
    /// The path is a directory or a device, it leads to a file that the run reads or to a record in a run folder, or
    /// its directory cannot be made or written.
    pub fn prepare(path: &Path, reads: &[&Path], run_dir: Option<&Path>) -> Result<Self, OutputFileError> {
        let failed = |source| OutputFileError {
            path: path.to_owned(),
            source,
        };
        let refused = |what: String| failed(io::Error::other(what));
        let to_stdout = is_stdout(path);
        let there = match to_stdout {
            true => FileId::of_stdout(),
            false => FileId::of_input(path),
        };
        if let Some(read) = reads
            .iter()
            .find(|read| there.is_some() && FileId::of_input(read) == there)
        {
            return Err(refused(format!(
                "the run reads the same file, as {}",
                shown(read).display()
            )));
        }
        if to_stdout {
            return Ok(OutputFile::Stdout);
        }
        let target = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Err(refused("it is a directory".to_owned())),
            Ok(metadata) if !metadata.is_file() => return Err(refused("it is not a regular file".to_owned())),
            Ok(metadata) if metadata.permissions().readonly() => return Err(refused("it is read-only".to_owned())),
            Ok(_) => fs::canonicalize(path).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.file_name().is_some() => path.to_owned(),
            Err(error) => return Err(failed(error)),
        };
        if let Some(what) = record(&target, run_dir) {
            return Err(refused(what));
        }
        let dir = directory(&target);
        fs::create_dir_all(dir).map_err(failed)?;
        temporary(dir).map_err(|error| failed(without_path(error)))?;
        Ok(OutputFile::File(target))
    }

    /// Replaces the file as a whole, or writes the text on stdout.
    ///
    /// # Errors
    /// It cannot be written, for example because the disk is full. A file is as it was before.
    pub fn write(&self, text: &str) -> Result<(), OutputFileError> {
        let (path, written) = match self {
            OutputFile::Stdout => (Path::new("stdout"), stdout::print(text)),
            OutputFile::File(target) => (target.as_path(), replace(target, text)),
        };
        written.map_err(|source| OutputFileError {
            path: path.to_owned(),
            source,
        })
    }
}

fn replace(target: &Path, text: &str) -> io::Result<()> {
    let mut file = temporary(directory(target))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    Ok(())
}

fn directory(target: &Path) -> &Path {
    match target.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    }
}

fn temporary(dir: &Path) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    let open = fs::Permissions::from_mode(0o644);
    tempfile::Builder::new()
        .prefix(".output-")
        .permissions(open)
        .tempfile_in(dir)
}

/// What is wrong with a target that is a record in a run folder. `None` if it is none. The output of the own run may
/// have its own name there, because its content is the same.
fn record(target: &Path, run_dir: Option<&Path>) -> Option<String> {
    let target = resolved(target);
    let own = run_dir.map(resolved);
    if own.as_ref() == Some(&target) {
        return Some("it is the run folder that --dir names".to_owned());
    }
    target.ancestors().skip(1).find_map(|dir| {
        let is_own = own.as_deref() == Some(dir);
        let inside = target.strip_prefix(dir).ok()?;
        let name = inside.components().next()?.as_os_str().to_str()?;
        let allowed = !is_own_name(name) || (is_own && inside == Path::new(OUTPUT_FILE));
        match allowed || !(is_own || is_run_folder(dir)) {
            true => None,
            false => Some(format!(
                "{} is a run folder, and keeps its own records there",
                dir.display()
            )),
        }
    })
}

fn is_run_folder(dir: &Path) -> bool {
    dir.join(STATE_FILE).is_file() || (dir.join(META_FILE).is_file() && dir.join(HISTORY_FILE).is_file())
}

/// The absolute path with symbolic links resolved, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(real) = fs::canonicalize(path) {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent != Path::new("") => resolved(parent).join(name),
        (_, Some(name)) => resolved(Path::new(".")).join(name),
        _ => path.to_owned(),
    }
}

/// The error of the operating system, without the path of the temporary file.
fn without_path(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.source());
    let by_system = inner.and_then(|inner| inner.downcast_ref::<io::Error>()?.raw_os_error());
    by_system.map_or(error, io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_cannot_be_written_is_refused_early() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("file"), "old").expect("written");
        for (path, expected) in [
            (dir.path().to_owned(), "it is a directory"),
            (dir.path().join("file/out.json"), "Not a directory"),
            ("/dev/null".into(), "it is not a regular file"),
            ("".into(), "No such file"),
        ] {
            let error = OutputFile::prepare(&path, &[], None)
                .expect_err("not writable")
                .to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_file_is_replaced_through_a_link() {
        let dir = tempfile::tempdir().expect("a directory");
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "old").expect("written");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        let output = OutputFile::prepare(&link, &[], None).expect("writable");
        assert_eq!(fs::read_to_string(&real).expect("read"), "old");
        output.write("new").expect("written");
        assert_eq!(fs::read_to_string(&real).expect("read"), "new");
        assert!(link.is_symlink());
        let fresh = dir.path().join("a/b/out.json");
        OutputFile::prepare(&fresh, &[], None).expect("writable");
        assert_eq!(fs::read_dir(dir.path().join("a/b")).expect("made").count(), 0);
    }

    #[test]
    fn a_file_that_the_run_reads_is_refused_by_any_name() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        fs::write(path("in.json"), "[]").expect("written");
        fs::hard_link(path("in.json"), path("hard")).expect("linked");
        std::os::unix::fs::symlink("in.json", path("soft")).expect("linked");
        for name in ["in.json", "./in.json", "hard", "soft"] {
            let refused = OutputFile::prepare(&path(name), &[&path("in.json")], None).expect_err(name);
            let refused = refused.to_string();
            assert!(refused.contains("the run reads the same file, as"), "{refused}");
        }
        assert!(OutputFile::prepare(&path("out.json"), &[&path("in.json")], None).is_ok());
    }

    #[test]
    fn the_records_of_a_run_are_not_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        fs::create_dir(path("old")).expect("made");
        fs::write(path("old/state.json"), "{}").expect("written");
        std::os::unix::fs::symlink("old", path("latest")).expect("linked");
        for (output, run_dir, allowed) in [
            ("new", Some("new"), false),
            ("new/history.jsonl", Some("new"), false),
            ("new/journals/branch-1.jsonl", Some("new"), false),
            ("new/branch-1/data/x", Some("new"), false),
            ("new/output.json", Some("new"), true),
            ("new/mine.json", Some("new"), true),
            ("old/output.json", Some("new"), false),
            ("latest/report.html", None, false),
            ("latest/mine.json", None, true),
            ("output.json", None, true),
        ] {
            let run_dir = run_dir.map(path);
            match OutputFile::prepare(&path(output), &[], run_dir.as_deref()) {
                Ok(_) => assert!(allowed, "{output}"),
                Err(error) => assert!(!allowed && error.to_string().contains("run folder"), "{error}"),
            }
        }
    }
}
