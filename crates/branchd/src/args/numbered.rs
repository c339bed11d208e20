//! Branches on the command line: a number and one or two addresses.

use crate::address;

/// A branch on the command line, with the addresses at which it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedBranch {
    /// Number of the branch.
    pub branch: u32,
    /// Where customers and operators reach it.
    pub address: String,
    /// Where the other branches reach it. `None`: at `address` too.
    pub peer_address: Option<String>,
}

pub(super) fn any_address(text: &str) -> Result<String, address::AddressError> {
    address::check(text, true).map(|()| text.to_owned())
}

pub(super) fn numbered_address(text: &str) -> Result<(u32, String), String> {
    let malformed = || format!("{text:?} is not a branch: give N=HOST:PORT, for example 1=127.0.0.1:50001");
    let (number, address) = text.split_once('=').ok_or_else(malformed)?;
    let number: u32 = number.parse().map_err(|_| malformed())?;
    if number == 0 {
        return Err("a branch has the number 0: numbers begin at 1".to_owned());
    }
    any_address(address)
        .map(|address| (number, address))
        .map_err(|error| error.to_string())
}

pub(super) fn named_branch(text: &str) -> Result<NamedBranch, String> {
    let (addresses, for_branches) = match text.split_once(',') {
        Some((addresses, for_branches)) => (addresses, Some(for_branches)),
        None => (text, None),
    };
    let (branch, address) = numbered_address(addresses)?;
    let for_branches = for_branches.map(|text| {
        any_address(text).map_err(|error| {
            format!(
                "{error}: after the comma comes the address for branches, for example {branch}={address},10.0.0.1:50101"
            )
        })
    });
    let peer_address = for_branches.transpose()?.filter(|own| *own != address);
    Ok(NamedBranch {
        branch,
        address,
        peer_address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_for_branches_comes_after_a_comma() {
        let named = |peer_address: Option<&str>| NamedBranch {
            branch: 3,
            address: "h:1".to_owned(),
            peer_address: peer_address.map(str::to_owned),
        };
        assert_eq!(named_branch("3=h:1"), Ok(named(None)));
        assert_eq!(named_branch("3=h:1,p:2"), Ok(named(Some("p:2"))));
        assert_eq!(named_branch("3=h:1,h:1"), Ok(named(None)));
        for bad in ["3=h:1,", "3=h:1,p", "3=,p:2", "3=h:1,p:2,q:3", "3=h:1,4=p:2"] {
            assert!(named_branch(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn numbered_addresses_are_checked() {
        assert_eq!(numbered_address("3=h:1"), Ok((3, "h:1".to_owned())));
        for bad in ["", "3", "=h:1", "0=h:1", "-1=h:1", "3=h", "x=h:1", "99999999999=h:1"] {
            assert!(numbered_address(bad).is_err(), "{bad:?}");
        }
    }
}
