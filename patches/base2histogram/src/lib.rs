//! Stands in for the crate of this name, with as much of its interface as openraft uses, and keeps nothing.
//!
//! openraft counts its batches into histograms, which Passbook never reads. The real crate computes the bucket tables
//! of all its 16 resolutions when the first histogram is made: time and 27 MB in every branch process, for nothing.
//! docs/decisions/0004-histogram.md has the measurement.

use std::fmt;
use std::marker::PhantomData;

/// Takes samples, and forgets them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram<T = ()>(PhantomData<T>);

impl<T> Histogram<T> {
    /// An empty histogram; it stays so.
    pub fn new() -> Self {
        Self(PhantomData)
    }

    /// Forgets the sample.
    pub fn record(&mut self, _value: u64) {}

    /// Forgets all of them.
    pub fn record_n(&mut self, _value: u64, _samples: u64) {}

    /// Of no samples.
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats::default()
    }
}

/// The percentiles of a histogram's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct PercentileStats {
    pub samples: u64,
    pub p0_1: u64,
    pub p1: u64,
    pub p5: u64,
    pub p10: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} samples", self.samples)
    }
}

/// A chart of histograms: empty.
#[derive(Debug, Clone, Default)]
pub struct AsciiChart;

impl AsciiChart {
    /// An empty chart.
    pub fn new() -> Self {
        Self
    }

    /// Leaves the chart empty.
    #[must_use]
    pub fn add<T>(self, _name: impl Into<String>, _histogram: Histogram<T>) -> Self {
        self
    }
}

impl fmt::Display for AsciiChart {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
