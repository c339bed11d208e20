//! Makes the connections of clients: plain ones, by TLS, and those that begin with the proof of the bank's secret.

use std::time::Duration;

use bank_auth::{Party, Secret};
use bank_tls::{Connector, Proof};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use crate::failure::{Attempted, Failure, Place};
use crate::security::Security;

/// Longest time to make a connection. A host that is up answers within a round trip; one that drops packets does not
/// answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Interval of pings while a call waits. A branch that answers no ping counts as stopped: its connection ends, and
/// another branch is asked.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// Longest time for the answer to a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// Interval of TCP keepalive, which finds a host that is gone while no call waits.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// The branch that a connection is made to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) place: &'a Place,
    /// The bank that must answer, if it is known.
    pub(crate) bank_id: Option<Uuid>,
    /// Number of the branch that must answer, if it is known.
    pub(crate) branch: Option<u32>,
}

/// Makes a connection. If this fails, nothing was sent. With `pings`, the connection ends when the branch answers none;
/// that is useful if another branch can be asked.
pub(crate) async fn connect(
    to: &Target<'_>,
    security: &Security,
    deadline: Instant,
    pings: bool,
) -> Result<Channel, Attempted> {
    let place = to.place;
    let mut endpoint = endpoint(place)?.tcp_nodelay(true).tcp_keepalive(Some(TCP_KEEPALIVE));
    if pings {
        endpoint = endpoint
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(false);
    }
    let give_up = deadline.min(Instant::now() + CONNECT_TIMEOUT);
    let Some(credentials) = security.credentials() else {
        if security.token().is_some() && !place.address.is_loopback() {
            return Err(Attempted::unsent(Failure::TokenKept { at: place.clone() }));
        }
        return connected(place, timeout_at(give_up, endpoint.connect()).await);
    };
    let connector = Connector {
        bank: to.bank_id,
        branch: to.branch.unwrap_or(0),
        ..connector(place, Proof::Certificate(credentials.clone()))
    };
    connected(
        place,
        timeout_at(give_up, endpoint.connect_with_connector(connector)).await,
    )
}

/// Makes a connection of an operator and proves that the operator has the secret of the bank. If this fails, nothing
/// was sent.
pub(crate) async fn connect_with_secret(
    place: &Place,
    deadline: Instant,
    secret: &Secret,
) -> Result<Channel, Attempted> {
    let connector = connector(place, Proof::Secret(secret.clone()));
    let endpoint = endpoint(place)?;
    connected(
        place,
        timeout_at(deadline, endpoint.connect_with_connector(connector)).await,
    )
}

fn connector(place: &Place, proof: Proof) -> Connector {
    Connector {
        address: place.address.to_string(),
        branch: 0,
        bank: None,
        me: Party::Operator,
        proof,
        connect_timeout: CONNECT_TIMEOUT,
        observer: None,
    }
}

fn endpoint(place: &Place) -> Result<Endpoint, Attempted> {
    Endpoint::from_shared(format!("http://{}", place.address))
        .map_err(|error| Attempted::unsent(Failure::of_connecting(place.clone(), &error)))
}

fn connected(
    place: &Place,
    outcome: Result<Result<Channel, tonic::transport::Error>, Elapsed>,
) -> Result<Channel, Attempted> {
    match outcome {
        Ok(Ok(channel)) => Ok(channel),
        Ok(Err(error)) => Err(Attempted::unsent(Failure::of_connecting(place.clone(), &error))),
        Err(_) => Err(Attempted::unsent(Failure::Silent { at: place.clone() })),
    }
}
