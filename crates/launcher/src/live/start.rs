//! Decides how a bank comes up, from the requested bank and from what its directory holds.

use super::args::Requested;
use super::bank_dir::{Content, Founding, addresses, command};
use super::error::LiveError;
use crate::run::state::RunState;
use bank_client::BankFile;
use bank_cluster::{CERTS_DIR, Ports};
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
        tls: bool,
    },
    /// A founding that was begun is completed.
    Begun(Founding),
    /// An existing bank is started again.
    Existing {
        bank: BankFile,
        addresses: BTreeMap<u32, SocketAddr>,
        /// The requested ports, which may be others than those of `addresses`.
        ports: Option<Ports>,
        tls: bool,
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

    /// Whether the branches have certificates.
    pub(super) fn tls(&self) -> bool {
        match self {
            Start::New { tls, .. } | Start::Existing { tls, .. } => *tls,
            Start::Begun(founding) => founding.tls,
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
            check_ports(requested, &founding.branches, dir)?;
            check_tls(requested, founding.tls, dir)?;
            Ok(Start::Begun(founding))
        }
        Content::Bank(bank, founding) => {
            let addresses = addresses(bank.branches())?;
            let tls = has_certificates(founding.as_ref(), dir);
            check_tls(requested, tls, dir)?;
            check_matches(
                requested,
                &addresses,
                founding.map(|founding| founding.opening_balance),
                dir,
            )?;
            check_books(&addresses, dir)?;
            let ports = requested.ports.clone();
            if let Some(ports) = &ports {
                ports.chosen(&addresses.keys().copied().collect::<Vec<_>>())?;
            }
            Ok(Start::Existing {
                bank,
                addresses,
                ports,
                tls,
            })
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
        tls: requested.tls,
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
            "the bank in {} {there}, and {asked}; leave {leave} out, start over with --fresh, or name another directory \
             with --dir",
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
        (Some(asked), Some(opened)) if asked != opened => Err(refused(
            format!("opened with {opened}"),
            format!("{argument} asks for {asked}"),
            &argument,
        )),
        (Some(_), None) => {
            let there = "was not founded by `launcher up`".to_owned();
            Err(refused(
                there,
                format!("what {argument} asks for cannot be compared"),
                &argument,
            ))
        }
        _ => Ok(()),
    }
}

/// Checks that a founding that was begun is requested with its ports. The branches may have each other's addresses
/// already, so it cannot move.
fn check_ports(requested: &Requested, there: &BTreeMap<u32, SocketAddr>, dir: &Path) -> Result<(), LiveError> {
    match (&requested.ports, base_of(there)) {
        (Some(Ports::Base(asked)), base) if base != Some(*asked) => Err(LiveError::Usage(format!(
            "the founding of the bank in {} was begun with other ports than --base-port {asked}; leave --base-port out, \
             or start over with --fresh",
            dir.display()
        ))),
        _ => Ok(()),
    }
}

/// Checks that an existing bank has certificates if they are requested.
fn check_tls(requested: &Requested, tls: bool, dir: &Path) -> Result<(), LiveError> {
    if requested.tls && !tls {
        return Err(LiveError::Usage(format!(
            "the bank in {} was founded without certificates; leave --tls out, start over with --fresh, or name another \
             directory with --dir",
            dir.display()
        )));
    }
    Ok(())
}

/// Whether the branches of an existing bank have certificates. The bank of a run has no founding, and tells it by its
/// directory.
fn has_certificates(founding: Option<&Founding>, dir: &Path) -> bool {
    founding.map_or_else(|| dir.join(CERTS_DIR).exists(), |founding| founding.tls)
}

/// The base port from which the branches have their ports, if they have them from one.
fn base_of(branches: &BTreeMap<u32, SocketAddr>) -> Option<u16> {
    let base =
        |(&branch, address): (&u32, &SocketAddr)| u16::try_from(u32::from(address.port()).checked_sub(branch)?).ok();
    let mut bases = branches.iter().map(base);
    let first = bases.next()??;
    bases.all(|base| base == Some(first)).then_some(first)
}

/// The new bank that is requested in the place of an existing one. It has what the existing bank has, unless the request
/// says otherwise.
///
/// # Errors
/// A branch of the existing bank is not on this host.
pub(super) fn over(content: &Content, requested: &Requested, dir: &Path) -> Result<Requested, LiveError> {
    let (there, opening_balance, tls) = match content {
        Content::Empty => return Ok(requested.clone()),
        Content::Begun(founding) => (founding.branches.clone(), Some(founding.opening_balance), founding.tls),
        Content::Bank(bank, founding) => (
            addresses(bank.branches())?,
            founding.as_ref().map(|founding| founding.opening_balance),
            has_certificates(founding.as_ref(), dir),
        ),
    };
    let mut requested = requested.clone();
    let same_ports = base_of(&there)
        .filter(|base| *base > 0)
        .map_or(Ports::Auto, Ports::Base);
    requested.ports = requested.ports.or(Some(same_ports));
    requested.branches = requested.branches.or_else(|| Some(there.into_keys().collect()));
    requested.opening_balance = requested.opening_balance.or(opening_balance);
    requested.tls |= tls;
    Ok(requested)
}

fn check_books(branches: &BTreeMap<u32, SocketAddr>, dir: &Path) -> Result<(), LiveError> {
    let data = |branch: &u32| dir.join(format!("branch-{branch}/data"));
    let is_run_folder = matches!(RunState::load(dir), Ok(Some(_)));
    if is_run_folder && !branches.keys().any(|branch| data(branch).exists()) {
        return Err(LiveError::Usage(format!(
            "the data of the bank in {} was removed once its run was judged; run the input again with --keep or --keep-data",
            dir.display()
        )));
    }
    for branch in branches.keys() {
        let data = data(branch);
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
            tls: false,
        }
    }

    fn requested(branches: Option<Vec<u32>>, opening_balance: Option<i64>, ports: Option<Ports>) -> Requested {
        Requested {
            input: Some("town.json".into()),
            branches,
            opening_balance,
            ports,
            tls: false,
            has_customers: false,
        }
    }

    #[test]
    fn a_bank_keeps_its_certificates_and_cannot_get_some() {
        let asked = |tls| Requested {
            tls,
            ..requested(None, None, None)
        };
        let begun = |tls| Content::Begun(Founding { tls, ..founding(4000) });
        let start = |there, tls| decide(begun(there), &asked(tls), Path::new(DIR));
        assert!(start(true, false).expect("the same").tls() && start(true, true).expect("the same").tls());
        assert!(!start(false, false).expect("the same").tls());
        let refused = start(false, true).expect_err("founded without").to_string();
        assert!(
            refused.contains("without certificates") && refused.contains("--fresh"),
            "{refused}"
        );
        assert!(over(&begun(true), &asked(false), Path::new(DIR)).expect("decided").tls);
        let old = r#"{"opening_balance": 1, "branches": {}}"#;
        assert!(
            !serde_json::from_str::<Founding>(old)
                .expect("of an earlier version")
                .tls
        );
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
            (None, None, Some(Ports::Base(5000)), "other ports than --base-port 5000"),
        ] {
            let content = Content::Begun(founding(4000));
            match decide(content, &requested(branches, balance, ports), Path::new(DIR)) {
                Ok(start) => assert!(refusal.is_empty() && start.branches() == [1, 2, 3], "{refusal}"),
                Err(error) => {
                    let said = error.to_string();
                    assert!(!refusal.is_empty() && said.contains(refusal), "{said}");
                    assert!(said.contains("--fresh") && error.exit_code() == 2, "{said}");
                }
            }
        }
    }

    #[test]
    fn a_fresh_bank_is_like_the_old_one_unless_it_is_asked_otherwise() {
        let over = |content, asked| over(&content, &asked, Path::new(DIR)).expect("decided");
        let same = over(Content::Begun(founding(4000)), Requested::default());
        assert_eq!(
            (same.branches, same.opening_balance, same.ports),
            (Some(vec![1, 2, 3]), Some(100), Some(Ports::Base(4000)))
        );
        let asked = requested(Some(vec![5]), Some(7), Some(Ports::Auto));
        let other = over(Content::Begun(founding(4000)), asked);
        assert_eq!(
            (other.branches, other.opening_balance, other.ports),
            (Some(vec![5]), Some(7), Some(Ports::Auto))
        );
        let mut scattered = founding(4000);
        scattered.branches.insert(2, ([127, 0, 0, 1], 9).into());
        assert_eq!(
            over(Content::Begun(scattered), Requested::default()).ports,
            Some(Ports::Auto)
        );
        assert_eq!(over(Content::Empty, Requested::default()).branches, None);
    }
}
