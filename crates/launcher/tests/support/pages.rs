//! The pages of the docs, and the commands in their blocks.

use std::fs;
use std::path::{Path, PathBuf};

/// A fenced block of a page.
pub struct Block {
    /// The line of the page at which the block begins, from 1.
    pub line: usize,
    /// The words after the three backticks.
    pub info: String,
    /// The lines of the block.
    pub lines: Vec<String>,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The directory of the programs.
pub fn programs() -> PathBuf {
    let launcher = Path::new(env!("CARGO_BIN_EXE_launcher"));
    launcher.parent().expect("a directory").to_owned()
}

/// The fenced blocks of a page, in order.
pub fn blocks(page: &str) -> Vec<Block> {
    let page = fs::read_to_string(root().join(page)).expect("a page");
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(info), None) => {
                open = Some(Block {
                    line: index + 1,
                    info: info.trim().to_owned(),
                    lines: Vec::new(),
                });
            }
            (None, Some(block)) => block.lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block has no end");
    blocks
}

/// One line of a script for one line of a page. A comment that ends with `exit code 1` says how the command of its line
/// ends.
pub fn scripted(line: &str) -> String {
    let expected = line
        .split_once(" # ")
        .and_then(|(command, comment)| Some((command, comment.rsplit_once("exit code ")?.1)));
    match expected {
        Some((command, code)) => format!("code=0; {command} || code=$?; [ \"$code\" -eq {code} ]"),
        None => line.to_owned(),
    }
}
