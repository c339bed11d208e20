//! Finds the gRPC messages in the body of a request. Each message begins with a header of five bytes: a flag and its
//! length.

/// The length of a message's header, in bytes: one for the flag, four for the length.
pub(super) const HEADER_LEN: u32 = 5;
const HEADER: usize = HEADER_LEN as usize;

/// Follows a body chunk by chunk. Keeps none of its data.
#[derive(Debug, Default)]
pub(super) struct Framing {
    header: [u8; HEADER],
    /// How many bytes of the header have arrived.
    header_len: usize,
    /// How many bytes of the current message are still to come.
    missing: u32,
    /// The length of all messages that have begun, with their headers, in bytes.
    announced: u64,
}

impl Framing {
    /// Takes the next bytes of the body. Returns the length of the longest message whose header they complete, if there
    /// is one.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Option<u32> {
        let mut longest = None;
        while !bytes.is_empty() {
            if self.missing > 0 {
                let len = usize::try_from(self.missing).map_or(bytes.len(), |missing| missing.min(bytes.len()));
                // `len` is at most `missing`, which is a u32.
                self.missing -= u32::try_from(len).unwrap_or(self.missing);
                bytes = bytes.get(len..).unwrap_or_default();
                continue;
            }
            let len = (HEADER - self.header_len).min(bytes.len());
            let (part, rest) = bytes.split_at(len);
            self.header[self.header_len..self.header_len + len].copy_from_slice(part);
            self.header_len += len;
            bytes = rest;
            if self.header_len == HEADER {
                let [_, a, b, c, d] = self.header;
                self.missing = u32::from_be_bytes([a, b, c, d]);
                self.header_len = 0;
                self.announced += u64::from(HEADER_LEN) + u64::from(self.missing);
                longest = longest.max(Some(self.missing));
            }
        }
        longest
    }

    /// Whether a message or its header has begun and is not complete.
    pub(super) fn is_within(&self) -> bool {
        self.missing > 0 || self.header_len > 0
    }

    /// The length of all messages that have begun, with their headers, in bytes.
    pub(super) fn announced(&self) -> u64 {
        self.announced
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(len: usize) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(u32::try_from(len).expect("small").to_be_bytes());
        bytes.resize(HEADER + len, 7);
        bytes
    }

    #[test]
    fn a_message_is_announced_by_its_header_alone() {
        let mut framing = Framing::default();
        assert_eq!((framing.take(&[0, 0, 0xe4]), framing.is_within()), (None, true));
        assert_eq!(
            (framing.take(&[0xe1, 0xc0]), framing.is_within()),
            (Some(15_000_000), true)
        );
        assert_eq!(framing.announced(), 15_000_005);
        let mut longest_possible = Framing::default();
        assert_eq!(longest_possible.take(&[0, 0xff, 0xff, 0xff, 0xff]), Some(u32::MAX));
    }

    proptest! {
        #[test]
        fn however_a_body_is_cut_its_messages_are_found(
            lengths in proptest::collection::vec(0..40usize, 0..12),
            cuts in proptest::collection::vec(1..50usize, 1..20),
        ) {
            let body: Vec<u8> = lengths.iter().flat_map(|len| message(*len)).collect();
            let mut framing = Framing::default();
            let (mut longest, mut rest, mut cuts) = (None, body.as_slice(), cuts.into_iter().cycle());
            while !rest.is_empty() {
                let (part, after) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
                longest = longest.max(framing.take(part));
                rest = after;
            }
            prop_assert_eq!(longest, lengths.iter().max().map(|len| u32::try_from(*len).expect("small")));
            prop_assert_eq!(framing.announced(), body.len() as u64);
            prop_assert!(!framing.is_within());
        }
    }
}
