//! `branchd status`.

use std::time::{Duration, SystemTime};

use bank_client::operator::{BranchStatus, JoinProgress, Member};
use bank_tls::certificate::day;
use serde_json::json;

use super::bank_status::bank_status;
use super::failure::{Failure, USAGE};
use super::operator_call::{for_status, on_one_thread};
use super::output::print;
use super::words::{role, size};
use crate::args::StatusArguments;

/// The length of a day, in seconds.
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Shows the status of a branch, or of all branches of a bank.
///
/// # Errors
/// Exit code 1 if the branch does not answer, or one of the branches; 2 if the bank file is wrong.
pub(super) fn status(arguments: &StatusArguments) -> Result<(), Failure> {
    let address = match (&arguments.of.branch, &arguments.of.bank) {
        (Some(address), _) => address,
        (None, Some(file)) => return bank_status(file, arguments),
        (None, None) => return Err(Failure::new(USAGE, "give --branch HOST:PORT or --bank FILE")),
    };
    let operator = for_status(address, &arguments.connect)?;
    let status = on_one_thread(async { Ok(operator.status().await?) })?;
    print(&if arguments.json {
        as_json(&status)
    } else {
        as_table(&status, SystemTime::now())
    })
}

fn digest(status: &BranchStatus) -> String {
    status.digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn as_json(status: &BranchStatus) -> String {
    let branches: Vec<_> = status
        .branches
        .iter()
        .map(|b| {
            json!({
                "branch": b.branch,
                "address": b.address,
                "peer_address": b.peer_address,
                "voter": b.voter,
                "joining": joining_json(b),
            })
        })
        .collect();
    let object = json!({
        "bank_id": status.bank_id,
        "branch": status.branch,
        "role": role(status),
        "leader": status.leader,
        "term": status.term,
        "position": status.position,
        "digest": Some(digest(status)).filter(|digest| !digest.is_empty()),
        "ready": status.ready,
        "branches": branches,
        "address": status.address,
        "peer_address": status.peer_address,
        "data_directory": status.data_directory,
        "pid": status.pid,
        "version": status.version,
        "customers": status.customers,
        "removed": status.removed,
        "behind": status.behind,
        "disk_free_bytes": status.disk_free_bytes,
        "disk_used_bytes": status.disk_used_bytes,
        "journal_syncs": status.journal_syncs,
        "entries_head": status.entries_head.as_ref().map(ToString::to_string),
        "scrub": status.scrub.map(|scrub| json!({
            "finished_us": scrub.finished_us,
            "position": scrub.position,
            "rows": scrub.rows,
            "summed": scrub.summed,
        })),
        "encrypted": status.encrypted,
        "insecure": status.insecure,
        "certificate_not_after_us": status.certificate_not_after_us,
        "identities_required": status.identities_required,
        "denied_calls": status.denied_calls,
        "lost_majority": status.lost_majority.map(|lost| json!({ "reached": lost.reached, "voters": lost.voters })),
    });
    format!("{object}\n")
}

fn as_table(status: &BranchStatus, now: SystemTime) -> String {
    let leader = match status.leader {
        None => "none known".to_owned(),
        Some(leader) => format!("branch {leader}, term {}", status.term),
    };
    let mut rows = vec![
        (
            "branch",
            format!(
                "{} at {}, process {}, version {}",
                status.branch, status.address, status.pid, status.version
            ),
        ),
        ("data", data(status)),
        ("tls", encryption(status, now)),
    ];
    match status.bank_id {
        None => rows.push(("bank", "none yet: found one with `branchd init`".to_owned())),
        Some(bank_id) => rows.extend([
            ("bank", bank_id.to_string()),
            ("role", role(status).to_owned()),
            ("leader", leader),
            ("position", status.position.to_string()),
            ("digest", digest(status)),
        ]),
    }
    if let Some(head) = &status.entries_head {
        rows.push(("head", head.to_string()));
    }
    if let Some(scrub) = status.scrub {
        let sum = if scrub.summed { "" } else { ", without their sum" };
        let told = format!("{} rows were sound, at position {}{sum}", scrub.rows, scrub.position);
        rows.push(("scrub", told));
    }
    if let Some(lost) = status.lost_majority {
        let told = format!(
            "none: {} of {} voters can be reached; no write can go through",
            lost.reached, lost.voters
        );
        rows.push(("majority", told));
    }
    if status.behind > 0 {
        let entries = if status.behind == 1 { "entry" } else { "entries" };
        rows.push(("behind", format!("{} {entries}, since its start", status.behind)));
    }
    rows.extend(access(status).map(|told| ("access", told)));
    if let Some(removed) = &status.removed {
        rows.push(("removed", format!("{removed}; it serves no customer")));
    }
    let mut text: String = rows
        .into_iter()
        .map(|(name, value)| format!("{name:<9} {value}\n"))
        .collect();
    for (at, b) in status.branches.iter().enumerate() {
        let name = if at == 0 { "branches" } else { "" };
        let part = if b.voter { "votes" } else { "learns" };
        let joining = b.joining.as_ref().map(joining_text).unwrap_or_default();
        let peer_address = b.peer_address.as_ref();
        let peer_address = peer_address.map_or(String::new(), |address| format!("  branches at {address:<21}"));
        text.push_str(&format!(
            "{name:<9} {:>4}  {:<21}{peer_address}  {part}{joining}\n",
            b.branch, b.address
        ));
    }
    text
}

/// Whether the branch encrypts, and how long its certificate is valid.
fn encryption(status: &BranchStatus, now: SystemTime) -> String {
    let not_after = status.certificate_not_after_us.map(|us| {
        let since_1970 = Duration::from_micros(u64::try_from(us).unwrap_or_default());
        SystemTime::UNIX_EPOCH
            .checked_add(since_1970)
            .unwrap_or(SystemTime::UNIX_EPOCH)
    });
    match (not_after, status.insecure) {
        (Some(not_after), _) => {
            let on = day(not_after);
            match not_after.duration_since(now).map(|left| left.as_secs() / DAY_SECONDS) {
                Ok(days) => format!("on; the certificate is valid until {on}, for {days} days"),
                Err(_) => format!("on; the certificate has expired on {on}: renew it"),
            }
        }
        (None, true) => "off, beyond this host too: --insecure".to_owned(),
        (None, false) => "off; only this host is served".to_owned(),
    }
}

/// Whether clients must prove who they are, and which calls were denied. `None` if there is nothing to tell.
fn access(status: &BranchStatus) -> Option<String> {
    let who = match status.identities_required {
        true => "clients must prove who they are",
        false => "open to every client",
    };
    let denied = status
        .denied_calls
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"));
    let denied: Vec<String> = denied.collect();
    match (status.identities_required, denied.is_empty()) {
        (false, true) => None,
        (true, true) => Some(who.to_owned()),
        (_, false) => Some(format!("{who}; calls denied since the start: {}", denied.join(", "))),
    }
}

/// The data directory, the bytes that it takes, and the bytes that are free.
fn data(status: &BranchStatus) -> String {
    let sizes = [(status.disk_used_bytes, "used"), (status.disk_free_bytes, "free")];
    let sizes = sizes
        .into_iter()
        .filter_map(|(bytes, what)| Some(format!(", {} {what}", size(bytes?))));
    std::iter::once(status.data_directory.clone()).chain(sizes).collect()
}

fn joining_json(b: &Member) -> Option<serde_json::Value> {
    let joining = b.joining.as_ref()?;
    Some(json!({
        "to_vote": joining.to_vote,
        "replaces": joining.replaces,
        "entries": joining.entries,
        "entries_of": joining.entries_of,
        "answers": joining.answers,
        "exchanging": joining.exchanging,
    }))
}

/// The progress of a join and its next step, as text after "learns" or "votes".
fn joining_text(joining: &JoinProgress) -> String {
    let mut text = String::new();
    if let (Some(entries), Some(of)) = (joining.entries, joining.entries_of) {
        text.push_str(&format!(", at entry {entries} of {of}"));
    }
    if joining.answers == Some(false) {
        text.push_str(", does not answer the leader");
    }
    match (joining.exchanging, &joining.replaces, joining.to_vote) {
        (true, ..) => text.push_str("; the voters are being exchanged"),
        (_, None, true) => text.push_str("; is to vote"),
        (_, None, false) => {}
        (_, Some(replaces), true) => text.push_str(&format!("; is to vote in place of the one at {replaces}")),
        (_, Some(replaces), false) => text.push_str(&format!("; is to take the place of the one at {replaces}")),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_is_told_in_words() {
        let join = JoinProgress {
            to_vote: true,
            replaces: Some("h:3".to_owned()),
            entries: Some(812),
            entries_of: Some(1000),
            answers: Some(true),
            exchanging: false,
        };
        let text = |change: fn(&mut JoinProgress)| {
            let mut join = join.clone();
            change(&mut join);
            joining_text(&join)
        };
        assert_eq!(
            text(|_| ()),
            ", at entry 812 of 1000; is to vote in place of the one at h:3"
        );
        assert_eq!(
            text(|join| join.answers = Some(false)),
            ", at entry 812 of 1000, does not answer the leader; is to vote in place of the one at h:3"
        );
        assert_eq!(
            text(|join| join.exchanging = true),
            ", at entry 812 of 1000; the voters are being exchanged"
        );
        let at_a_follower = |join: &mut JoinProgress| {
            (join.entries, join.entries_of, join.answers) = (None, None, None);
            join.replaces = None;
        };
        assert_eq!(text(at_a_follower), "; is to vote");
    }
}
