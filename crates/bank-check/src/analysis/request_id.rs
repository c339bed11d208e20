//! Request ids as the judges compare them.

/// A request id. Two spellings of one UUID are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RequestId<'a> {
    Uuid(u128),
    /// A request id that is not a UUID.
    Text(&'a str),
}

impl<'a> RequestId<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let (mut value, mut digits) = (0u128, 0);
        for byte in text.bytes().filter(|byte| *byte != b'-') {
            let Some(digit) = char::from(byte).to_digit(16) else {
                return RequestId::Text(text);
            };
            digits += 1;
            value = value << 4 | u128::from(digit);
        }
        if digits == 32 {
            RequestId::Uuid(value)
        } else {
            RequestId::Text(text)
        }
    }
}
