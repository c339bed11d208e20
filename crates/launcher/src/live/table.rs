//! The status of a live bank as text: a table of the branches, and a line for each problem with the command that solves
//! it.

use super::bank_dir::command;
use super::status::{BankStatus, BranchRow, State};
use crate::terminal::colours::Colour;
use std::path::Path;

/// The lines of the table and of the problems. They contain colours.
pub(super) fn lines(status: &BankStatus, dir: &Path) -> Vec<String> {
    let mut lines = table(status);
    let mut troubles: Vec<String> = no_leader(status).into_iter().collect();
    troubles.extend(status.branches.iter().filter_map(|row| trouble(row, dir)));
    let degraded = status.degraded.iter();
    troubles.extend(degraded.map(|links| format!("{} ({})", links.says, command(&links.heal, dir))));
    let distances = status.distances.iter();
    troubles.extend(distances.map(|distances| format!("{distances} ({})", command("delay --geo none", dir))));
    if !troubles.is_empty() {
        lines.push(String::new());
        lines.append(&mut troubles);
    }
    lines
}

/// Says why no write can go through, or that no branch leads. The second is said only if every branch that runs has
/// answered.
fn no_leader(status: &BankStatus) -> Option<String> {
    if let Some(no_majority) = &status.no_majority {
        return Some(Colour::Red.paint(no_majority));
    }
    let silent = status.branches.iter().any(|row| row.state == State::Silent);
    let waiting = status.leader.is_none() && !silent;
    waiting.then(|| Colour::Yellow.paint("no branch leads at the moment; writes wait for an election"))
}

/// Heads of the columns. The region is left out if all branches stand at one place.
const HEADS: [&str; 9] = [
    "branch", "region", "pid", "role", "position", "behind", "clients", "address", "up for",
];
const REGION: usize = 1;
const ROLE: usize = 3;
const ADDRESS: usize = 7;

fn table(status: &BankStatus) -> Vec<String> {
    let rows: Vec<[String; 9]> = status.branches.iter().map(cells).collect();
    let regions = status.branches.iter().any(|row| row.region.is_some());
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].len());
        let width = cells.fold(HEADS[column].len(), usize::max);
        (regions || column != REGION).then_some(width)
    };
    let widths: Vec<Option<usize>> = (0..HEADS.len()).map(width).collect();
    let head = line(&HEADS.map(str::to_owned), &widths, None);
    let rows = rows.iter().zip(&status.branches);
    let rows = rows.map(|(cells, row)| line(cells, &widths, colour(row.state)));
    [head].into_iter().chain(rows).collect()
}

fn cells(row: &BranchRow) -> [String; 9] {
    [
        row.branch.to_string(),
        shown(row.region),
        shown(row.pid),
        row.state.word().to_owned(),
        shown(row.position),
        shown(row.behind),
        shown(row.customers),
        row.address.to_string(),
        row.up_s.map_or("-".to_owned(), age),
    ]
}

fn shown(number: Option<impl ToString>) -> String {
    number.map_or("-".to_owned(), |number| number.to_string())
}

/// Formats a line of the columns that have a width. Numbers are aligned to the right, words to the left, and the role has
/// its colour.
fn line(cells: &[String; 9], widths: &[Option<usize>], role: Option<Colour>) -> String {
    let mut text = String::new();
    for (column, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        let Some(width) = width else { continue };
        let padded = match column {
            REGION | ROLE | ADDRESS => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        };
        let gap = if column == 0 { "" } else { "  " };
        match role.filter(|_| column == ROLE) {
            Some(colour) => text += &format!("{gap}{}", colour.paint(&padded)),
            None => text += &format!("{gap}{padded}"),
        }
    }
    text
}

fn colour(state: State) -> Option<Colour> {
    match state {
        State::Leader => Some(Colour::Green),
        State::Paused | State::Candidate | State::WasLeader | State::Other => Some(Colour::Yellow),
        State::Silent | State::Down => Some(Colour::Red),
        State::Follower | State::Learner => None,
    }
}

