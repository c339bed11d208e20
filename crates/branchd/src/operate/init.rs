//! `branchd init`.

use std::fs;

use bank_proto::v1;
use serde_json::json;

use super::failure::{FAILED, Failure, USAGE};
use super::operator_call::{CHANGE_TIMEOUT, on_one_thread, reach, refused, within};
use super::output::print;
use super::token::given_secret;
use crate::args::InitArguments;

/// Founds a bank.
///
/// # Errors
/// Exit code 2 if the request is wrong, 3 if one of the branches has a bank already, 1 if one of them does not answer.
pub(super) fn init(arguments: &InitArguments) -> Result<(), Failure> {
    let mut branches: Vec<v1::BranchAddress> = arguments
        .branches
        .iter()
        .map(|(branch, address)| v1::BranchAddress {
            branch: *branch,
            address: address.clone(),
        })
        .collect();
    branches.sort_by_key(|b| b.branch);
    let Some(first) = branches.first().map(|b| b.address.clone()) else {
        return Err(Failure::new(
            USAGE,
            "name at least one branch: --branch 1=127.0.0.1:50001",
        ));
    };
    let request = v1::InitRequest {
        branches: branches.clone(),
        opening_balance: arguments.balance,
        voters: arguments.voters.unwrap_or(0),
    };
    let secret = given_secret(&arguments.secret.secret_file)?;
    let founded = on_one_thread(async {
        let mut client = reach(&first, Some(secret)).await?;
        Ok(client
            .init(within(CHANGE_TIMEOUT, request))
            .await
            .map_err(|status| refused(&status))?
            .into_inner())
    })?;

    let addresses: Vec<_> = branches
        .iter()
        .map(|b| json!({ "branch": b.branch, "address": b.address }))
        .collect();
    if let Some(file) = &arguments.bank_file {
        let text = format!("{:#}\n", json!({ "bank_id": founded.bank_id, "branches": addresses }));
        fs::write(file, text).map_err(|error| {
            let bank = &founded.bank_id;
            Failure::new(
                FAILED,
                format!(
                    "bank {bank} is founded, but {} cannot be written: {error}",
                    file.display()
                ),
            )
        })?;
    }
    if arguments.json {
        let answer = json!({
            "bank_id": founded.bank_id, "branches": addresses, "voters": founded.voters, "position": founded.position,
        });
        return print(&format!("{answer}\n"));
    }
    let voters: Vec<String> = founded.voters.iter().map(ToString::to_string).collect();
    let count = match branches.len() {
        1 => "1 branch".to_owned(),
        n => format!("{n} branches"),
    };
    print(&format!(
        "founded bank {}: {count}, main opens with {}\nvoting: {}\n",
        founded.bank_id,
        arguments.balance,
        voters.join(", "),
    ))
}
