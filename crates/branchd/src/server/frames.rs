//! Notices a flood of frames that ask for work and bring no call: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, RST_STREAM,
//! empty DATA, frames of unknown types, and headers that are too long. The HTTP/2 library answers each of them and bounds none. Pure: bytes and
//! the time in, a verdict out.

use std::time::{Duration, Instant};

/// The largest header list of a request, in bytes as HTTP/2 counts them. Our clients send 400 bytes; a proxy adds some.
pub(super) const HEADERS_BYTES_MAX: u32 = 8 << 10;
/// The length of the text that every HTTP/2 connection begins with, in bytes.
const PREFACE_LEN: usize = 24;
const FRAME_HEADER_LEN: usize = 9;

/// How many such frames a connection may send at once. The windows of all calls that a connection may have in progress
/// may be updated together.
const FRAMES_MAX: u64 = 4096;
/// How many more it may send for each second of its life. Clients that measure the round trip send some tens of pings.
const FRAMES_PER_SECOND: u64 = 128;
/// How many more it may send for each call. A client may cancel a call, and updates its window.
const FRAMES_PER_CALL: u64 = 4;
/// It may send one more for each of so many bytes that it is sent. Clients update two windows for each frame of data,
/// which has some hundred bytes at least if there are many.
const BYTES_PER_FRAME: u64 = 64;

/// A header this long, in bytes, is longer than the limit on header lists, which the library finds only after it has
/// decoded the header. A connection may send a few of them, and is told each time.
const LONG_HEADER_LEN: u32 = HEADERS_BYTES_MAX;
/// For how many frames such a header counts.
const FRAMES_PER_LONG_HEADER: u64 = FRAMES_MAX / 16;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;

/// The connection sends far more frames without a call than any client needs.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a flood of frames that belong to no call")]
pub(super) struct Flood;

/// The frames that a connection has sent.
#[derive(Debug)]
pub(super) struct Frames {
    /// How many bytes of the preface or of a frame's content are still to come.
    skip: usize,
    header: [u8; FRAME_HEADER_LEN],
    /// How many bytes of the header have come.
    have: usize,
    /// How many frames the connection may still send, in parts of [`BYTES_PER_FRAME`].
    left: u64,
    last: Instant,
}

