//! A file system for SQLite whose syncs fail on demand, for tests and for `branchd-planted`. No release contains it.
//!
//! It wraps SQLite's own file system. A sync of FILE fails while `FILE.fail-sync` exists. If that file holds the word
//! `once`, the first failure removes it; otherwise each sync fails. Each failure adds a line to `FILE.failed-syncs`.

#![allow(
    unsafe_code,
    reason = "SQLite takes a file system as C structures only; this one is in no release"
)]
#![allow(clippy::expect_used, reason = "for tests: what cannot be set up should stop")]

use std::ffi::{CStr, c_int};
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Once;

use rusqlite::ffi;

/// The methods of one open file, and the data that the failing sync needs. SQLite holds a pointer to the first field.
#[repr(C)]
struct Methods {
    patched: ffi::sqlite3_io_methods,
    sound: *const ffi::sqlite3_io_methods,
    path: PathBuf,
}

type Open = unsafe extern "C" fn(
    *mut ffi::sqlite3_vfs,
    ffi::sqlite3_filename,
    *mut ffi::sqlite3_file,
    c_int,
    *mut c_int,
) -> c_int;

/// Makes SQLite open every further file of this process through the failing file system.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the default file system is static; the copy is never freed, and differs in its name and one method.
        unsafe {
            let sound = ffi::sqlite3_vfs_find(std::ptr::null());
            assert!(!sound.is_null(), "SQLite has a file system");
            let mut failing = std::ptr::read(sound);
            failing.zName = c"failing".as_ptr();
            failing.pNext = std::ptr::null_mut();
            failing.xOpen = Some(open);
            let result = ffi::sqlite3_vfs_register(Box::leak(Box::new(failing)), 1);
            assert_eq!(result, ffi::SQLITE_OK, "SQLite takes another file system");
        }
    });
}

fn sound_open() -> Open {
    // SAFETY: as in `install`. "unix" is the name of the default on every Unix.
    unsafe {
        let sound = ffi::sqlite3_vfs_find(c"unix".as_ptr());
        (*sound).xOpen.expect("a file system opens files")
    }
}

/// Opens a file by SQLite's own method, then replaces the file's sync method by the failing one.
unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite's own arguments are passed on. After success `file` has methods that outlive it. The replaced
    // methods are never freed, because the file may be closed at any time.
    unsafe {
        let result = sound_open()(vfs, name, file, flags, out_flags);
        if result != ffi::SQLITE_OK || name.is_null() || (*file).pMethods.is_null() {
            return result;
        }
        let sound = (*file).pMethods;
        let mut patched = std::ptr::read(sound);
        patched.xSync = Some(sync);
        let path = PathBuf::from(CStr::from_ptr(name).to_string_lossy().into_owned());
        let methods = Box::leak(Box::new(Methods { patched, sound, path }));
        (*file).pMethods = &raw const methods.patched;
        result
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: only files that `open` has patched have this method, and their methods are the first field of `Methods`.
    unsafe {
        let methods = &*(*file).pMethods.cast::<Methods>();
        if fails(&methods.path) {
            return ffi::SQLITE_IOERR_FSYNC;
        }
        let sync = (*methods.sound).xSync.expect("a file can be synced");
        sync(file, flags)
    }
}

fn beside(path: &std::path::Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Whether a few commits are enough for the write-ahead log to be moved into the database file. That is so if
/// `FILE.small-log` exists.
#[cfg(feature = "planted-bugs")]
pub(crate) fn wants_a_small_log(path: &std::path::Path) -> bool {
    beside(path, ".small-log").exists()
}

/// Whether this sync of the file fails.
fn fails(path: &std::path::Path) -> bool {
    let order = beside(path, ".fail-sync");
    let Ok(how) = fs::read_to_string(&order) else {
        return false;
    };
    if how.trim() == "once" {
        fs::remove_file(&order).expect("the order can be removed");
    }
    let failed = beside(path, ".failed-syncs");
    let mut failed = File::options().create(true).append(true).open(failed).expect("a note");
    writeln!(failed, "a sync failed").expect("a note");
    true
}
