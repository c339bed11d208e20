//! `branchd start`.

use std::io;
use std::path::Path;

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};

use super::failure::{FAILED, Failure, USAGE};
use super::output::print;
use super::secret::given_secret;
use crate::args::StartArguments;
use crate::branch_error::BranchError;
use crate::daemon::{self, DaemonError, Listeners};
use crate::directory::{DataDirectoryError, recorded_bank};
use crate::server::open_files;

/// Runs a branch until a signal stops it.
///
/// # Errors
/// Exit code 2 if the arguments, the address or the data directory are wrong, 1 if the branch failed.
pub(super) fn start(arguments: &StartArguments) -> Result<(), Failure> {
    let given = arguments.secret_file.as_deref().map(given_secret).transpose()?;
    let config = arguments.config(given).map_err(|error| Failure::new(USAGE, error))?;
    #[cfg(feature = "planted-bugs")]
    if let Some(bug) = arguments.planted {
        crate::planted::plant(bug, arguments.id);
    }
    open_files::raise();
    #[cfg(feature = "planted-bugs")]
    crate::store::failing_disk::install();
    let runtime = match arguments.threads {
        1 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        threads => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.into())
            .enable_all()
            .build(),
    };
    let runtime = runtime.map_err(|error| Failure::new(FAILED, format!("cannot start a runtime: {error}")))?;
    let result = runtime.block_on(async {
        let listeners = listen_at_all(arguments).await?;
        let (address, peer_address) = listeners
            .addresses()
            .map_err(|error| Failure::new(FAILED, format!("the listeners cannot be used: {error}")))?;
        if arguments.announce {
            let bank_id = recorded_bank(Path::new(&arguments.data));
            let line = json!({
                "branch": arguments.id,
                "address": address.to_string(),
                "peer_address": peer_address.map(|address| address.to_string()),
                "pid": std::process::id(),
                "bank_id": bank_id,
            });
            print(&format!("{line}\n"))?;
        }
        let stop = stop_signal(arguments.stop_with_stdin).map_err(|error| Failure::new(FAILED, error))?;
        daemon::run(config, listeners, stop)
            .await
            .map_err(|error| failure(&error))
    });
    // A blocking call that hangs is not waited for. All acknowledged writes are on the disk.
    runtime.shutdown_background();
    result
}

/// How many connections may wait to be accepted. A burst of 1,024 customers at once connects without a second try.
const BACKLOG: u32 = 1024;

/// Listens for customers, and for branches if they have a listener of their own.
///
/// # Errors
/// Exit code 2 if an address cannot be listened on.
async fn listen_at_all(arguments: &StartArguments) -> Result<Listeners, Failure> {
    let StartArguments {
        listen: customers,
        listen_peer,
        ..
    } = arguments;
    let cannot = |address, flag| move |error| cannot_listen(arguments.id, address, flag, &error);
    let branches = match listen_peer {
        None => None,
        Some(branches) if branches == customers && !branches.ends_with(":0") => {
            let same = "--listen-peer is the same address as --listen: leave it out, or give another port";
            return Err(Failure::new(USAGE, same));
        }
        Some(branches) => Some(listen(branches).await.map_err(cannot(branches, "--listen-peer"))?),
    };
    let customers = listen(customers).await.map_err(cannot(customers, "--listen"))?;
    Ok(Listeners { customers, branches })
}

/// Listens on the first address of the host that can be used.
async fn listen(address: &str) -> io::Result<TcpListener> {
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "the host has no address");
    for address in tokio::net::lookup_host(address).await? {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        };
        let bound = socket.and_then(|socket| {
            // A branch that is started again can listen before the system has forgotten its old connections.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        });
        match bound {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn cannot_listen(branch: u32, listen: &str, flag: &str, error: &io::Error) -> Failure {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => &format!("another process has the port: stop it, or give another {flag}"),
        io::ErrorKind::AddrNotAvailable => "this host has no such address: give one of its own",
        io::ErrorKind::PermissionDenied => "the port needs rights that this user lacks: give one above 1023",
        _ => &format!("give another {flag}"),
    };
    Failure::new(
        USAGE,
        format!("branch {branch} cannot listen on {listen}: {error}: {remedy}"),
    )
}

fn failure(error: &DaemonError) -> Failure {
    let code = match error {
        DaemonError::Open(BranchError::Directory(
            DataDirectoryError::Locked { .. }
            | DataDirectoryError::OtherBranch { .. }
            | DataDirectoryError::OtherFormat { .. },
        ))
        | DaemonError::Open(BranchError::Secret(_) | BranchError::Certificates(_) | BranchError::Tokens(_)) => USAGE,
        _ => FAILED,
    };
    Failure::new(code, error)
}

/// Resolves at SIGTERM, at Ctrl-C or, if `with_stdin`, at the end of stdin.
fn stop_signal(with_stdin: bool) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stdin_ends(), if with_stdin => {}
        }
    })
}

/// Waits for the end of stdin. What comes before it is ignored.
async fn stdin_ends() {
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0; 64];
    while matches!(stdin.read(&mut buffer).await, Ok(len) if len > 0) {}
}
