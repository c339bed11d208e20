//! `launcher up`: brings a bank up, supervises it, and stops it.

use super::args::UpPlan;
use super::bank_dir::{self, BankDir, Content, command};
use super::control::{Control, ControlRequest, ControlResponse};
use super::detach::{self, Detached};
use super::error::LiveError;
use super::fresh;
use super::ready;
use super::screen::Screen;
use super::start::{self, Start};
use super::supervisor::{End, Supervisor, no_network};
use crate::terminal::progress::Progress;
use crate::terminal::signals::Interrupts;
use crate::terminal::stdout;
use bank_cluster::network::LinkState;
use bank_cluster::network::{self, LinkSet};
use bank_cluster::{Cluster, ClusterConfig, ClusterError, FOUND_TIMEOUT, Ports, election_timeout};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Brings a bank up that another launcher runs in the background. Returns the exit code.
///
/// # Errors
/// The other launcher cannot be started.
pub(super) async fn detach() -> Result<u8, LiveError> {
    match detach::start(detach::own_arguments()).await? {
        Detached::Up(text) => {
            stdout::print(&text).map_err(LiveError::io("stdout"))?;
            Ok(0)
        }
        Detached::Failed(exit_code) => Ok(exit_code),
    }
}

/// Brings a bank up, runs it until it has to stop, and stops it. Returns the exit code.
///
/// # Errors
/// The bank did not come up. All processes were stopped.
pub(super) async fn up(plan: UpPlan) -> Result<u8, LiveError> {
    // Decided before the directory is created, so that a refused request leaves no directory; and again under the lock,
    // when no other launcher can change the directory.
    decide(&plan, None)?;
    let bank_dir = BankDir::lock(&plan.dir).await?;
    // Until here a signal ends the process at once, also while it asks whether a bank may be deleted.
    let start = decide(&plan, Some(&bank_dir))?;
    let mut interrupts = Interrupts::listen().map_err(LiveError::io("signals"))?;
    let log = plan.detached.then(|| detach::open_log(bank_dir.path())).transpose()?;
    let mut cluster = cluster(&plan, &bank_dir, &start).await?;
    let progress = Progress::on_stderr();
    progress.count("branches up", cluster.numbers().len());
    let opened = async {
        bring_up(&mut cluster, start, &bank_dir, &progress).await?;
        let control = Control::open(bank_dir.path()).await?;
        progress.end();
        if let Some(log) = &log {
            detach::leave(&ready::text(&plan, &cluster), log)?;
        }
        Ok(control)
    };
    let opened = tokio::select! {
        opened = opened => opened,
        exit_code = interrupts.next() => Err(LiveError::Interrupted { exit_code }),
    };
    let mut control = match opened {
        Ok(control) => control,
        Err(error) => {
            progress.end();
            // Further errors of the branches are consequences of this one.
            cluster.end_all(|_, _| ()).await;
            return Err(error);
        }
    };
    let mut screen = Screen::on_stdout();
    let mut supervisor = Supervisor::new(&cluster, bank_dir.path(), &mut screen);
    if let Some(geography) = &plan.geography {
        supervisor.place(geography.clone());
    }
    match plan.detached {
        true => supervisor.log(&ready::log_text(&cluster)),
        false => supervisor.announce(&ready::text(&plan, &cluster)).await,
    }
    let end = supervisor.supervise(&mut control, &mut interrupts).await;
    Ok(stop(cluster, bank_dir, control, interrupts, screen, end).await)
}

/// Decides how the bank comes up. With the directory locked, `--fresh` deletes the bank that is there.
fn decide(plan: &UpPlan, locked: Option<&BankDir>) -> Result<Start, LiveError> {
    let content = bank_dir::inspect(&plan.dir)?;
    let start = if plan.fresh {
        let requested = start::over(&content, &plan.requested, &plan.dir)?;
        let start = start::decide(Content::Empty, &requested, &plan.dir)?;
        fresh::check(plan, &content)?;
        if let Some(bank_dir) = locked {
            fresh::delete(plan, &content, bank_dir)?;
        }
        start
    } else {
        start::decide(content, &plan.requested, &plan.dir)?
    };
    if plan.geography.is_some() && start.branches().len() > network::BRANCHES_MAX {
        return Err(LiveError::Usage(no_network()));
    }
    Ok(start)
}

