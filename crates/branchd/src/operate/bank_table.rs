//! The status of a whole bank as text and as JSON. Pure: it takes the answers of the branches.

use std::path::Path;

use bank_client::operator::BranchStatus;
use serde_json::{Value, json};

use super::bank_answers::{Answers, Asked, Problem};
use super::words::{role, size};
use crate::disk::RESERVE_BYTES;

const HEADS: [&str; 8] = [
    "branch", "role", "term", "position", "behind", "free", "data", "version",
];
/// The columns with words. The others have numbers, which are aligned to the right.
const WORDS: [usize; 2] = [1, 7];

/// A table of the branches, a line for each trouble, and a line with the leader and the majority.
pub(super) fn as_table(answers: &Answers, file: &Path) -> String {
    let rows: Vec<[String; 8]> = answers.asked.iter().map(|asked| cells(answers, asked)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].len());
        cells.fold(HEADS[column].len(), usize::max)
    };
    let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
    let heads = HEADS.map(str::to_owned);
    let mut text = format!("bank {}\n\n", answers.bank_id);
    for row in [&heads].into_iter().chain(&rows) {
        text.push_str(&line(row, &widths));
    }
    let troubles: String = answers.asked.iter().filter_map(|asked| trouble(asked, file)).collect();
    if !troubles.is_empty() {
        text.push_str(&format!("\n{troubles}"));
    }
    text.push_str(&format!("\n{}\n", summary(answers)));
    text
}

/// One JSON object.
pub(super) fn as_json(answers: &Answers) -> String {
    let newest = answers.newest();
    let voters = answers.voters();
    let branches: Vec<Value> = answers.asked.iter().map(|asked| branch_json(answers, asked)).collect();
    let object = json!({
        "bank_id": answers.bank_id,
        "leader": newest.and_then(|status| status.leader),
        "term": newest.map(|status| status.term),
        "voters": voters.map(|(all, _)| all),
        "voters_reached": voters.map(|(_, reached)| reached),
        "majority": voters.map(is_majority),
        "branches": branches,
    });
    format!("{object}\n")
}

fn branch_json(answers: &Answers, asked: &Asked) -> Value {
    let status = asked.answer.as_ref().ok();
    json!({
        "branch": asked.place.branch,
        "address": asked.place.address,
        "peer_address": answers.peer_address(asked.place.branch),
        "in_bank_file": asked.in_file,
        "reachable": status.is_some(),
        "problem": asked.answer.as_ref().err().map(ToString::to_string),
        "role": status.map(role),
        "term": status.map(|status| status.term),
        "position": status.map(|status| status.position),
        "behind": status.map(|status| behind(answers, status)),
        "disk_free_bytes": status.and_then(|status| status.disk_free_bytes),
        "disk_used_bytes": status.and_then(|status| status.disk_used_bytes),
        "version": status.map(|status| &status.version),
        "removed": status.and_then(|status| status.removed.as_ref()),
        "encrypted": status.map(|status| status.encrypted),
        "insecure": status.map(|status| status.insecure),
        "certificate_not_after_us": status.and_then(|status| status.certificate_not_after_us),
    })
}

/// Says who leads, and whether a majority of the voters answers.
fn summary(answers: &Answers) -> String {
    let (Some(newest), Some((voters, reached))) = (answers.newest(), answers.voters()) else {
        return "no branch answers".to_owned();
    };
    let leader = match newest.leader {
        Some(leader) => format!("branch {leader} leads in term {}", newest.term),
        None => "no leader".to_owned(),
    };
    let answer = if reached == 1 { "answers" } else { "answer" };
    if is_majority((voters, reached)) {
        format!("{leader}; {reached} of {voters} voters {answer}")
    } else {
        format!("{leader}; no majority: {reached} of {voters} voters {answer}; no write can go through")
    }
}

fn is_majority((voters, reached): (usize, usize)) -> bool {
    reached > voters / 2
}

fn cells(answers: &Answers, asked: &Asked) -> [String; 8] {
    let none = || "-".to_owned();
    let branch = asked.place.branch.to_string();
    let status = match &asked.answer {
        Ok(status) => status,
        Err(problem) => {
            let word = match problem {
                Problem::Unreachable | Problem::TimedOut | Problem::Failed(_) => "no answer",
                Problem::OtherBranch { .. } | Problem::OtherBank(_) | Problem::NoBank => "wrong",
            };
            let mut cells = [(); 8].map(|()| none());
            (cells[0], cells[1]) = (branch, word.to_owned());
            return cells;
        }
    };
    [
        branch,
        role(status).to_owned(),
        status.term.to_string(),
        status.position.to_string(),
        behind(answers, status).to_string(),
        status.disk_free_bytes.map_or_else(none, size),
        status.disk_used_bytes.map_or_else(none, size),
        status.version.clone(),
    ]
}

/// How many commands a branch is behind the branch with the highest position.
fn behind(answers: &Answers, status: &BranchStatus) -> u64 {
    let highest = answers.statuses().map(|status| status.position).max();
    highest.unwrap_or(0).saturating_sub(status.position)
}