impl Frames {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            skip: PREFACE_LEN,
            header: [0; FRAME_HEADER_LEN],
            have: 0,
            left: FRAMES_MAX * BYTES_PER_FRAME,
            last: now,
        }
    }

    /// Takes bytes that the connection has sent.
    ///
    /// # Errors
    /// [`Flood`].
    pub(super) fn read(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), Flood> {
        self.refill(now);
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (FRAME_HEADER_LEN - self.have).min(bytes.len());
            self.header[self.have..][..taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have < FRAME_HEADER_LEN {
                return Ok(());
            }
            self.have = 0;
            self.frame()?;
        }
    }

    /// Takes the number of bytes that the connection was sent.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.add(bytes as u64);
    }

    fn frame(&mut self) -> Result<(), Flood> {
        let [high, middle, low, kind, flags, ..] = self.header;
        let len = u32::from_be_bytes([0, high, middle, low]);
        self.skip = len as usize;
        match kind {
            HEADERS if len > LONG_HEADER_LEN => self.spend(FRAMES_PER_LONG_HEADER)?,
            HEADERS => self.add(FRAMES_PER_CALL * BYTES_PER_FRAME),
            // The library bounds them.
            CONTINUATION => {}
            DATA if len > 0 || flags & END_STREAM != 0 => {}
            _ => self.spend(1)?,
        }
        Ok(())
    }

    fn spend(&mut self, frames: u64) -> Result<(), Flood> {
        self.left = self.left.checked_sub(frames * BYTES_PER_FRAME).ok_or(Flood)?;
        Ok(())
    }

    fn refill(&mut self, now: Instant) {
        let part = Duration::from_secs(1) / (FRAMES_PER_SECOND * BYTES_PER_FRAME) as u32;
        let parts = now.saturating_duration_since(self.last).as_nanos() / part.as_nanos();
        if parts > 0 {
            self.last = now;
            self.add(u64::try_from(parts).unwrap_or(u64::MAX));
        }
    }

    fn add(&mut self, parts: u64) {
        self.left = self.left.saturating_add(parts).min(FRAMES_MAX * BYTES_PER_FRAME);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: u8 = 6;
    const SETTINGS: u8 = 4;

    fn frame(kind: u8, flags: u8, content: &[u8]) -> Vec<u8> {
        let len = u32::try_from(content.len()).expect("short").to_be_bytes();
        [&len[1..], &[kind, flags, 0, 0, 0, 1], content].concat()
    }

    fn begun(now: Instant) -> Frames {
        let mut frames = Frames::new(now);
        frames.read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", now).expect("begun");
        frames
    }

    /// How many of these frames are taken, up to a bound.
    fn taken(frames: &mut Frames, bytes: &[u8], now: Instant) -> u64 {
        let most = 2 * FRAMES_MAX;
        let taken = (0..most).find(|_| frames.read(bytes, now).is_err()).unwrap_or(most);
        // The content of the refused frame does not come.
        frames.skip = 0;
        taken
    }

    #[test]
    fn frames_without_a_call_are_bounded_and_the_others_are_not() {
        let now = Instant::now();
        for (kind, flags, content, bounded) in [
            (PING, 0, &[0; 8][..], true),
            (PING, 1, &[0; 8], true),
            (SETTINGS, 0, &[], true),
            (8, 0, &[0; 4], true),
            (3, 0, &[0; 4], true),
            (2, 0, &[0; 5], true),
            (77, 0, &[0; 5], true),
            (DATA, 0, &[], true),
            (DATA, 0, &[1], false),
            (DATA, END_STREAM, &[], false),
            (HEADERS, 4, &[1; 50], false),
        ] {
            let taken = taken(&mut begun(now), &frame(kind, flags, content), now);
            assert_eq!(taken == FRAMES_MAX, bounded, "{kind} {flags} {content:?}: {taken}");
        }
    }

    #[test]
    fn a_few_headers_may_be_too_long() {
        let now = Instant::now();
        let long = |len: u32| {
            [
                &len.to_be_bytes()[1..],
                &[HEADERS, 4, 0, 0, 0, 1],
                &vec![7; len as usize],
            ]
            .concat()
        };
        assert_eq!(taken(&mut begun(now), &long(LONG_HEADER_LEN + 1), now), 16);
        assert_eq!(taken(&mut begun(now), &long(LONG_HEADER_LEN), now), 2 * FRAMES_MAX);
    }

    #[test]
    fn time_calls_and_answers_allow_more() {
        let now = Instant::now();
        let ping = frame(PING, 0, &[0; 8]);
        let mut frames = begun(now);
        assert_eq!(taken(&mut frames, &ping, now), FRAMES_MAX);
        assert_eq!(taken(&mut frames, &ping, now), 0);
        frames.read(&frame(HEADERS, 4, &[0; 9]), now).expect("a call");
        assert_eq!(taken(&mut frames, &ping, now), FRAMES_PER_CALL);
        frames.wrote(10 * BYTES_PER_FRAME as usize);
        assert_eq!(taken(&mut frames, &ping, now), 10);
        let later = now + Duration::from_secs(1);
        // The length of a part is rounded down to a nanosecond.
        let more = taken(&mut frames, &ping, later);
        assert!((FRAMES_PER_SECOND..FRAMES_PER_SECOND + 2).contains(&more), "{more}");
    }

    #[test]
    fn bytes_may_come_in_any_parts() {
        let now = Instant::now();
        let call = [
            frame(HEADERS, 4, &[7; 40]),
            frame(DATA, 1, &[9; 300]),
            frame(PING, 0, &[0; 8]),
        ]
        .concat();
        for part in [1, 2, 8, 9, 10, 64, 1000] {
            let mut frames = begun(now);
            for bytes in call.repeat(100).chunks(part) {
                frames.read(bytes, now).expect("no flood");
            }
            assert_eq!((frames.skip, frames.have), (0, 0), "{part}");
            // Each ping was allowed by its call.
            assert_eq!(frames.left, FRAMES_MAX * BYTES_PER_FRAME - BYTES_PER_FRAME);
        }
    }
}
