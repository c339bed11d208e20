//! A bank of three branches with certificates, all in the test's own process, and connections to them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bank_auth::{BranchIdentity, ClientIdentity, Party, Role, Secret};
use bank_proto::v1;
use bank_proto::v1::bank_service_client::BankServiceClient;
use bank_proto::v1::operator_service_client::OperatorServiceClient;
use bank_tls::issue::{Validity, days};
use bank_tls::{CertsDir, Connector, Credentials, DialError, Proof, TlsFiles};
use branchd::config::{Config, Timing, TlsConfig};
use branchd::daemon::{self, DaemonError};
use branchd::secret::SecretSource;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

/// A state that has not come by then never will.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// What `main` has when the bank is founded.
pub(crate) const OPENING_BALANCE: i64 = 1000;
/// Long enough that a busy machine starts no election by itself.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// A branch that runs in this process.
pub(crate) struct Daemon {
    pub(crate) number: u32,
    pub(crate) address: String,
    _data: TempDir,
    _shutdown: oneshot::Sender<()>,
    _running: JoinHandle<Result<(), DaemonError>>,
}

impl Daemon {
    pub(crate) async fn start(config: impl FnOnce(&Path) -> Config) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let config = config(data.path());
        let number = config.branch;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let (shutdown, told) = oneshot::channel();
        let told = async {
            // A test that ends tells it too.
            let _ = told.await;
        };
        Self {
            number,
            address,
            _running: tokio::spawn(daemon::run(config, listener, told)),
            _data: data,
            _shutdown: shutdown,
        }
    }
}

/// The same certificates for clients and for branches.
pub(crate) fn one_set(files: TlsFiles) -> Option<TlsConfig> {
    Some(TlsConfig {
        clients: files.clone(),
        branches: files,
    })
}

pub(crate) fn config(branch: u32, tls: Option<TlsConfig>, secret: SecretSource, data: &Path) -> Config {
    Config {
        branch,
        data: data.to_owned(),
        secret,
        timing: Timing {
            election_timeout: ELECTION_TIMEOUT,
        },
        insecure: false,
        via: BTreeMap::new(),
        accept_moved: false,
        max_connections: 100,
        hand_over: false,
        checkpoint_entries: 8192,
        max_connections_per_address: None,
        scrub_rows_per_second: 0,
        tls,
        client_cert_auth: false,
        token_file: None,
    }
}

/// The certificates of a bank.
pub(crate) struct Certs {
    pub(crate) dir: CertsDir,
    pub(crate) bank: Uuid,
    _temporary: TempDir,
}

pub(crate) fn valid_for(length: Duration) -> Validity {
    Validity::from_now(SystemTime::now(), length)
}

impl Certs {
    /// Certificates of branches 1 to 3, and of the clients `op` and `teller`.
    pub(crate) fn make(bank: Option<Uuid>) -> Self {
        let temporary = tempfile::tempdir().expect("a directory");
        let dir = CertsDir(temporary.path().to_owned());
        let bank = dir.create_authority(bank, valid_for(days(100))).expect("an authority");
        for branch in 1..=3 {
            dir.issue_branch(branch, &[], valid_for(days(90)))
                .expect("a certificate");
        }
        let certs = Self {
            dir,
            bank,
            _temporary: temporary,
        };
        certs.client(Role::Operator, "op", days(90));
        certs.client(Role::Teller, "teller", days(90));
        certs
    }

    /// Makes the certificate of a client, and reads it.
    pub(crate) fn client(&self, role: Role, name: &str, length: Duration) -> Credentials {
        let client = ClientIdentity {
            role,
            name: name.parse().expect("a name"),
            accounts: Vec::new(),
        };
        self.dir.issue_client(client, valid_for(length)).expect("a certificate");
        self.of_client(name)
    }

    pub(crate) fn of_client(&self, name: &str) -> Credentials {
        Credentials::load(self.dir.of_client(Some(name)).expect("the client")).expect("usable")
    }

    pub(crate) fn of_branch(&self, branch: u32) -> Credentials {
        Credentials::load(self.dir.of_branch(branch)).expect("usable")
    }

    /// Trusts the authority of another directory too.
    pub(crate) fn trust(&self, other: &Self) {
        let [own, more] = [self, other].map(|certs| std::fs::read_to_string(certs.dir.ca_cert()).expect("read"));
        std::fs::write(self.dir.ca_cert(), own + &more).expect("written");
    }

    /// Trusts the authority and has no certificate.
    pub(crate) fn of_nobody(&self) -> Credentials {
        Credentials::load(TlsFiles {
            own: None,
            ..self.dir.of_branch(1)
        })
        .expect("usable")
    }
}

/// Three branches with certificates.
pub(crate) struct Bank {
    pub(crate) certs: Certs,
    pub(crate) secret: Secret,
    pub(crate) daemons: Vec<Daemon>,
}

impl Bank {
    /// Starts the branches, which have no bank yet. They have a secret too.
    pub(crate) async fn start() -> Self {
        Self::start_with(Certs::make(None), None).await
    }

