//! What the map demands of the code. Each function returns one sentence for each place where the code breaks a rule.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use crate::sources::{Sources, room_of};

/// The dependencies of each crate on others of the workspace are those of the map, no more and no fewer.
///
/// `manifests`: for each crate, the text of its `Cargo.toml`.
pub fn crates(map: &BTreeMap<String, BTreeSet<String>>, manifests: &BTreeMap<String, String>) -> Vec<String> {
    let mut broken = Vec::new();
    for name in map.keys().filter(|name| !manifests.contains_key(*name)) {
        broken.push(format!("the map has {name}, which is not a crate of the workspace"));
    }
    for (name, manifest) in manifests {
        let Some(drawn) = map.get(name) else {
            broken.push(format!("the crate {name} is not on the map"));
            continue;
        };
        let needs = dependencies(manifest, manifests);
        for more in needs.difference(drawn) {
            broken.push(format!(
                "{name} depends on {more}, and the map does not have that arrow"
            ));
        }
        for gone in drawn.difference(&needs) {
            broken.push(format!(
                "the map has an arrow from {name} to {gone}, and {name} does not depend on it"
            ));
        }
    }
    broken
}

/// The crates of the workspace under `[dependencies]`. Those for tests alone are not arrows.
fn dependencies(manifest: &str, crates: &BTreeMap<String, String>) -> BTreeSet<String> {
    let lines = manifest
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| crates.contains_key(*name))
        .map(str::to_owned)
        .collect()
}

/// Every file imports only from rooms on lower lines of the map, or from its own room.
pub fn rooms(layers: &[Vec<String>], sources: &Sources) -> Vec<String> {
    let mut depths = BTreeMap::new();
    for (depth, layer) in layers.iter().enumerate() {
        depths.extend(layer.iter().map(|room| (room.as_str(), depth)));
    }
    let mut broken = BTreeSet::new();
    for (file, imported) in &sources.imports {
        let from = room_of(file);
        if from == "lib" {
            continue;
        }
        for (to, at) in imported.iter().map(|imported| (room_of(imported), imported)) {
            match (depths.get(from.as_str()), depths.get(to.as_str())) {
                (None, _) => drop(broken.insert(format!("the room {from} is not on the map"))),
                (_, None) => drop(broken.insert(format!("the room {to} is not on the map"))),
                (Some(upper), Some(lower)) if from != to && upper >= lower => {
                    broken.insert(format!("{} imports {}, which is not below it", show(file), show(at)));
                }
                _ => {}
            }
        }
    }
    broken.into_iter().collect()
}

/// No files import each other, directly or through others.
pub fn no_cycles(sources: &Sources) -> Vec<String> {
    let mut graph = DiGraphMap::<_, _>::new();
    for (file, imported) in &sources.imports {
        for to in imported {
            graph.add_edge(file.as_path(), to.as_path(), ());
        }
    }
    let rings = tarjan_scc(&graph).into_iter().filter(|ring| ring.len() > 1);
    rings
        .map(|mut ring| {
            ring.sort();
            let names: Vec<_> = ring.into_iter().map(show).collect();
            format!("these files import each other: {}", names.join(", "))
        })
        .collect()
}

fn show(file: &Path) -> String {
    file.display().to_string()
}
