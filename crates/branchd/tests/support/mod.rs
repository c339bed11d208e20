//! Banks whose branches run in the test's own process, each on a port and a directory of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bank_auth::{Party, Secret};
use bank_client::operator::{BranchStatus, NewBranch, Operator};
use bank_client::{Address, BankFile, Branch, Client, ClientOptions};
use bank_proto::v1;
use bank_proto::v1::bank_service_client::BankServiceClient;
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use bank_tls::{Connector, Proof};
use branchd::config::{Config, Timing};
use branchd::daemon::{self, DaemonError, Listeners};
use branchd::secret::SecretSource;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// A state that has not come by then never will.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// What `main` has when a bank is founded.
pub(crate) const OPENING_BALANCE: i64 = 1000;
/// Long enough that a busy machine starts no election by itself.
const ELECTION_TIMEOUT: Duration = Duration::from_millis(400);

/// What all branches of a bank are started with.
pub(crate) struct Setup {
    pub(crate) secret: Secret,
    /// A leader that stops makes another branch lead first.
    pub(crate) hand_over: bool,
    /// Branches have a listener of their own.
    pub(crate) two_listeners: bool,
    /// The tokens of clients.
    pub(crate) token_file: Option<PathBuf>,
}

/// A branch that runs in this process.
pub(crate) struct Daemon {
    pub(crate) number: u32,
    pub(crate) address: Address,
    /// Where other branches reach it, if they have a listener of their own.
    pub(crate) peer_address: Option<Address>,
    /// For the status of a branch that asks clients who they are.
    secret: Option<Secret>,
    data: TempDir,
    shutdown: oneshot::Sender<()>,
    running: JoinHandle<Result<(), DaemonError>>,
}

/// What is left of a branch that was stopped.
pub(crate) struct Stopped {
    number: u32,
    address: Address,
    peer_address: Option<Address>,
    data: TempDir,
}

impl Daemon {
    pub(crate) async fn start(number: u32, setup: &Setup) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let any = "127.0.0.1:0";
        Self::run(number, setup, any, setup.two_listeners.then_some(any), data).await
    }

    async fn run(number: u32, setup: &Setup, listen: &str, listen_peer: Option<&str>, data: TempDir) -> Self {
        let customers = TcpListener::bind(listen).await.expect("a port");
        let branches = match listen_peer {
            Some(listen) => Some(TcpListener::bind(listen).await.expect("a port")),
            None => None,
        };
        let listeners = Listeners { customers, branches };
        let (address, peer_address) = listeners.addresses().expect("bound");
        let (shutdown, told) = oneshot::channel();
        let told = async {
            // A test that ends tells it too.
            let _ = told.await;
        };
        let running = tokio::spawn(daemon::run(config(number, setup, data.path()), listeners, told));
        Self {
            number,
            address: address.into(),
            peer_address: peer_address.map(Address::from),
            secret: setup.token_file.is_some().then(|| setup.secret.clone()),
            data,
            shutdown,
            running,
        }
    }

    /// Tells the branch to stop, and waits until it has.
    pub(crate) async fn stop(self) -> Stopped {
        let _ = self.shutdown.send(());
        let ended = timeout(PATIENCE, self.running).await.expect("it ends");
        ended.expect("no panic").expect("a clean end");
        Stopped {
            number: self.number,
            address: self.address,
            peer_address: self.peer_address,
            data: self.data,
        }
    }

    /// Waits until the branch ends by itself.
    #[allow(dead_code)]
    pub(crate) async fn ended(self) -> Result<(), DaemonError> {
        let ended = timeout(PATIENCE, self.running).await.expect("it ends");
        ended.expect("no panic")
    }

    pub(crate) async fn status(&self) -> BranchStatus {
        let mut operator = Operator::at(self.address.clone(), PATIENCE);
        if let Some(secret) = &self.secret {
            operator = operator.with_secret(secret.clone());
        }
        operator.status().await.expect("a status")
    }

    /// Waits until the branch is in a state, by asking again and again.
    pub(crate) async fn until(&self, what: &str, is: impl Fn(&BranchStatus) -> bool) -> BranchStatus {
        let began = Instant::now();
        loop {
            let status = self.status().await;
            if is(&status) {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "{what} never came: {status:?}");
        }
    }

    /// A client of this branch alone, which asks once.
    pub(crate) fn raw(&self) -> BankServiceClient<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).expect("an address");
        BankServiceClient::new(endpoint.connect_lazy())
    }
}

