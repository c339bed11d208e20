//! Writes reports of invented runs into a directory: `cargo run -p bank-report --example sample_report -- DIR`.

#[path = "samples/mod.rs"]
mod samples;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: sample_report DIR");
        return ExitCode::from(2);
    };
    let reports = [
        ("sixty-events.html", samples::sixty_events()),
        ("read-your-writes.html", samples::read_your_writes()),
        ("killed-leader.html", samples::killed_leader()),
        ("ten-thousand.html", samples::ten_thousand()),
    ];
    for (name, report) in reports {
        let path = directory.join(name);
        if let Err(error) = std::fs::write(&path, bank_report::render(&report)) {
            eprintln!("cannot write {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
        println!("{}", path.display());
    }
    ExitCode::SUCCESS
}
