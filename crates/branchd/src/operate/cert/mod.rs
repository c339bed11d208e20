//! `branchd cert`: makes, shows, renews and revokes certificates.

mod show;

use std::path::{Path, PathBuf};

use bank_auth::{ClientIdentity, Role};
use bank_tls::certificate::day;
use bank_tls::issue::MakeError;
use bank_tls::{CertsDir, CredentialsError, IssueError, OwnFiles};
use bank_types::AccountName;
use serde_json::{Value, json};

use super::failure::{FAILED, Failure, USAGE};
use super::output::print;
use crate::args::cert::{
    BranchArguments, CaArguments, CertArguments, CertVerb, CertsDirArgument, ClientArguments, RenewArguments,
    RevokeArguments, ShowArguments, validity,
};

/// Does what the command line says about certificates.
///
/// # Errors
/// Exit code 2 if the arguments or the files are wrong; 1 if a file cannot be read or written.
pub(super) fn cert(arguments: &CertArguments) -> Result<(), Failure> {
    match &arguments.verb {
        CertVerb::Ca(verb) => ca(verb),
        CertVerb::Branch(verb) => branch(verb),
        CertVerb::Client(verb) => client(verb),
        CertVerb::Show(verb) => show(verb),
        CertVerb::Renew(verb) => renew(verb),
        CertVerb::Revoke(verb) => revoke(verb),
    }
}

fn ca(arguments: &CaArguments) -> Result<(), Failure> {
    let certs = directory(&arguments.directory);
    let validity = validity(arguments.days);
    let told = if arguments.drop_old {
        certs.drop_old_authority()?;
        "The old authority is not trusted any more. Copy ca.crt to the hosts of all branches and clients, and ca.crl if there \
         is one."
    } else if arguments.rotate {
        certs.rotate_authority(validity)?;
        "ca.crt has the new authority and the old one. Copy it to the hosts of all branches and clients before you renew a \
         certificate. `branchd cert ca --help` has all steps."
    } else {
        certs.create_authority(arguments.bank, validity)?;
        "Now make certificates with `branchd cert branch` and `branchd cert client`. Keep ca.key here: with it, a person can be \
         every branch and every client."
    };
    let authorities = certs.look_at(&certs.ca_cert())?;
    let current = &authorities[0].facts;
    print(&match arguments.json {
        true => format!("{}\n", show::as_json(&authorities)),
        false => {
            let bank = current
                .authority_of
                .map_or("no bank".to_owned(), |bank| format!("bank {bank}"));
            let file = certs.ca_cert().display().to_string();
            format!(
                "{file}: the authority of {bank}, until {}\n{told}\n",
                day(current.not_after)
            )
        }
    })
}

fn branch(arguments: &BranchArguments) -> Result<(), Failure> {
    let certs = directory(&arguments.directory);
    let made = certs.issue_branch(arguments.branch, &arguments.hosts, validity(arguments.days))?;
    let told = "Copy both, ca.crt, and ca.crl if there is one, to a directory of its host. Start it with --certs-dir.";
    tell_made(&certs, &made, told, arguments.json)
}

fn client(arguments: &ClientArguments) -> Result<(), Failure> {
    let certs = directory(&arguments.directory);
    let identity = ClientIdentity {
        role: arguments.role,
        name: arguments.name.clone(),
        accounts: accounts(arguments)?,
    };
    let made = certs.issue_client(identity, validity(arguments.days))?;
    let told = "Give both and ca.crt to the client, which takes them by --certs-dir or PASSBOOK_CERTS_DIR.";
    tell_made(&certs, &made, told, arguments.json)
}

/// The own accounts of a client. A customer without any owns the account of its own name.
fn accounts(arguments: &ClientArguments) -> Result<Vec<AccountName>, Failure> {
    match (arguments.role, arguments.accounts.is_empty()) {
        (Role::Customer, true) => AccountName::new(arguments.name.as_str())
            .map(|account| vec![account])
            .map_err(|error| {
                Failure::new(
                    USAGE,
                    format!("{error}: give the account of the customer with --account"),
                )
            }),
        (Role::Customer, false) | (_, true) => Ok(arguments.accounts.clone()),
        (role, false) => Err(Failure::new(
            USAGE,
            format!("only a customer has own accounts: leave --account out for the role {role}"),
        )),
    }
}

