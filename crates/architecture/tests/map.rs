//! The workspace keeps to the map in `docs/ARCHITECTURE.md`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use architecture::map::{self, Map};
use architecture::rules;
use architecture::sources::Sources;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn drawn() -> Map {
    map::parse(&fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("the page of the map"))
}

fn manifests() -> BTreeMap<String, String> {
    let crates = fs::read_dir(root().join("crates")).expect("the crates");
    crates
        .filter_map(|entry| {
            let path = entry.expect("an entry").path();
            let manifest = fs::read_to_string(path.join("Cargo.toml")).ok()?;
            Some((path.file_name()?.to_string_lossy().into_owned(), manifest))
        })
        .collect()
}

fn sources(name: &str) -> Sources {
    Sources::read(name, &root().join("crates").join(name).join("src")).expect("the sources")
}

#[track_caller]
fn assert_kept(broken: &[String]) {
    assert!(broken.is_empty(), "the code and the map differ:\n{}", broken.join("\n"));
}

#[test]
fn crates_depend_on_each_other_as_the_map_says() {
    let map = drawn();
    assert!(!map.crates.is_empty(), "the page has no block of crates");
    assert_kept(&rules::crates(&map.crates, &manifests()));
}

#[test]
fn files_import_only_from_rooms_below_their_own() {
    let map = drawn();
    assert!(!map.rooms.is_empty(), "the page has no block of rooms");
    for (name, layers) in &map.rooms {
        assert_kept(&rules::rooms(layers, &sources(name)));
    }
}

#[test]
fn no_files_import_each_other() {
    let broken = |name: &String| {
        let rings = rules::no_cycles(&sources(name));
        rings
            .into_iter()
            .map(move |ring| format!("{name}: {ring}"))
            .collect::<Vec<_>>()
    };
    assert_kept(&manifests().keys().flat_map(broken).collect::<Vec<_>>());
}

#[test]
fn every_file_on_the_page_exists() {
    let page = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("the page of the map");
    let code = page.split('`').skip(1).step_by(2);
    let paths = code.filter(|text| text.contains('/') && (text.ends_with(".rs") || text.ends_with('/')));
    let missing: Vec<_> = paths
        .filter(|path| {
            let places = [".", "crates", "crates/branchd/src", "crates/launcher/src"];
            !places.iter().any(|place| root().join(place).join(path).exists())
        })
        .collect();
    assert!(missing.is_empty(), "not found: {missing:?}");
}

#[test]
fn an_import_against_the_map_is_found() {
    let crate_root = tempfile::tempdir().expect("a directory");
    let write = |file: &str, text: &str| {
        let path = crate_root.path().join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    };
    write("lib.rs", "mod low; mod high;");
    write("high/mod.rs", "mod part; pub(crate) use part::Part;");
    write("high/part.rs", "use crate::low::Low; pub(crate) struct Part(Low);");
    write(
        "low.rs",
        "#[cfg(test)] mod tests { use crate::high::Part; } pub(crate) struct Low;",
    );
    let layers = [vec!["high".to_owned()], vec!["low".to_owned()]];
    let read = || Sources::read("sample", crate_root.path()).expect("read");
    assert_kept(&rules::rooms(&layers, &read()));
    assert_kept(&rules::no_cycles(&read()));

    write(
        "low.rs",
        "pub(crate) struct Low; fn low() { crate::high::part::made(); }",
    );
    assert_eq!(
        rules::rooms(&layers, &read()),
        ["low.rs imports high/part.rs, which is not below it"]
    );
    assert_eq!(
        rules::no_cycles(&read()),
        ["these files import each other: high/part.rs, low.rs"]
    );

    let crates = map::parse("```crates\nsample:\nother:\n```\n").crates;
    let manifest = |needs: &str| format!("[dependencies]\n{needs}\n[dev-dependencies]\nother.workspace = true\n");
    let with = |needs| {
        BTreeMap::from([
            ("sample".to_owned(), manifest(needs)),
            ("other".to_owned(), manifest("")),
        ])
    };
    assert_kept(&rules::crates(&crates, &with("serde = \"1\"")));
    assert_eq!(
        rules::crates(&crates, &with("other.workspace = true")),
        ["sample depends on other, and the map does not have that arrow"]
    );
}