fn trouble(row: &BranchRow, dir: &Path) -> Option<String> {
    let branch = row.branch;
    let typed = |verb: &str| command(&format!("{verb} {branch}"), dir);
    match (row.state, &row.ended) {
        (State::Paused, _) => Some(format!("branch {branch} is paused ({})", typed("resume"))),
        (State::Down, None) => Some(format!("branch {branch} was killed ({})", typed("restart"))),
        (State::Down, Some(ended)) => {
            // The command comes first, because the rest may be long.
            let ended = ended.strip_prefix(&format!("branch {branch} ")).unwrap_or(ended);
            Some(format!("branch {branch} is down ({}): it {ended}", typed("restart")))
        }
        (State::Silent, _) => Some(format!(
            "branch {branch} runs, but does not answer; its log: {}",
            row.log.display()
        )),
        _ => None,
    }
}

/// Formats an age: `12s`, `3m 05s`, `2h 05m` or `3d 04h`.
fn age(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (minutes, hours, days) {
        (0, ..) => format!("{seconds}s"),
        (_, 0, _) => format!("{minutes}m {:02}s", seconds % 60),
        (_, _, 0) => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

/// Lists changes between two statuses that no request asked for: another branch leads, a branch has stopped or started to
/// answer, or the majority of the voters is lost or back.
pub(super) fn news(before: &BankStatus, now: &BankStatus) -> Vec<String> {
    let pairs = before.branches.iter().zip(&now.branches);
    let news = pairs.filter_map(|(before, now)| match (before.state, now.state) {
        (one, other) if one == other => None,
        (_, State::Leader) => Some(format!("branch {} leads", now.branch)),
        (_, State::Silent) => Some(format!("branch {} does not answer", now.branch)),
        (State::Silent, State::Follower | State::Learner) => Some(format!("branch {} answers again", now.branch)),
        _ => None,
    });
    let majority = match (&before.no_majority, &now.no_majority) {
        (before, Some(now)) if before.as_ref() != Some(now) => Some(now.clone()),
        (Some(_), None) => Some("a majority of the voters is up again".to_owned()),
        _ => None,
    };
    majority.into_iter().chain(news).collect()
}

#[cfg(test)]
mod tests {
    use super::super::geography::Region;
    use super::super::status::DegradedLinks;
    use super::*;
    use std::path::PathBuf;

    fn row(branch: u32, state: State, position: Option<u64>) -> BranchRow {
        let up_s = (state != State::Down).then_some(u64::from(branch) * 100);
        BranchRow {
            branch,
            pid: up_s.map(|_| 4700 + branch),
            state,
            term: None,
            region: None,
            position,
            behind: position.map(|at| 120 - at),
            customers: position.map(|_| branch),
            address: format!("127.0.0.1:{}", 50_000 + branch).parse().expect("an address"),
            up_since: up_s.map(|_| "2026-11-23T03:05:12Z".to_owned()),
            up_s,
            ended: None,
            log: PathBuf::from(format!("outputs/bank/branch-{branch}/log")),
        }
    }

    fn bank(branches: Vec<BranchRow>) -> BankStatus {
        BankStatus {
            bank_id: uuid::Uuid::nil(),
            bank_file: "outputs/bank/bank.json".into(),
            launcher_pid: 4700,
            position: 120,
            leader: branches
                .iter()
                .find(|row| row.state == State::Leader)
                .map(|row| row.branch),
            voters: branches.iter().map(|row| row.branch).collect(),
            no_majority: None,
            distances: None,
            branches,
            has_relays: true,
            degraded: Vec::new(),
        }
    }

    fn plain(lines: &[String]) -> Vec<String> {
        lines
            .iter()
            .map(|line| anstream::adapter::strip_str(line).to_string())
            .collect()
    }

    #[test]
    fn a_table_says_how_each_branch_is_and_below_it_what_is_wrong() {
        let mut ended = row(3, State::Down, None);
        ended.ended = Some("branch 3 has ended (signal: 9 (SIGKILL)); its log: outputs/bank/branch-3/log".to_owned());
        let mut status = bank(vec![
            row(1, State::Leader, Some(120)),
            row(2, State::Candidate, Some(20)),
            ended,
            row(4, State::Down, None),
            row(5, State::Paused, None),
            row(10, State::Silent, None),
        ]);
        status.degraded.push(DegradedLinks {
            says: "nothing goes to and from branch 2".to_owned(),
            directions: vec![(1, 2), (2, 1)],
            state: "cut".to_owned(),
            by_ms: None,
            heal: "heal 2".to_owned(),
        });
        let lines = lines(&status, Path::new("outputs/bank"));
        assert!(lines[1].contains("\u{1b}[32mleader   \u{1b}[0m"), "{:?}", lines[1]);
        assert_eq!(
            plain(&lines),
            [
                "branch   pid  role       position  behind  clients  address           up for",
                "     1  4701  leader          120       0        1  127.0.0.1:50001   1m 40s",
                "     2  4702  candidate        20     100        2  127.0.0.1:50002   3m 20s",
                "     3     -  down              -       -        -  127.0.0.1:50003        -",
                "     4     -  down              -       -        -  127.0.0.1:50004        -",
                "     5  4705  paused            -       -        -  127.0.0.1:50005   8m 20s",
                "    10  4710  silent            -       -        -  127.0.0.1:50010  16m 40s",
                "",
                "branch 3 is down (launcher restart 3): it has ended (signal: 9 (SIGKILL)); its log: outputs/bank/branch-3/log",
                "branch 4 was killed (launcher restart 4)",
                "branch 5 is paused (launcher resume 5)",
                "branch 10 runs, but does not answer; its log: outputs/bank/branch-10/log",
                "nothing goes to and from branch 2 (launcher heal 2)",
            ]
        );
        // The commands name a directory that is not the default.
        let leads = row(1, State::Leader, Some(120));
        let lines = super::lines(&bank(vec![leads, row(4, State::Down, None)]), Path::new("b b"));
        assert_eq!(lines[4], "branch 4 was killed (launcher restart 4 --dir 'b b')");
    }

    #[test]
    fn a_lost_majority_is_said_first_and_regions_have_a_column() {
        let mut status = bank(vec![row(1, State::WasLeader, Some(120)), row(2, State::Down, None)]);
        status.no_majority = Some("no majority: 1 of 2 voters is up; no write can go through".to_owned());
        status.distances = Some("one way between regions: eu-us 40ms".to_owned());
        for (row, region) in status.branches.iter_mut().zip([Region::Eu, Region::Us]) {
            row.region = Some(region);
        }
        assert_eq!(
            plain(&lines(&status, Path::new("outputs/bank"))),
            [
                "branch  region   pid  role        position  behind  clients  address          up for",
                "     1  eu      4701  was leader       120       0        1  127.0.0.1:50001  1m 40s",
                "     2  us         -  down               -       -        -  127.0.0.1:50002       -",
                "",
                "no majority: 1 of 2 voters is up; no write can go through",
                "branch 2 was killed (launcher restart 2)",
                "one way between regions: eu-us 40ms (launcher delay --geo none)",
            ]
        );
        // An election is told only if every branch that runs has answered.
        let follower = || row(1, State::Follower, Some(120));
        let silent = lines(&bank(vec![follower(), row(2, State::Silent, None)]), Path::new("d"));
        assert!(!silent.iter().any(|line| line.contains("election")), "{silent:?}");
        let electing = lines(
            &bank(vec![follower(), row(2, State::Candidate, Some(120))]),
            Path::new("d"),
        );
        assert!(
            electing
                .iter()
                .any(|line| line.contains("no branch leads at the moment")),
            "{electing:?}"
        );
    }

    #[test]
    fn ages_are_short() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m 00s"),
            (3_599, "59m 59s"),
            (3_600, "1h 00m"),
            (86_399, "23h 59m"),
            (86_400, "1d 00h"),
            (10_000_000, "115d 17h"),
        ] {
            assert_eq!(age(seconds), text);
        }
    }

    #[test]
    fn news_are_changes_without_a_request() {
        let bank = |one, two, three| {
            let states = [(1, one), (2, two), (3, three)];
            bank(states.map(|(branch, state)| row(branch, state, None)).into())
        };
        let before = bank(State::Leader, State::Follower, State::Follower);
        let silent = bank(State::Silent, State::Leader, State::Candidate);
        assert_eq!(news(&before, &before), [""; 0]);
        assert_eq!(news(&before, &silent), ["branch 1 does not answer", "branch 2 leads"]);
        let mut lost = bank(State::Down, State::Follower, State::Down);
        lost.no_majority = Some("no majority".to_owned());
        assert_eq!(news(&before, &lost), ["no majority"]);
        assert_eq!(news(&lost, &lost), [""; 0]);
        assert_eq!(
            news(&lost, &before),
            ["a majority of the voters is up again", "branch 1 leads"]
        );
        let healed = bank(State::Follower, State::Leader, State::Down);
        assert_eq!(news(&silent, &healed), ["branch 1 answers again"]);
    }
}