fn show(arguments: &ShowArguments) -> Result<(), Failure> {
    let given = arguments.certs_dir.clone().map(CertsDir);
    let mut found = Vec::new();
    match (&given, arguments.files.is_empty()) {
        (Some(certs), true) => found = certs.list()?,
        (None, true) => return Err(Failure::new(USAGE, "give files with certificates, or --certs-dir DIR")),
        (_, false) => {
            for file in &arguments.files {
                let certs = given.clone().unwrap_or_else(|| CertsDir(beside(file)));
                found.extend(certs.look_at(file)?);
            }
        }
    }
    print(&match arguments.json {
        true => format!("{}\n", show::as_json(&found)),
        false => show::as_table(&found),
    })
}

fn renew(arguments: &RenewArguments) -> Result<(), Failure> {
    let certs = directory(&arguments.directory);
    let mut renewed = Vec::new();
    for file in &arguments.files {
        // A pattern of file names must not let in again who was shut out.
        if !arguments.revoked && certs.look_at(file)?.iter().any(|found| found.revoked) {
            let what = "is revoked, so its owner is shut out: remove the file, or renew it with --revoked";
            return Err(Failure::new(USAGE, format!("{} {what}", file.display())));
        }
        // Each is told at once, so that a failure shows which ones are done.
        let made = certs.renew(file, arguments.days.map(validity))?;
        match arguments.json {
            true => renewed.extend(certs.look_at(&made.cert)?),
            false => tell_made(&certs, &made, "Copy both to its host.", false)?,
        }
    }
    match arguments.json {
        true => print(&format!("{}\n", show::as_json(&renewed))),
        false => Ok(()),
    }
}

fn revoke(arguments: &RevokeArguments) -> Result<(), Failure> {
    let certs = directory(&arguments.directory);
    let revoked = certs.revoke(&arguments.file)?;
    print(&match arguments.json {
        true => format!("{}\n", show::as_json(&certs.look_at(&arguments.file)?)),
        false => format!(
            "{}: the certificate of {} with the serial number {} is revoked.\nCopy {} to the hosts of all branches, beside \
             their ca.crt.\n",
            arguments.file.display(),
            show::owner(&revoked),
            revoked.serial,
            certs.crl().display()
        ),
    })
}

/// Tells which files were made, and for whom.
fn tell_made(certs: &CertsDir, made: &OwnFiles, told: &str, json: bool) -> Result<(), Failure> {
    let found = certs.look_at(&made.cert)?;
    let facts = &found[0].facts;
    if json {
        let mut object: Value = show::json_of(&found[0]);
        object["key"] = json!(made.key);
        return print(&format!("{object}\n"));
    }
    let hosts = match facts.hosts.is_empty() {
        true => String::new(),
        false => format!(", for {}", facts.hosts.join(", ")),
    };
    print(&format!(
        "{} and {}: {}{hosts}, until {}\n{told}\n",
        made.cert.display(),
        made.key.display(),
        show::owner(facts),
        day(facts.not_after)
    ))
}

fn directory(argument: &CertsDirArgument) -> CertsDir {
    CertsDir(argument.certs_dir.clone())
}

/// The directory of a file.
fn beside(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

impl From<IssueError> for Failure {
    fn from(error: IssueError) -> Self {
        let code = match &error {
            IssueError::Write { .. } | IssueError::Make(MakeError::Library(_)) => FAILED,
            IssueError::Read(CredentialsError::Io { source, .. }) if source.kind() != std::io::ErrorKind::NotFound => {
                FAILED
            }
            _ => USAGE,
        };
        Self::new(code, error)
    }
}
