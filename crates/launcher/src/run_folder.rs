//! The folder of one run: `input.json`, `output.json`, `bank.json`, `branch-N/{data,log}` and `customers/`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use thiserror::Error;

/// A run's own folder, new and empty.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
}

/// Why there is no folder for a run.
#[derive(Debug, Error)]
pub enum RunFolderError {
    /// Something is in it already.
    #[error("the run folder {} is not empty; name a new one with --dir, or leave --dir away", .0.display())]
    NotEmpty(PathBuf),
    /// It cannot be made or written in.
    #[error("the run folder {} cannot be made: {source}; name another one with --dir", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl RunFolder {
    /// This folder, which must be new or empty.
    ///
    /// # Errors
    /// It is neither, or cannot be made.
    pub fn named(path: &Path) -> Result<Self, RunFolderError> {
        let failed = |source| RunFolderError::Io {
            path: path.to_owned(),
            source,
        };
        if path.is_file() {
            return Err(failed(io::Error::other("it is a file")));
        }
        fs::create_dir_all(path).map_err(failed)?;
        if fs::read_dir(path).map_err(failed)?.next().is_some() {
            return Err(RunFolderError::NotEmpty(path.to_owned()));
        }
        Self::at(path.to_owned())
    }

    /// A new folder in `parent`, such as `run-20261123-030512-1`, named after the time (UTC) and numbered where several
    /// begin in one second.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn fresh(parent: &Path, now: SystemTime) -> Result<Self, RunFolderError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| RunFolderError::Io { path, source }
        };
        fs::create_dir_all(parent).map_err(failed(parent))?;
        let stamp = stamp(now);
        for number in 1u32.. {
            let path = parent.join(format!("run-{stamp}-{number}"));
            match fs::create_dir(&path) {
                Ok(()) => return Self::at(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&path)(error)),
            }
        }
        Err(failed(parent)(io::ErrorKind::AlreadyExists.into()))
    }

    fn at(path: PathBuf) -> Result<Self, RunFolderError> {
        let folder = RunFolder { path };
        let customers = folder.customers();
        fs::create_dir(&customers).map_err(|source| RunFolderError::Io {
            path: customers,
            source,
        })?;
        Ok(folder)
    }

    /// Writes one of its files.
    ///
    /// # Errors
    /// The disk is full, say.
    pub fn write(&self, name: &str, text: &str) -> Result<(), RunFolderError> {
        let path = self.path.join(name);
        fs::write(&path, text).map_err(|source| RunFolderError::Io { path, source })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where customers' sessions and logs are.
    pub fn customers(&self) -> PathBuf {
        self.path.join("customers")
    }
}

/// `20261123-030512`
fn stamp(now: SystemTime) -> String {
    let seconds = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    format!(
        "{year:04}{month:02}{day:02}-{:02}{:02}{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// The date of a day counted from 1970-01-01, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days`. Years there begin in March.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_as_names() {
        for (seconds, expected) in [
            (0, "19700101-000000"),
            (951_827_696, "20000229-123456"),
            (1_795_403_112, "20261123-030512"),
            (4_107_542_399, "21000228-235959"),
        ] {
            assert_eq!(stamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn folders_are_fresh() {
        let dir = tempfile::tempdir().expect("a directory");
        let parent = dir.path().join("outputs");
        let names = [1, 2].map(|_| {
            let folder = RunFolder::fresh(&parent, SystemTime::UNIX_EPOCH).expect("made");
            folder
                .path()
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .expect("a name")
        });
        assert_eq!(names, ["run-19700101-000000-1", "run-19700101-000000-2"]);
        let error = RunFolder::named(&parent).expect_err("in use").to_string();
        assert!(error.contains("is not empty") && error.contains("--dir"), "{error}");
        assert!(RunFolder::named(&dir.path().join("new")).is_ok());
        fs::write(dir.path().join("file"), "").expect("written");
        let error = RunFolder::named(&dir.path().join("file"))
            .expect_err("no folder")
            .to_string();
        assert!(error.ends_with("it is a file; name another one with --dir"), "{error}");
    }
}
