//! Decides how a bank comes up, from the requested bank and from what its directory holds.

use super::args::Requested;
use super::bank_dir::{Content, Founding, addresses, command};
use super::error::LiveError;
use bank_client::BankFile;
use bank_cluster::Ports;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

/// Ports of a new bank if `--base-port` is not given.
const DEFAULT_PORTS: Ports = Ports::Base(50_000);

/// How a bank comes up.
#[derive(Debug)]
pub(super) enum Start {
    /// A new bank is founded.
    New {
        branches: Vec<u32>,
        ports: Ports,
        opening_balance: i64,
    },
    /// A founding that was begun is completed.
    Begun(Founding),
    /// An existing bank is started again.
    Existing {
        bank: BankFile,
        addresses: BTreeMap<u32, SocketAddr>,
    },
}

impl Start {
    /// Numbers of the branches to start.
    pub(super) fn branches(&self) -> Vec<u32> {
        match self {
            Start::New { branches, .. } => branches.clone(),
            Start::Begun(founding) => founding.branches.keys().copied().collect(),
            Start::Existing { addresses, .. } => addresses.keys().copied().collect(),
        }
    }
}

/// Decides how the requested bank comes up. `content` is what `dir` holds. No file is changed.
///
/// # Errors
/// There is no bank and no new one is requested, or the existing bank differs from the requested one.
pub(super) fn decide(content: Content, requested: &Requested, dir: &Path) -> Result<Start, LiveError> {
    match content {
        Content::Empty => new_bank(requested, dir),
        Content::Begun(founding) => {
            check_matches(requested, &founding.branches, Some(founding.opening_balance), dir)?;
            Ok(Start::Begun(founding))
        }
        Content::Bank(bank, founding) => {
            let addresses = addresses(bank.branches())?;
            check_matches(
                requested,
                &addresses,
                founding.map(|founding| founding.opening_balance),
                dir,
            )?;
            check_books(&addresses, dir)?;
            Ok(Start::Existing { bank, addresses })
        }
    }
}

fn new_bank(requested: &Requested, dir: &Path) -> Result<Start, LiveError> {
    let Some(branches) = requested.branches.clone() else {
        return Err(LiveError::Usage(format!(
            "there is no bank in {} yet; start one with: {}",
            dir.display(),
            command("up --branches 3", dir)
        )));
    };
    let ports = requested.ports.clone().unwrap_or(DEFAULT_PORTS);
    ports.chosen(&branches)?;
    Ok(Start::New {
        branches,
        ports,
        opening_balance: requested.opening_balance.unwrap_or(0),
    })
}

/// Checks that an existing bank is the requested one.
fn check_matches(
    requested: &Requested,
    there: &BTreeMap<u32, SocketAddr>,
    opening_balance: Option<i64>,
    dir: &Path,
) -> Result<(), LiveError> {
    let refused = |there: String, asked: String, leave: &str| {
        LiveError::Usage(format!(
            "the bank in {} {there}, and {asked}; leave {leave} out, or name another directory with --dir",
            dir.display()
        ))
    };
    if let Some(branches) = &requested.branches {
        let argument = requested.named_by("--branches");
        let asked: BTreeSet<u32> = branches.iter().copied().collect();
        let there: BTreeSet<u32> = there.keys().copied().collect();
        if asked != there {
            let (has, asks) = (in_words(&there), in_words(&asked));
            return Err(refused(
                format!("has {has}"),
                format!("{argument} asks for {asks}"),
                &argument,
            ));
        }
    }
    let argument = requested.named_by("--balance");
    match (requested.opening_balance, opening_balance) {
        (Some(asked), Some(opened)) if asked != opened => {
            return Err(refused(
                format!("opened with {opened}"),
                format!("{argument} asks for {asked}"),
                &argument,
            ));
        }
        (Some(_), None) => {
            let there = "was not founded by `launcher up`".to_owned();
            return Err(refused(
                there,
                format!("what {argument} asks for cannot be compared"),
                &argument,
            ));
        }
        _ => {}
    }
    let Some(Ports::Base(base)) = requested.ports else {
        return Ok(());
    };
    let kept = |(branch, address): (&u32, &SocketAddr)| u32::from(base) + branch == u32::from(address.port());
    if there.iter().all(kept) {
        return Ok(());
    }
    let asked = format!("--base-port asks for {base} and the branch's number");
    Err(refused("keeps its branches' ports".to_owned(), asked, "--base-port"))
}

