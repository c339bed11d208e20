use super::*;
use crate::access::tokens::KeptToken;
use bank_auth::{ClientIdentity, Role, Token, TokenId};
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;
use tempfile::TempDir;

fn add(path: &Path, name: &str) -> Result<TokenId, TokenFileError> {
    let token = Token::random().expect("randomness");
    let identity = ClientIdentity {
        role: Role::Teller,
        name: name.parse().expect("a name"),
        accounts: Vec::new(),
    };
    edit(path, true, |tokens| {
        assert!(tokens.add(token.id(), KeptToken::new(&token, identity, SystemTime::now(), None)));
        Ok(token.id())
    })
}

fn remove(path: &Path, id: TokenId) {
    edit(path, false, |tokens| {
        assert!(tokens.remove(id).is_some());
        Ok::<_, TokenFileError>(())
    })
    .expect("written");
}

fn new() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("tokens.json");
    (directory, path)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

#[test]
fn a_file_is_made_and_changed_for_its_owner_alone() {
    let (directory, path) = new();
    let missing = read(&path).expect_err("missing").to_string();
    assert!(missing.contains("branchd token add --file"), "{missing}");
    let change = |_: &mut TokenSet| Ok::<_, TokenFileError>(());
    assert!(matches!(
        edit(&path, false, change),
        Err(TokenFileError::Missing { .. })
    ));
    let (one, two) = (add(&path, "one").expect("added"), add(&path, "two").expect("added"));
    assert_eq!(mode(&path), 0o600);
    remove(&path, one);
    let tokens = read(&path).expect("read");
    assert!(tokens.get(one).is_none() && tokens.get(two).is_some());
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 1);
}

#[test]
fn those_who_change_a_file_at_once_lose_nothing() {
    let (_directory, path) = new();
    let all: Vec<_> = (0..8)
        .map(|number| {
            let path = path.clone();
            thread::spawn(move || add(&path, &format!("client-{number}")).expect("added"))
        })
        .map(|thread| thread.join().expect("ended"))
        .collect();
    let tokens = read(&path).expect("read");
    assert!(all.into_iter().all(|id| tokens.get(id).is_some()));
}

#[test]
fn a_file_that_others_may_read_or_change_is_refused_with_what_to_type() {
    let (_directory, path) = new();
    add(&path, "one").expect("added");
    for (mode, fine) in [
        (0o600, true),
        (0o400, true),
        (0o640, false),
        (0o604, false),
        (0o620, false),
        (0o666, false),
    ] {
        set_mode(&path, mode);
        let found = read(&path);
        assert_eq!(found.is_ok(), fine, "{mode:o}");
        if let Err(error) = found {
            let remedy = format!("chmod 600 {}", path.display());
            assert!(error.to_string().contains(&remedy), "{error}");
            assert!(add(&path, "two").is_err(), "{mode:o}");
        }
    }
}

#[test]
fn what_is_no_small_regular_file_is_refused() {
    let (directory, path) = new();
    assert!(read(directory.path()).is_err());
    fs::write(&path, vec![b' '; FILE_BYTES_MAX as usize + 1]).expect("written");
    set_mode(&path, 0o600);
    let error = read(&path).expect_err("large").to_string();
    assert!(error.contains("larger than"), "{error}");
    fs::write(&path, b"{").expect("written");
    let error = read(&path).expect_err("truncated").to_string();
    assert!(error.contains("tokens.json: EOF"), "{error}");
}

#[test]
fn a_running_branch_follows_the_file_and_keeps_the_last_good_tokens() {
    let (_directory, path) = new();
    assert!(matches!(LiveTokens::open(&path), Err(TokenFileError::Missing { .. })));
    let one = add(&path, "one").expect("added");
    let live = LiveTokens::open(&path).expect("open");
    assert!(!live.refresh().expect("unchanged"));
    let has = |id| live.current().get(id).is_some();
    let two = add(&path, "two").expect("added");
    assert!(live.refresh().expect("changed") && has(one) && has(two));
    remove(&path, one);
    assert!(live.refresh().expect("changed") && !has(one) && has(two));

    // Broken in several ways, one after the other. Each is reported again when it is asked for.
    let good = fs::read(&path).expect("read");
    fs::write(&path, &good[..good.len() / 2]).expect("written");
    for _ in 0..2 {
        assert!(matches!(live.refresh(), Err(TokenFileError::Content { .. })));
        assert!(has(two));
    }
    fs::write(&path, &good).expect("written");
    set_mode(&path, 0o644);
    assert!(matches!(live.refresh(), Err(TokenFileError::Open { .. })));
    assert!(has(two));
    fs::remove_file(&path).expect("removed");
    assert!(matches!(live.refresh(), Err(TokenFileError::Missing { .. })));
    assert!(has(two));

    let three = add(&path, "three").expect("added");
    assert!(live.refresh().expect("changed") && has(three) && !has(two));
}
