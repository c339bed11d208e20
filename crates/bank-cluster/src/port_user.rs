//! Finds out who uses a port of this host: a branch of ours, which answers a status call, or another process. Which
//! process it is can be found on Linux only.

use bank_client::operator::{BranchStatus, Operator};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Deadline of the call that asks whether a branch listens. A branch on this host answers within milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// The user of a port, as a part of a sentence after "is taken".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortUser {
    /// A branch of a bank of this program.
    Branch {
        /// Number of the branch.
        branch: u32,
        /// Its process id.
        pid: u32,
        /// Directory of its bank, or its own data directory.
        dir: PathBuf,
        /// Whether `dir` is the directory of a whole bank, which `launcher down` accepts.
        whole_bank: bool,
    },
    /// A process that listens on the port.
    Listener {
        /// Name and id of the process.
        process: String,
    },
    /// A process that has an outgoing connection from the port.
    Connection {
        /// Name and id of the process, if it can be found.
        process: Option<String>,
    },
    /// Nothing is known.
    Unknown,
}

impl PortUser {
    /// Finds out who uses the port.
    pub(crate) async fn of(address: SocketAddr) -> Self {
        if let Ok(status) = Operator::at(address.into(), ANSWER_TIMEOUT).status().await {
            return branch(&status);
        }
        linux::user(address.port())
    }
}

fn branch(status: &BranchStatus) -> PortUser {
    let data = linux::absolute(status.pid, Path::new(&status.data_directory));
    let named = format!("branch-{}", status.branch);
    let whole_bank = data.ends_with(Path::new(&named).join("data"));
    let bank = data.parent().and_then(Path::parent).filter(|_| whole_bank);
    let dir = bank.unwrap_or(&data);
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| dir.strip_prefix(here).ok().map(Path::to_owned));
    PortUser::Branch {
        branch: status.branch,
        pid: status.pid,
        dir: below.unwrap_or_else(|| dir.to_owned()),
        whole_bank,
    }
}

impl fmt::Display for PortUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PortUser::Branch {
                branch,
                dir,
                whole_bank: true,
                ..
            } => {
                let dir = dir.display();
                write!(
                    f,
                    " by branch {branch} of the bank in {dir}; stop that bank (launcher down --dir {dir})"
                )
            }
            PortUser::Branch { branch, pid, dir, .. } => {
                let dir = dir.display();
                write!(
                    f,
                    " by another branch {branch}, process {pid}, whose data is in {dir}; stop it"
                )
            }
            PortUser::Listener { process } => write!(f, " by {process}; stop it"),
            PortUser::Connection { process } => {
                let whose = process
                    .as_ref()
                    .map_or(String::new(), |process| format!(" of {process}"));
                write!(f, " by an outgoing connection{whose}; try again later")
            }
            PortUser::Unknown => f.write_str(" by another program; stop it"),
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use super::PortUser;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// State of a listening socket in `/proc/net/tcp`.
    const LISTEN: &str = "0A";

    /// One line of `/proc/net/tcp`: a socket with this local port.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Socket {
        pub(super) listens: bool,
        /// 0 for a socket that no process has any more.
        pub(super) inode: u64,
    }

    pub(super) fn user(port: u16) -> PortUser {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
        let texts = tables.iter().filter_map(|table| fs::read_to_string(table).ok());
        let sockets: Vec<Socket> = texts.flat_map(|text| sockets(&text, port)).collect();
        let listener = sockets.iter().find(|socket| socket.listens);
        match (listener, sockets.first()) {
            (Some(listener), _) => match process(listener.inode) {
                Some(process) => PortUser::Listener { process },
                None => PortUser::Unknown,
            },
            (None, Some(connection)) => PortUser::Connection {
                process: process(connection.inode),
            },
            (None, None) => PortUser::Unknown,
        }
    }

    /// The sockets with this local port in the text of `/proc/net/tcp`.
    pub(super) fn sockets(text: &str, port: u16) -> Vec<Socket> {
        let socket = |line: &str| {
            let mut words = line.split_whitespace();
            let (_, local) = words.nth(1)?.split_once(':')?;
            let here = u16::from_str_radix(local, 16) == Ok(port);
            let listens = words.nth(1)? == LISTEN;
            let inode = words.nth(5)?.parse().ok()?;
            here.then_some(Socket { listens, inode })
        };
        text.lines().filter_map(socket).collect()
    }

    /// Name and id of the process that has this socket. `None` if it belongs to another user.
    fn process(inode: u64) -> Option<String> {
        let wanted = PathBuf::from(format!("socket:[{inode}]"));
        let entries = fs::read_dir("/proc").ok()?.flatten();
        let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let pid = pids.find(|pid| {
            let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            files
                .filter_map(|file| fs::read_link(file.path()).ok())
                .any(|link| link == wanted)
        })?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        Some(format!("process {pid} ({})", name.trim()))
    }

    /// A path of another process, which may have another current directory.
    pub(super) fn absolute(pid: u32, path: &Path) -> PathBuf {
        let cwd = fs::read_link(format!("/proc/{pid}/cwd"));
        cwd.map_or_else(|_| path.to_owned(), |cwd| cwd.join(path))
    }
}

/// Other systems have no files that tell this.
#[cfg(not(target_os = "linux"))]
mod linux {
    use super::PortUser;
    use std::path::{Path, PathBuf};

    pub(super) fn user(_port: u16) -> PortUser {
        PortUser::Unknown
    }

    pub(super) fn absolute(_pid: u32, path: &Path) -> PathBuf {
        path.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn the_user_of_a_port_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let pid = std::process::id().to_string();
        let user = PortUser::of(address).await.to_string();
        let connection = TcpStream::connect(address).expect("connected");
        let outgoing = PortUser::of(connection.local_addr().expect("bound")).await.to_string();
        if cfg!(target_os = "linux") {
            assert!(user.contains(&pid) && user.ends_with("stop it"), "{user}");
            assert!(outgoing.contains("outgoing connection of process"), "{outgoing}");
            assert!(outgoing.contains(&pid), "{outgoing}");
        } else {
            assert_eq!(user, " by another program; stop it");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn sockets_are_read_from_the_table_of_the_system() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:C351 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0\n\
             1: 0100007F:C351 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0\n\
             2: 0100007F:C352 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 4713 1 0\n";
        let socket = |listens, inode| linux::Socket { listens, inode };
        assert_eq!(linux::sockets(text, 50_001), [socket(true, 4711), socket(false, 4712)]);
        assert_eq!(linux::sockets(text, 50_002), [socket(false, 4713)]);
        assert_eq!(linux::sockets(text, 50_003), []);
    }

    #[test]
    fn a_branch_is_told_with_the_bank_that_it_belongs_to() {
        let dir = PathBuf::from("/srv/bank");
        let user = |whole_bank| PortUser::Branch {
            branch: 2,
            pid: 4711,
            dir: dir.clone(),
            whole_bank,
        };
        assert_eq!(
            user(true).to_string(),
            " by branch 2 of the bank in /srv/bank; stop that bank (launcher down --dir /srv/bank)"
        );
        assert!(
            user(false)
                .to_string()
                .contains("process 4711, whose data is in /srv/bank")
        );
    }
}
