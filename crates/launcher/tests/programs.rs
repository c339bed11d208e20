//! All tests of the launcher, as one program, so that the launcher is linked once and all its tests share the threads.
//! `planted/` is a program of its own, because it needs `branchd-planted`.

mod attacks;
mod away;
mod bench;
mod books;
mod demo;
mod docs;
mod ends;
mod faults;
mod full_disk;
mod hosts;
mod input_faults;
mod input_schema;
mod joins;
mod killed_launcher;
mod kills;
mod live;
mod live_banks;
mod lost_leader;
mod overload;
mod report;
mod run;
mod run_folder;
mod secrets;
mod starts;
mod support;
mod tls;
mod wire;

/// A file that no line above names would not be built.
#[test]
fn every_file_of_tests_is_part_of_this_program() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = std::fs::read_dir(here)
        .expect("listed")
        .map(|file| file.expect("listed").path());
    let this = include_str!("programs.rs");
    for file in files.filter(|file| file.extension().is_some_and(|end| end == "rs")) {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(
            name == "programs" || this.contains(&format!("\nmod {name};\n")),
            "tests/programs.rs has to name {name}"
        );
    }
}
