//! Errors on demand, for tests.

use std::io;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::SeqCst;

/// Counters of the calls that still succeed. 0: the next call fails. Negative: every call succeeds.
#[derive(Debug)]
pub(crate) struct Faults {
    pub(crate) writes: AtomicI64,
    pub(crate) syncs: AtomicI64,
    pub(crate) reserves: AtomicI64,
    pub(crate) fills: AtomicI64,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            writes: (-1).into(),
            syncs: (-1).into(),
            reserves: (-1).into(),
            fills: (-1).into(),
        }
    }
}

impl Faults {
    pub(crate) fn write(&self) -> io::Result<()> {
        count(&self.writes, io::ErrorKind::StorageFull, "injected: no space left")
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        count(&self.syncs, io::ErrorKind::Other, "injected: input/output error")
    }

    pub(crate) fn reserve(&self) -> io::Result<()> {
        count(&self.reserves, io::ErrorKind::StorageFull, "injected: no space left")
    }

    pub(crate) fn fill(&self) -> io::Result<()> {
        count(&self.fills, io::ErrorKind::StorageFull, "injected: no space left")
    }
}

fn count(left: &AtomicI64, kind: io::ErrorKind, what: &str) -> io::Result<()> {
    match left.load(SeqCst) {
        0 => Err(io::Error::new(kind, what)),
        calls if calls > 0 => {
            left.store(calls - 1, SeqCst);
            Ok(())
        }
        _ => Ok(()),
    }
}
