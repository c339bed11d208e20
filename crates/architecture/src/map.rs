//! The map, as `docs/ARCHITECTURE.md` draws it in two kinds of fenced blocks.
//!
//! A block marked `crates` has one line per crate: `name: the crates that it depends on`. A block marked `rooms NAME`
//! has the rooms of that crate in layers, one line per layer, the highest first.

use std::collections::{BTreeMap, BTreeSet};

/// The map of the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Map {
    /// For each crate, the crates of the workspace that it depends on.
    pub crates: BTreeMap<String, BTreeSet<String>>,
    /// For each crate whose rooms are drawn, its layers, the highest first.
    pub rooms: BTreeMap<String, Vec<Vec<String>>>,
}

/// Reads the map out of the text of a Markdown page.
pub fn parse(page: &str) -> Map {
    let mut map = Map::default();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let block = lines.by_ref().take_while(|line| !line.starts_with("```"));
        let block = block.map(str::trim).filter(|line| !line.is_empty());
        if kind == "crates" {
            map.crates = block.map(crate_line).collect();
        } else if let Some(name) = kind.strip_prefix("rooms ") {
            map.rooms.insert(name.trim().to_owned(), block.map(words).collect());
        } else {
            block.for_each(drop);
        }
    }
    map
}

fn crate_line(line: &str) -> (String, BTreeSet<String>) {
    let (name, needs) = line.split_once(':').unwrap_or((line, ""));
    (name.trim().to_owned(), words(needs).into_iter().collect())
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocks_of_a_page_are_the_map() {
        let page = "# Map\n```\nnot this\n```\n```crates\na: b c\nb:\n```\ntext\n```rooms a\ntop\nleft right\n```\n";
        let map = parse(page);
        let needs = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        assert_eq!(map.crates["a"], needs(&["b", "c"]));
        assert_eq!(map.crates["b"], needs(&[]));
        assert_eq!(map.rooms["a"], [vec!["top"], vec!["left", "right"]]);
    }
}