fn check_books(branches: &BTreeMap<u32, SocketAddr>, dir: &Path) -> Result<(), LiveError> {
    for branch in branches.keys() {
        let data = dir.join(format!("branch-{branch}/data"));
        if !data.join("branch.json").exists() {
            return Err(LiveError::Failed(format!(
                "the books of branch {branch} are not in {}; put them back, or start another bank with --dir",
                data.display()
            )));
        }
    }
    Ok(())
}

/// Lists branches in words: `branches 1 to 3`, or `branches 1, 3, 7`.
fn in_words(branches: &BTreeSet<u32>) -> String {
    let (first, last) = (branches.first(), branches.last());
    match (first, last) {
        (Some(one), Some(other)) if one == other => format!("branch {one} alone"),
        (Some(first), Some(last)) if (last - first) as usize + 1 == branches.len() => {
            format!("branches {first} to {last}")
        }
        _ => {
            let all: Vec<String> = branches.iter().map(u32::to_string).collect();
            format!("branches {}", all.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIR: &str = "outputs/bank";

    fn founding(base: u16) -> Founding {
        let address = |branch: u16| (u32::from(branch), ([127, 0, 0, 1], base + branch).into());
        Founding {
            opening_balance: 100,
            branches: (1..=3).map(address).collect(),
        }
    }

    fn requested(branches: Option<Vec<u32>>, opening_balance: Option<i64>, ports: Option<Ports>) -> Requested {
        Requested {
            input: Some("town.json".into()),
            branches,
            opening_balance,
            ports,
            has_customers: false,
        }
    }

    #[test]
    fn a_new_bank_has_to_be_requested() {
        let none = decide(Content::Empty, &Requested::default(), Path::new(DIR)).expect_err("nothing asked");
        assert!(
            none.to_string().ends_with("start one with: launcher up --branches 3"),
            "{none}"
        );
        let new = requested(Some(vec![7, 1]), None, Some(Ports::Auto));
        let start = decide(Content::Empty, &new, Path::new(DIR)).expect("asked for");
        assert!(matches!(
            &start,
            Start::New {
                opening_balance: 0,
                ports: Ports::Auto,
                ..
            }
        ));
        assert_eq!(start.branches(), [7, 1]);
    }

    #[test]
    fn an_existing_bank_comes_up_only_as_itself() {
        let three = || Some(vec![3, 2, 1]);
        for (branches, balance, ports, refusal) in [
            (None, None, None, ""),
            (three(), Some(100), Some(Ports::Base(4000)), ""),
            (three(), None, Some(Ports::Auto), ""),
            (
                Some(vec![1, 2]),
                None,
                None,
                "has branches 1 to 3, and town.json asks for branches 1 to 2; leave town.json out",
            ),
            (Some(vec![1, 2, 9]), None, None, "asks for branches 1, 2, 9"),
            (Some(vec![5]), None, None, "asks for branch 5 alone"),
            (three(), Some(7), None, "opened with 100, and town.json asks for 7"),
            (None, None, Some(Ports::Base(5000)), "leave --base-port out"),
        ] {
            let content = Content::Begun(founding(4000));
            match decide(content, &requested(branches, balance, ports), Path::new(DIR)) {
                Ok(start) => assert!(refusal.is_empty() && start.branches() == [1, 2, 3], "{refusal}"),
                Err(error) => {
                    let said = error.to_string();
                    assert!(!refusal.is_empty() && said.contains(refusal), "{said}");
                    assert!(said.contains("--dir") && error.exit_code() == 2, "{said}");
                }
            }
        }
    }
}
