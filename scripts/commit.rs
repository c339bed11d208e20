//! Build script of the programs: tells the compiler the commit that a release is built from, for `--version`.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    // Without such a line, the script would run after each change of the crate.
    println!("cargo:rerun-if-changed=Cargo.toml");
    // A debug build does not depend on the commit, so that a commit does not cause a build.
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = if is_release { commit() } else { None };
    let unknown = if is_release {
        "unknown"
    } else {
        "unknown: a debug build"
    };
    println!(
        "cargo:rustc-env=PASSBOOK_COMMIT={}",
        commit.as_deref().unwrap_or(unknown)
    );
}

/// The commit of the working tree. `None` outside of the repository. The script runs again when the commit changes.
fn commit() -> Option<String> {
    let crate_name = env::var("CARGO_PKG_NAME").ok()?;
    // A copy of the files can stand in another repository, whose commits say nothing of them.
    if git(&["rev-parse", "--show-prefix"])? != format!("crates/{crate_name}/") {
        return None;
    }
    for name in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
