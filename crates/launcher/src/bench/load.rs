//! The clients of one repeat, on threads of their own, so that progress and signals take no time from them.

use super::accounts::Chooser;
use super::bank::Bank;
use super::client::BenchClient;
use super::error::BenchError;
use super::recorder::Recorder;
use super::settings::Settings;
use super::turns::Turns;
use futures::future::try_join_all;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use tokio::runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinSet, LocalSet};

/// The clients of one repeat. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Load {
    /// The threads whose records are not in `recorder` yet.
    threads: Vec<LoadThread>,
    recorder: Recorder,
    signals: watch::Sender<Signal>,
    ended: Arc<AtomicU64>,
}

/// What the threads are told.
#[derive(Debug, Clone, Default)]
struct Signal {
    /// The turns, once the clients may begin.
    turns: Option<Arc<Turns>>,
    stop: bool,
}

#[derive(Debug)]
struct LoadThread {
    connected: Option<oneshot::Receiver<Result<(), String>>>,
    done: oneshot::Receiver<Recorder>,
}

impl Load {
    /// Starts the threads. The clients connect, and then wait for [`Load::begin`]. `seed` determines the accounts.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(super) fn start(settings: &Settings, bank: &Bank, accounts: &Chooser, seed: u64) -> Result<Self, BenchError> {
        let (signals, _) = watch::channel(Signal::default());
        let ended = Arc::new(AtomicU64::new(0));
        let of_thread = |thread: u32| {
            let numbers = (thread..settings.clients).step_by(settings.load_threads as usize);
            let clients = numbers.map(|number| BenchClient::new(number, settings, bank, accounts, seed));
            LoadThread::start(clients.collect(), signals.subscribe(), Arc::clone(&ended))
        };
        let threads: io::Result<_> = (0..settings.load_threads).map(of_thread).collect();
        Ok(Load {
            threads: threads.map_err(BenchError::Thread)?,
            recorder: Recorder::new(),
            signals,
            ended,
        })
    }

    /// Waits until every client has a connection.
    ///
    /// # Errors
    /// A client gets none.
    pub(super) async fn connected(&mut self) -> Result<(), BenchError> {
        for thread in &mut self.threads {
            if let Some(connected) = thread.connected.take() {
                let connected = connected
                    .await
                    .unwrap_or_else(|_| Err("its thread has ended".to_owned()));
                connected.map_err(BenchError::Connect)?;
            }
        }
        Ok(())
    }

    /// Lets the clients begin.
    ///
    /// # Errors
    /// The thread that gives the turns cannot be started.
    pub(super) fn begin(&self, turns: Turns) -> Result<(), BenchError> {
        let turns = Arc::new(turns);
        let paced = Arc::clone(&turns);
        let pacer = thread::Builder::new().name("pace".to_owned());
        pacer.spawn(move || paced.pace()).map_err(BenchError::Thread)?;
        self.signals.send_modify(|signal| signal.turns = Some(turns));
        Ok(())
    }

    /// Number of operations that have ended, those of the warm-up included.
    pub(super) fn ended_operations(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// Waits until all clients have ended. Returns the record of all operations. It may be called again if it was
    /// cancelled.
    pub(super) async fn ended(&mut self) -> Recorder {
        while let Some(thread) = self.threads.last_mut() {
            if let Ok(recorder) = (&mut thread.done).await {
                self.recorder.add(&recorder);
            }
            self.threads.pop();
        }
        std::mem::replace(&mut self.recorder, Recorder::new())
    }

    /// Ends the clients. The outcome of an operation that is under way is not known then.
    pub(super) fn stop(&self) {
        self.signals.send_modify(|signal| {
            signal.stop = true;
            signal.turns.iter().for_each(|turns| turns.stop());
        });
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
    }
}

impl LoadThread {
    fn start(
        clients: Vec<BenchClient>,
        signals: watch::Receiver<Signal>,
        ended: Arc<AtomicU64>,
    ) -> io::Result<LoadThread> {
        let (connected_here, connected) = oneshot::channel();
        let (done_here, done) = oneshot::channel();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("load".to_owned()).spawn(move || {
            let work = work(clients, signals, &ended, connected_here);
            // Nobody waits if the benchmark has ended already.
            let _ = done_here.send(LocalSet::new().block_on(&runtime, work));
        })?;
        Ok(LoadThread {
            connected: Some(connected),
            done,
        })
    }
}

/// The life of one thread: its clients connect, wait for the start, and work until they end or are stopped.
async fn work(
    mut clients: Vec<BenchClient>,
    mut signals: watch::Receiver<Signal>,
    ended: &Arc<AtomicU64>,
    connected: oneshot::Sender<Result<(), String>>,
) -> Recorder {
    let connections = try_join_all(clients.iter_mut().map(BenchClient::connect)).await;
    let failed = connections.is_err();
    let _ = connected.send(connections.map(|_| ()).map_err(|error| error.to_string()));
    let told = signals.wait_for(|signal| signal.stop || signal.turns.is_some()).await;
    let turns = told.ok().and_then(|signal| signal.turns.clone());
    let Some(turns) = turns.filter(|_| !failed) else {
        return Recorder::new();
    };
    let recorder = Rc::new(RefCell::new(Recorder::new()));
    let mut working = JoinSet::new();
    for client in clients {
        let (turns, recorder, ended) = (Arc::clone(&turns), Rc::clone(&recorder), Arc::clone(ended));
        working.spawn_local(async move { client.work(&turns, &recorder, &ended).await });
    }
    tokio::select! {
        () = async { while working.join_next().await.is_some() {} } => {}
        _ = signals.wait_for(|signal| signal.stop) => working.shutdown().await,
    }
    recorder.replace(Recorder::new())
}