impl Stopped {
    /// Starts the branch again, on its directory and its port.
    pub(crate) async fn start(self, setup: &Setup) -> Daemon {
        let listen_peer = self.peer_address.as_ref().map(Address::as_str);
        Daemon::run(self.number, setup, self.address.as_str(), listen_peer, self.data).await
    }
}

fn config(branch: u32, setup: &Setup, data: &Path) -> Config {
    Config {
        branch,
        data: data.to_owned(),
        secret: SecretSource::Given {
            secret: setup.secret.clone(),
            from: "a test".to_owned(),
        },
        timing: Timing {
            election_timeout: ELECTION_TIMEOUT,
        },
        insecure: false,
        via: BTreeMap::new(),
        accept_moved: false,
        max_connections: 100,
        max_connections_per_address: None,
        hand_over: setup.hand_over,
        checkpoint_entries: 8192,
        scrub_rows_per_second: 0,
        tls: None,
        client_cert_auth: false,
        token_file: setup.token_file.clone(),
    }
}

/// A bank of three branches, all of whom vote.
pub(crate) struct Bank {
    pub(crate) setup: Setup,
    pub(crate) daemons: Vec<Daemon>,
    pub(crate) file: BankFile,
}

impl Bank {
    pub(crate) async fn found(hand_over: bool) -> Self {
        Self::found_with(Setup {
            secret: Secret::random().expect("randomness"),
            hand_over,
            two_listeners: false,
            token_file: None,
        })
        .await
    }

    pub(crate) async fn found_with(setup: Setup) -> Self {
        let mut daemons = Vec::new();
        for number in 1..=3 {
            daemons.push(Daemon::start(number, &setup).await);
        }
        let branches: Vec<Branch> = daemons.iter().map(place).collect();
        let operator = Operator::at(daemons[0].address.clone(), PATIENCE).with_secret(setup.secret.clone());
        let all: Vec<NewBranch> = daemons.iter().map(new_branch).collect();
        let founded = operator.init(&all, OPENING_BALANCE, 0).await;
        let file = BankFile::new(founded.expect("a bank").bank_id, branches).expect("a bank file");
        for daemon in &daemons {
            daemon.until("the opening", |status| status.position > 0).await;
        }
        Self { setup, daemons, file }
    }

    pub(crate) fn client(&self) -> Client {
        let options = ClientOptions {
            timeout: PATIENCE,
            failover: true,
        };
        Client::of_bank(&self.file, options)
    }

    /// Takes the branch that leads out of the list.
    pub(crate) async fn take_leader(&mut self) -> Daemon {
        let status = self.daemons[0]
            .until("a leader", |status| status.leader.is_some())
            .await;
        let leads = |daemon: &Daemon| Some(daemon.number) == status.leader;
        let at = self.daemons.iter().position(leads).expect("a branch of the bank");
        self.daemons.remove(at)
    }

    /// Has a branch join the bank, and returns what the first one says of it.
    pub(crate) async fn join(&self, daemon: &Daemon) -> Result<v1::JoinResponse, Status> {
        let to = &self.daemons[0].address;
        let endpoint = Endpoint::from_shared(format!("http://{to}")).expect("an address");
        let channel = endpoint.connect_with_connector_lazy(Connector {
            address: to.to_string(),
            branch: 0,
            bank: None,
            me: Party::Operator,
            proof: Proof::Secret(self.setup.secret.clone()),
            connect_timeout: PATIENCE,
            observer: None,
        });
        let branch = v1::BranchAddress {
            branch: daemon.number,
            address: daemon.address.to_string(),
            peer_address: daemon.peer_address.as_ref().map(Address::to_string).unwrap_or_default(),
        };
        let mut request = tonic::Request::new(v1::JoinRequest { branch: Some(branch) });
        request.set_timeout(PATIENCE);
        let joined = OperatorServiceClient::new(channel).join(request).await?;
        Ok(joined.into_inner())
    }
}

/// A branch as a founding names it.
pub(crate) fn new_branch(daemon: &Daemon) -> NewBranch {
    NewBranch {
        branch: daemon.number,
        address: daemon.address.clone(),
        peer_address: daemon.peer_address.clone(),
    }
}

pub(crate) fn place(daemon: &Daemon) -> Branch {
    Branch {
        branch: daemon.number,
        address: daemon.address.clone(),
    }
}
