//! Frames of HTTP/2, written by hand.

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// The largest content of a frame that a branch takes.
const CONTENT_MAX: usize = 16 << 10;

fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), content].concat()
}

/// The beginning of a connection.
pub(super) fn begin() -> Vec<u8> {
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &[])].concat()
}

pub(super) fn ping() -> Vec<u8> {
    frame(PING, 0, 0, &[7; 8])
}

pub(super) fn settings() -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[])
}

/// A deposit's header and its end, for HPACK without compression.
fn head() -> Vec<u8> {
    let path = b"/bank.v1.BankService/Query";
    let kind = b"application/grpc";
    // `:method POST`, `:scheme http`, `:path`, `content-type`, `te`.
    let mut head = vec![0x83, 0x86, 0x04, path.len() as u8];
    head.extend(path);
    head.extend([0x0f, 0x10, kind.len() as u8]);
    head.extend(kind);
    head.extend(b"\x00\x02te\x08trailers");
    head
}

/// Calls that are reset as soon as they are begun, from this stream on.
pub(super) fn resets(from: u32, calls: u32) -> Vec<u8> {
    let head = head();
    let one = |call: u32| {
        let stream = from + 2 * call;
        [
            frame(HEADERS, END_HEADERS, stream, &head),
            frame(RST_STREAM, 0, stream, &8u32.to_be_bytes()),
        ]
        .concat()
    };
    (0..calls).flat_map(one).collect()
}

/// A call whose header fields fill a whole frame.
pub(super) fn huge_header(stream: u32) -> Vec<u8> {
    let mut head = head();
    let field = [&b"\x00\x01x\x7e"[..], &[b'y'; 126]].concat();
    while head.len() + field.len() <= CONTENT_MAX {
        head.extend(&field);
    }
    frame(HEADERS, END_HEADERS, stream, &head)
}

/// A header that has no end.
pub(super) fn endless_header() -> Vec<u8> {
    frame(HEADERS, 0, 1, &head())
}

/// More of a header that has no end.
pub(super) fn continuation() -> Vec<u8> {
    frame(CONTINUATION, 0, 1, &b"\x00\x01x\x01y".repeat(CONTENT_MAX / 5))
}

/// The beginning of a header of 4 KiB, most of which is to come.
pub(super) fn slow_header() -> Vec<u8> {
    let mut begun = frame(HEADERS, END_HEADERS, 1, &[0; 4096]);
    begun.truncate(9);
    begun.extend(head());
    begun
}