async fn cluster(plan: &UpPlan, bank_dir: &BankDir, start: &Start) -> Result<Cluster, LiveError> {
    let branches = start.branches();
    let relayed = branches.len() <= network::BRANCHES_MAX;
    let config = ClusterConfig {
        programs: plan.programs.clone(),
        dir: bank_dir.path().to_owned(),
        secret_file: None,
        tls: start.tls(),
        ports: ports(start).await?,
        election_timeout: election_timeout(branches.len()),
        branches,
        branch_args: Vec::new(),
    };
    if !relayed {
        return Ok(Cluster::new(config));
    }
    Cluster::relayed(config).await.map_err(|error| match (start, error) {
        // Its branches may have each other's addresses already, so it cannot move.
        (Start::Begun(_), ClusterError::PortTaken { branch, port, user, .. }) => LiveError::Usage(format!(
            "port {port} of branch {branch} is taken{user}, or start over with: {}",
            command("up --fresh", bank_dir.path())
        )),
        (_, error) => error.into(),
    })
}

/// The ports of the branches. Branches that reach each other directly have to know them before they start.
async fn ports(start: &Start) -> Result<Ports, LiveError> {
    let branches = start.branches();
    let kept = |addresses: &BTreeMap<u32, SocketAddr>| Ports::Kept(addresses.values().copied().collect());
    Ok(match start {
        Start::New { ports, .. } => ports.clone(),
        Start::Begun(founding) => kept(&founding.branches),
        Start::Existing { addresses, ports, .. } => match ports {
            None | Some(Ports::Kept(_)) => kept(addresses),
            Some(base @ Ports::Base(_)) => Ports::Kept(base.chosen(&branches)?),
            Some(Ports::Auto) if kept(addresses).check(&branches).await.is_ok() => kept(addresses),
            Some(Ports::Auto) => Ports::free(&branches).await?,
        },
    })
}

async fn bring_up(
    cluster: &mut Cluster,
    start: Start,
    bank_dir: &BankDir,
    progress: &Progress,
) -> Result<(), LiveError> {
    match start {
        Start::New {
            opening_balance, tls, ..
        } => {
            cluster.start(|| progress.one()).await?;
            bank_dir.write_founding(opening_balance, &cluster.listening(), tls)?;
            cluster.found(opening_balance, 0).await?;
        }
        Start::Begun(founding) => {
            cluster.start(|| progress.one()).await?;
            cluster.found_again(founding.opening_balance, 0).await?;
        }
        Start::Existing { bank, .. } => {
            cluster.start(|| progress.one()).await?;
            cluster.recognise(bank)?;
        }
    }
    Ok(cluster.await_position(&cluster.numbers(), 1, FOUND_TIMEOUT).await?)
}

/// Stops the bank, and kills its branches if a second signal comes. Returns the exit code.
async fn stop(
    mut cluster: Cluster,
    bank_dir: BankDir,
    mut control: Control,
    mut interrupts: Interrupts,
    mut screen: Screen,
    end: End,
) -> u8 {
    screen.clear();
    screen.event("stopping the bank; a second signal stops it at once");
    if let Some(network) = cluster.network() {
        network.apply(LinkSet::All, LinkState::Pass);
        network.set_distance(LinkSet::All, Duration::ZERO);
    }
    let mut told = Vec::new();
    if let End::Down(call) = end {
        told.push(call);
    }
    let forced = {
        let waits_for = |branch, pid| screen.event(&format!("waiting for branch {branch} (process {pid}) to end"));
        let mut ended = std::pin::pin!(cluster.end_all(waits_for));
        loop {
            tokio::select! {
                failed = &mut ended => break Ok(failed),
                exit_code = interrupts.next() => break Err(exit_code),
                call = control.next() => match call.request {
                    ControlRequest::Down => told.push(call),
                    // A dropped call is answered: the bank has stopped.
                    ControlRequest::Status | ControlRequest::Do(_) | ControlRequest::Place(_) => drop(call),
                },
            }
        }
    };
    let (exit_code, trouble) = match forced {
        Ok(failed) => {
            let failed: Vec<String> = failed.iter().map(ToString::to_string).collect();
            (u8::from(!failed.is_empty()), failed.join("\n"))
        }
        Err(exit_code) => {
            cluster.kill_all();
            (exit_code, "a second signal came: the branches were killed".to_owned())
        }
    };
    let dir = bank_dir.path().to_owned();
    control.withdraw();
    // From here on another launcher can use the directory.
    drop((cluster, bank_dir));
    if !trouble.is_empty() {
        screen.event(&trouble);
    }
    let down = format!("the bank in {} is down", dir.display());
    screen.event(&format!(
        "{down}; its books stay, start it again with: {}",
        command("up", &dir)
    ));
    for call in told {
        call.answer(match trouble.as_str() {
            "" => ControlResponse::Done(down.clone()),
            trouble => ControlResponse::Refused {
                exit_code: 1,
                message: format!("{down}, but not as it was told to: {trouble}"),
            },
        });
    }
    control.close().await;
    exit_code
}
