//! Tells the compiler the commit that this program is built from.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A debug build is rebuilt often and never given to others, so it does not depend on the commit.
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
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

/// The commit of the working tree. `None` outside of git. The build is repeated when the commit changes.
fn commit() -> Option<String> {
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