fn line(cells: &[String; 8], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).enumerate().map(|(column, (cell, &width))| {
        if WORDS.contains(&column) {
            format!("{cell:<width$}")
        } else {
            format!("{cell:>width$}")
        }
    });
    let line = padded.collect::<Vec<_>>().join("  ");
    format!("{}\n", line.trim_end())
}

/// What is wrong with a branch, as a line.
fn trouble(asked: &Asked, file: &Path) -> Option<String> {
    let (branch, address) = (asked.place.branch, &asked.place.address);
    let status = match &asked.answer {
        Err(problem) => return Some(format!("branch {branch} at {address} {problem}\n")),
        Ok(status) => status,
    };
    let mut text = String::new();
    if let Some(removed) = &status.removed {
        text.push_str(&format!("{removed}; it serves no customer: stop it\n"));
    }
    if !asked.in_file {
        text.push_str(&format!(
            "branch {branch} at {address} is not in {}: add it\n",
            file.display()
        ));
    }
    if status.disk_free_bytes.is_some_and(|free| free < RESERVE_BYTES) {
        text.push_str(&format!(
            "branch {branch} at {address} has a full disk: make room there\n"
        ));
    }
    if status.insecure {
        text.push_str(&format!(
            "branch {branch} at {address} does not encrypt (--insecure): give it certificates\n"
        ));
    }
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bank_client::Branch;
    use bank_proto::v1;
    use uuid::Uuid;

    /// A bank of three voters and one learner. The branches in `down` do not answer.
    fn answers(down: &[u32]) -> Answers {
        let members = (1..=4).map(|branch| v1::BranchStatus {
            branch,
            voter: branch < 4,
            ..v1::BranchStatus::default()
        });
        let members: Vec<_> = members.collect();
        let leader = u32::from(!down.contains(&1));
        let answer = |branch: u32| {
            let role = match branch {
                1 => v1::Role::Leader,
                4 => v1::Role::Learner,
                _ => v1::Role::Follower,
            };
            let status = v1::GetStatusResponse {
                bank_id: Uuid::nil().to_string(),
                branch,
                role: role.into(),
                leader,
                term: 12,
                position: 1_234_567 - u64::from(branch),
                disk_free_bytes: Some(u64::from(branch) << 24),
                disk_used_bytes: Some(999 << 20),
                version: "0.1.0".to_owned(),
                branches: members.clone(),
                ..v1::GetStatusResponse::default()
            };
            BranchStatus::try_from(status).expect("a status")
        };
        let asked = (1..=4).map(|branch| Asked {
            place: Branch {
                branch,
                address: format!("10.0.0.{branch}:50001").parse().expect("an address"),
            },
            in_file: branch < 4,
            answer: if down.contains(&branch) {
                Err(Problem::Unreachable)
            } else {
                Ok(answer(branch))
            },
        });
        Answers {
            bank_id: Uuid::nil(),
            asked: asked.collect(),
        }
    }

    #[test]
    fn a_bank_is_one_table_and_a_line_for_each_trouble() {
        let text = as_table(&answers(&[2]), Path::new("bank.json"));
        assert_eq!(
            text,
            "\
bank 00000000-0000-0000-0000-000000000000

branch  role       term  position  behind      free       data  version
     1  leader       12   1234566       0  16.0 MiB  999.0 MiB  0.1.0
     2  no answer     -         -       -         -          -  -
     3  follower     12   1234564       2  48.0 MiB  999.0 MiB  0.1.0
     4  learner      12   1234563       3  64.0 MiB  999.0 MiB  0.1.0

branch 2 at 10.0.0.2:50001 does not answer: is it started, and is this its address?
branch 4 at 10.0.0.4:50001 is not in bank.json: add it

branch 1 leads in term 12; 2 of 3 voters answer
"
        );
        assert!(text.lines().take(7).all(|line| line.len() <= 80), "{text}");
    }

    #[test]
    fn the_last_line_tells_a_lost_majority() {
        for (down, told) in [
            (&[][..], "branch 1 leads in term 12; 3 of 3 voters answer"),
            (&[4], "branch 1 leads in term 12; 3 of 3 voters answer"),
            (
                &[1, 2],
                "no leader; no majority: 1 of 3 voters answers; no write can go through",
            ),
            (
                &[1, 2, 3],
                "no leader; no majority: 0 of 3 voters answer; no write can go through",
            ),
            (&[1, 2, 3, 4], "no branch answers"),
        ] {
            assert_eq!(summary(&answers(down)), told, "{down:?}");
        }
    }

    #[test]
    fn the_json_has_every_branch_and_the_majority() {
        let json: Value = serde_json::from_str(&as_json(&answers(&[1, 2]))).expect("JSON");
        assert_eq!((&json["majority"], &json["leader"]), (&json!(false), &Value::Null));
        assert_eq!((&json["voters"], &json["voters_reached"]), (&json!(3), &json!(1)));
        let branches = json["branches"].as_array().expect("branches");
        let reachable: Vec<_> = branches.iter().map(|branch| branch["reachable"].as_bool()).collect();
        assert_eq!(reachable, [Some(false), Some(false), Some(true), Some(true)]);
        assert_eq!(branches[3]["behind"], 1);
        let problem = branches[0]["problem"].as_str();
        assert!(problem.is_some_and(|text| text.contains("does not answer")));
    }
}
