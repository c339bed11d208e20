//! `branchd status`.

use bank_proto::v1;
use serde_json::json;

use super::{Failure, STATUS_TIMEOUT, on_one_thread, print, reach, refused, within};
use crate::args::StatusArguments;

/// Shows how a branch is.
///
/// # Errors
/// Exit code 1 where it does not answer.
pub(super) fn status(arguments: &StatusArguments) -> Result<(), Failure> {
    let status = on_one_thread(async {
        let mut client = reach(&arguments.branch, None).await?;
        let answer = client.get_status(within(STATUS_TIMEOUT, v1::GetStatusRequest {})).await;
        Ok(answer.map_err(|status| refused(&status))?.into_inner())
    })?;
    print(&if arguments.json {
        as_json(&status)
    } else {
        as_table(&status)
    })
}

fn role(status: &v1::GetStatusResponse) -> &'static str {
    match status.role() {
        v1::Role::Unspecified => "stopping",
        v1::Role::Uninitialized => "uninitialized",
        v1::Role::Leader => "leader",
        v1::Role::Follower => "follower",
        v1::Role::Candidate => "candidate",
        v1::Role::Learner => "learner",
    }
}

fn digest(status: &v1::GetStatusResponse) -> String {
    status.digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn as_json(status: &v1::GetStatusResponse) -> String {
    let none_if_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let branches: Vec<_> = status
        .branches
        .iter()
        .map(|b| json!({ "branch": b.branch, "address": b.address, "voter": b.voter }))
        .collect();
    let object = json!({
        "bank_id": none_if_empty(&status.bank_id),
        "branch": status.branch,
        "role": role(status),
        "leader": (status.leader != 0).then_some(status.leader),
        "term": status.term,
        "position": status.position,
        "digest": none_if_empty(&digest(status)),
        "ready": status.ready,
        "branches": branches,
        "address": status.address,
        "data_directory": status.data_directory,
        "pid": status.pid,
        "version": status.version,
        "customers": status.customers,
    });
    format!("{object}\n")
}

fn as_table(status: &v1::GetStatusResponse) -> String {
    let leader = match status.leader {
        0 => "none known".to_owned(),
        leader => format!("branch {leader}, term {}", status.term),
    };
    let mut rows = vec![
        (
            "branch",
            format!(
                "{} at {}, process {}, version {}",
                status.branch, status.address, status.pid, status.version
            ),
        ),
        ("data", status.data_directory.clone()),
    ];
    if status.bank_id.is_empty() {
        rows.push(("bank", "none yet: found one with `branchd init`".to_owned()));
    } else {
        rows.extend([
            ("bank", status.bank_id.clone()),
            ("role", role(status).to_owned()),
            ("leader", leader),
            ("position", status.position.to_string()),
            ("digest", digest(status)),
        ]);
    }
    let mut text: String = rows
        .into_iter()
        .map(|(name, value)| format!("{name:<9} {value}\n"))
        .collect();
    for (at, b) in status.branches.iter().enumerate() {
        let name = if at == 0 { "branches" } else { "" };
        let part = if b.voter { "votes" } else { "learns" };
        text.push_str(&format!("{name:<9} {:>4}  {:<21}  {part}\n", b.branch, b.address));
    }
    text
}