    async fn start_with(certs: Certs, for_branches: Option<&Certs>) -> Self {
        let secret = Secret::random().expect("randomness");
        let mut daemons = Vec::new();
        for number in 1..=3 {
            let given = SecretSource::Given {
                secret: secret.clone(),
                from: "a test".to_owned(),
            };
            let tls = TlsConfig {
                clients: certs.dir.of_branch(number),
                branches: for_branches.unwrap_or(&certs).dir.of_branch(number),
            };
            daemons.push(Daemon::start(|data| config(number, Some(tls), given, data)).await);
        }
        Self { certs, secret, daemons }
    }

    /// Starts the branches and founds their bank, as an operator with a certificate.
    pub(crate) async fn found() -> Self {
        Self::found_with(Certs::make(None), None).await
    }

    /// `for_branches` has other certificates for the connections between branches.
    pub(crate) async fn found_with(certs: Certs, for_branches: Option<&Certs>) -> Self {
        let bank = Self::start_with(certs, for_branches).await;
        let founded = init(&bank, bank.channel(1, &bank.certs.of_client("op")).await).await;
        assert_eq!(founded.expect("founded").bank_id, bank.certs.bank.to_string());
        for branch in 1..=3 {
            bank.until(branch, "the opening", |status| status.position > 0).await;
        }
        bank
    }

    pub(crate) fn address(&self, branch: u32) -> &str {
        let at = self.daemons.iter().find(|daemon| daemon.number == branch);
        &at.expect("a branch of the bank").address
    }

    /// A connector for a client.
    pub(crate) fn connector(&self, branch: u32, credentials: &Credentials) -> Connector {
        Connector {
            address: self.address(branch).to_owned(),
            branch,
            bank: Some(self.certs.bank),
            me: Party::Operator,
            proof: Proof::Certificate(credentials.clone()),
            connect_timeout: PATIENCE,
            observer: None,
        }
    }

    /// A connector for what says that it is branch `me`.
    pub(crate) fn as_branch(&self, branch: u32, me: u32, credentials: &Credentials) -> Connector {
        Connector {
            me: Party::Branch(BranchIdentity { branch: me, replica: 7 }),
            ..self.connector(branch, credentials)
        }
    }

    /// A connection of a client.
    pub(crate) async fn channel(&self, branch: u32, credentials: &Credentials) -> Channel {
        open(self.connector(branch, credentials)).await.expect("a connection")
    }

    pub(crate) async fn status(&self, branch: u32) -> v1::GetStatusResponse {
        let channel = self.channel(branch, &self.certs.of_client("op")).await;
        let mut stub = OperatorServiceClient::new(channel);
        let status = stub.get_status(v1::GetStatusRequest {}).await;
        status.expect("a status").into_inner()
    }

    /// Waits until the branch is in a state, by asking again and again.
    pub(crate) async fn until(&self, branch: u32, what: &str, is: impl Fn(&v1::GetStatusResponse) -> bool) {
        let began = Instant::now();
        loop {
            let status = self.status(branch).await;
            if is(&status) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{what} never came: {status:?}");
        }
    }
}

/// Opens a connection, whatever made it.
pub(crate) async fn open(connector: Connector) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_static("http://branch");
    endpoint.connect_with_connector(connector).await
}

/// A connection that is not encrypted.
pub(crate) async fn plain(address: &str) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    endpoint.connect().await.expect("a connection")
}

/// The text of the refusal of a connection.
pub(crate) fn refusal(error: &DialError) -> String {
    assert!(error.is_refusal(), "{error}");
    error.to_string()
}

pub(crate) async fn init(bank: &Bank, channel: Channel) -> Result<v1::InitResponse, Status> {
    let place = |daemon: &Daemon| v1::BranchAddress {
        branch: daemon.number,
        address: daemon.address.clone(),
        peer_address: String::new(),
    };
    let mut request = tonic::Request::new(v1::InitRequest {
        branches: bank.daemons.iter().map(place).collect(),
        opening_balance: OPENING_BALANCE,
        voters: 0,
    });
    request.set_timeout(PATIENCE);
    Ok(OperatorServiceClient::new(channel).init(request).await?.into_inner())
}

/// One deposit into `main`, asked for once.
pub(crate) async fn deposit(channel: Channel, amount: i64) -> Result<v1::WriteResult, Status> {
    let mut request = tonic::Request::new(v1::DepositRequest {
        options: Some(v1::WriteOptions {
            request_id: Uuid::new_v4().to_string(),
            ..Default::default()
        }),
        account: String::new(),
        amount,
    });
    request.set_timeout(PATIENCE);
    let answered = BankServiceClient::new(channel).deposit(request).await?;
    Ok(answered.into_inner().result.expect("a result"))
}

/// The balance of `main`, by a linearizable read.
pub(crate) async fn balance(channel: Channel) -> Result<i64, Status> {
    let mut request = tonic::Request::new(v1::QueryRequest {
        options: Some(v1::ReadOptions {
            linearizable: true,
            ..Default::default()
        }),
        account: String::new(),
    });
    request.set_timeout(PATIENCE);
    Ok(BankServiceClient::new(channel)
        .query(request)
        .await?
        .into_inner()
        .balance)
}
