//! Enums whose values are words.

/// A text that is not one of the words that were expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is none of {}", known.join(", "))]
pub struct UnknownWord {
    /// The text.
    pub text: String,
    /// Every word that was expected.
    pub known: Vec<&'static str>,
}

/// Gives an enum without data its words: `ALL`, `as_str`, `Display` and `FromStr`. The enum's `serde` attributes spell
/// the same words in JSON; the test of this module compares the two.
macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every value, in the order of the definition.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The word for the value, as on a command line and in JSON.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::words::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.into_iter().find(|value| value.as_str() == text);
                found.ok_or_else(|| $crate::words::UnknownWord {
                    text: text.to_owned(),
                    known: Self::ALL.map(Self::as_str).to_vec(),
                })
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    use crate::{CallOutcome, Certainty, Interface, Level, Propagation, RefusalReason, WriteResult};

    macro_rules! has_one_spelling {
        ($($type:ident),+) => {
            $(for value in $type::ALL {
                assert_eq!(value.as_str().parse(), Ok(value));
                let json = serde_json::to_string(&value).expect("JSON");
                assert_eq!(json, format!("\"{value}\""));
                assert_eq!(serde_json::from_str::<$type>(&json).expect("read back"), value);
            })+
        };
    }

    #[test]
    fn text_and_json_have_one_spelling() {
        has_one_spelling!(
            CallOutcome,
            Certainty,
            Interface,
            Level,
            Propagation,
            RefusalReason,
            WriteResult
        );
    }

    #[test]
    fn an_unknown_word_is_told_with_those_that_are_known() {
        let error = "all ".parse::<Propagation>().expect_err("a space").to_string();
        assert_eq!(error, "\"all \" is none of quorum, all");
    }
}
