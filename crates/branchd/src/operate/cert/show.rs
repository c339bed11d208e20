//! Certificates as a table and as JSON. Pure but for the time.

use std::time::{Duration, SystemTime};

use bank_tls::certificate::day;
use bank_tls::{Facts, Listed, Subject};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HEADS: [&str; 7] = ["file", "owner", "from", "to", "days left", "state", "serial and hosts"];

/// The certificates as a table, under the bank that they are of.
pub(super) fn as_table(found: &[Listed]) -> String {
    table_at(found, SystemTime::now())
}

fn table_at(found: &[Listed], now: SystemTime) -> String {
    if found.is_empty() {
        return "no certificate\n".to_owned();
    }
    let heads = HEADS.map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(heads)
        .chain(found.iter().map(|listed| cells(listed, now)))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4, 5, 6].map(width);
    let mut text = String::new();
    for bank in banks(found) {
        text.push_str(&format!("bank {bank}\n"));
    }
    text.push('\n');
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The owner of a certificate, in words.
pub(super) fn owner(facts: &Facts) -> String {
    match &facts.owner {
        Ok(named) => named.subject.to_string(),
        Err(_) if facts.is_authority => "authority".to_owned(),
        Err(_) => "nobody".to_owned(),
    }
}

/// The banks of the certificates, each once.
fn banks(found: &[Listed]) -> Vec<String> {
    let mut banks: Vec<String> = found.iter().filter_map(bank).collect();
    banks.sort();
    banks.dedup();
    banks
}

fn bank(listed: &Listed) -> Option<String> {
    let owner = listed.facts.owner.as_ref().ok().map(|named| named.bank);
    owner.or(listed.facts.authority_of).map(|bank| bank.to_string())
}

fn cells(listed: &Listed, now: SystemTime) -> [String; 7] {
    let facts = &listed.facts;
    let file = listed.path.file_name().unwrap_or(listed.path.as_os_str());
    let accounts = accounts(listed).join(", ");
    let owner = match accounts.is_empty() {
        true => owner(facts),
        false => format!("{} ({accounts})", owner(facts)),
    };
    let hosts: Vec<&str> = std::iter::once(facts.serial.as_str())
        .chain(facts.hosts.iter().map(String::as_str))
        .collect();
    [
        file.to_string_lossy().into_owned(),
        owner,
        day(facts.not_before),
        day(facts.not_after),
        days_left(listed, now).to_string(),
        state(listed, now).to_owned(),
        hosts.join("  "),
    ]
}

fn accounts(listed: &Listed) -> Vec<&str> {
    match listed.facts.owner.as_ref().map(|named| &named.subject) {
        Ok(Subject::Client(client)) => client.accounts.iter().map(|account| account.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// Whole days until the end.
fn days_left(listed: &Listed, now: SystemTime) -> u64 {
    let left = listed.facts.not_after.duration_since(now).unwrap_or_default();
    left.as_secs() / DAY.as_secs()
}

fn state(listed: &Listed, now: SystemTime) -> &'static str {
    match listed {
        _ if listed.revoked => "revoked",
        _ if listed.facts.not_after < now => "expired",
        _ if listed.facts.not_before > now => "not yet valid",
        _ => "valid",
    }
}

/// The certificates as one JSON object.
pub(super) fn as_json(found: &[Listed]) -> Value {
    let all: Vec<Value> = found.iter().map(json_of).collect();
    json!({ "certificates": all })
}

/// One certificate as a JSON object.
pub(super) fn json_of(listed: &Listed) -> Value {
    let (facts, now) = (&listed.facts, SystemTime::now());
    json!({
        "cert": listed.path,
        "bank_id": bank(listed),
        "owner": owner(facts),
        "accounts": accounts(listed),
        "hosts": facts.hosts,
        "not_before_unix_s": unix_seconds(facts.not_before),
        "not_after_unix_s": unix_seconds(facts.not_after),
        "days_left": days_left(listed, now),
        "state": state(listed, now),
        "serial": facts.serial,
    })
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
