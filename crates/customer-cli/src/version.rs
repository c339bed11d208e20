//! The version of this program, and the formats that it knows.

use std::sync::LazyLock;

use crate::session_store;

/// The version, the commit, and the formats, as `--version` prints them after the name of the program.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "{} (commit {})\nformats: session file {}, bank file {}, protocol {}",
            env!("CARGO_PKG_VERSION"),
            env!("PASSBOOK_COMMIT"),
            session_store::VERSION,
            bank_client::bank_file::VERSION,
            bank_client::client::PROTOCOL,
        )
    });
    &TEXT
}
