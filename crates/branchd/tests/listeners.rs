//! Branches with a listener for branches and one for everybody else, in this process.

mod support;

use bank_auth::{BranchIdentity, Party, Secret};
use bank_client::{Address, BankFile, Client, ClientOptions, Level, Operator, Propagation, Session};
use bank_proto::v1;
use bank_proto::v1::bank_service_client::BankServiceClient;
use bank_tls::{Connector, Proof};
use tonic::transport::Endpoint;

use support::{Bank, Daemon, OPENING_BALANCE, PATIENCE, Setup, new_branch, place};

fn setup() -> Setup {
    Setup {
        secret: Secret::random().expect("randomness"),
        hand_over: true,
        two_listeners: true,
        token_file: None,
    }
}

fn peer_address(daemon: &Daemon) -> &Address {
    daemon.peer_address.as_ref().expect("a listener for branches")
}

#[tokio::test]
async fn a_bank_lives_over_listeners_of_its_own() {
    let mut bank = Bank::found_with(setup()).await;
    let client = bank.client();
    let mut session = Session::default();
    for branch in 1..=3 {
        let deposit = client.deposit(Some(branch), &mut session, Propagation::All, "main", 10);
        assert!(deposit.await.expect("decided").value.missing_branches.is_empty());
        let read = client.query(Some(branch), &mut session, Level::Strong, "main").await;
        assert_eq!(read.expect("a balance").value, OPENING_BALANCE + 10 * i64::from(branch));
    }
    let fourth = Daemon::start(4, &bank.setup).await;
    bank.join(&fourth).await.expect("joined");
    let status = bank.daemons[0].status().await;
    let own = |address: &Address| Some(address.to_string());
    assert_eq!(status.peer_address, own(peer_address(&bank.daemons[0])));
    for daemon in bank.daemons.iter().chain([&fourth]) {
        let member = status.branches.iter().find(|member| member.branch == daemon.number);
        let member = member.expect("a member");
        assert_eq!(member.address, daemon.address.to_string());
        assert_eq!(member.peer_address, own(peer_address(daemon)));
    }

    // The journal of a branch has the addresses: it comes back, and the lead goes over.
    let leader = bank.take_leader().await;
    let former = leader.number;
    let back = leader.stop().await.start(&bank.setup).await;
    let branches = bank.daemons.iter().chain([&back, &fourth]).map(place).collect();
    let file = BankFile::new(bank.file.bank_id(), branches).expect("a bank file");
    let options = ClientOptions {
        timeout: PATIENCE,
        failover: false,
    };
    let client = Client::of_bank(&file, options);
    for branch in [former, 4] {
        let read = client.query(Some(branch), &mut session, Level::Strong, "main").await;
        assert_eq!(read.expect("a balance").value, OPENING_BALANCE + 30);
    }
    back.stop().await;
    fourth.stop().await;
}

#[tokio::test]
async fn with_one_listener_a_branch_has_one_address() {
    let bank = Bank::found(false).await;
    let status = bank.daemons[0].status().await;
    assert_eq!((status.peer_address, status.branches.len()), (None, 3));
    assert!(status.branches.iter().all(|member| member.peer_address.is_none()));
}

#[tokio::test]
async fn each_listener_takes_its_own_callers_only() {
    let setup = setup();
    let daemon = Daemon::start(1, &setup).await;
    let dial = |address: &Address, me: Party| Connector {
        address: address.to_string(),
        branch: 1,
        bank: None,
        me,
        proof: Proof::Secret(setup.secret.clone()),
        connect_timeout: PATIENCE,
        observer: None,
    };
    let branch = Party::Branch(BranchIdentity { branch: 2, replica: 7 });
    for (address, me, refused) in [
        (peer_address(&daemon), branch, None),
        (&daemon.address, Party::Operator, None),
        (
            &daemon.address,
            branch,
            Some("takes branches at another address: name that too"),
        ),
        (
            peer_address(&daemon),
            Party::Operator,
            Some("takes only branches there"),
        ),
    ] {
        let dialled = dial(address, me)
            .dial()
            .await
            .map(drop)
            .map_err(|error| error.to_string());
        match refused {
            None => assert_eq!(dialled, Ok(()), "{me:?} at {address}"),
            Some(why) => assert!(dialled.as_ref().is_err_and(|error| error.contains(why)), "{dialled:?}"),
        }
    }
    let answered = daemon.raw().query(v1::QueryRequest::default()).await;
    let answered = answered.expect_err("there is no bank yet");
    assert!(answered.message().contains("branchd init"), "{answered:?}");
    // A customer's connection is closed before its first call is read.
    let endpoint = Endpoint::from_shared(format!("http://{}", peer_address(&daemon))).expect("an address");
    let mut customer = BankServiceClient::new(endpoint.connect_lazy());
    let refused = customer.query(v1::QueryRequest::default()).await.expect_err("closed");
    assert!(
        std::error::Error::source(&refused).is_some(),
        "no answer of a branch: {refused:?}"
    );
    let status = Operator::at(peer_address(&daemon).clone(), PATIENCE).status().await;
    assert!(status.is_err(), "{status:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_founding_without_the_address_for_branches_says_what_is_missing() {
    let setup = setup();
    let daemons = [Daemon::start(1, &setup).await, Daemon::start(2, &setup).await];
    let operator = Operator::at(daemons[0].address.clone(), PATIENCE).with_secret(setup.secret.clone());
    let right = daemons.each_ref().map(new_branch);
    for (at, said) in [
        (
            0,
            format!(
                "name it too, --branch 1={},{}",
                right[0].address,
                peer_address(&daemons[0])
            ),
        ),
        (1, "takes branches at another address: name that too".to_owned()),
    ] {
        let mut wrong = right.clone();
        wrong[at].peer_address = None;
        let refused = operator.init(&wrong, 0, 0).await.expect_err("refused").to_string();
        assert!(refused.contains(&said), "{refused}");
    }
    for daemon in &daemons {
        assert_eq!(daemon.status().await.bank_id, None, "nothing was changed");
    }
    operator.init(&right, 0, 0).await.expect("founded");
}
