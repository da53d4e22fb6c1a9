//! A network that can be cut or slowed down. It can also lose bytes while both ends believe that their connection is open.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
};

/// The fate of bytes on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// They arrive.
    Good,
    /// They arrive later.
    Slow(Duration),
    /// The server's answers arrive later.
    AnswersSlow(Duration),
    /// The server's answers are lost.
    AnswersLost,
    /// Everything is lost.
    AllLost,
}

/// A proxy in front of a server, as long as the runtime lives.
///
/// A connection that lost something stays silent for good, also when the network is good again: a stream with a hole in it
/// is not a stream.
#[derive(Debug)]
pub struct FaultyNetwork {
    port: u16,
    server: watch::Sender<Option<String>>,
    condition: watch::Sender<Condition>,
    /// Connections of an earlier number are cut.
    cuts: watch::Sender<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

impl FaultyNetwork {
    /// Listens on a free port. Connections wait until a [server](Self::lead_to) is named.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let network = Arc::new(Self {
            port: listener.local_addr().expect("an address").port(),
            server: watch::Sender::new(None),
            condition: watch::Sender::new(Condition::Good),
            cuts: watch::Sender::new(0),
        });
        tokio::spawn({
            let network = network.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(connect(network.clone(), client));
                }
            }
        });
        network
    }

    /// Sets the server that it leads to, as `host:port`.
    pub fn lead_to(&self, server: &str) {
        self.server.send_replace(Some(server.to_owned()));
    }

    /// Its own address.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The URL of a server, behind this network.
    ///
    /// # Panics
    ///
    /// When it is not a URL with a user, a host and a port.
    #[must_use]
    pub fn url(&self, server: &str) -> String {
        let (user, rest) = server.split_once('@').expect("a user");
        let (host, database) = rest.split_once('/').expect("a database");
        self.lead_to(host);
        format!("{user}@{}/{database}", self.address())
    }

    /// Sets the fate of every connection's bytes from now on.
    pub fn set(&self, condition: Condition) {
        self.condition.send_replace(condition);
    }

    /// Cuts every connection; new ones are good.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

async fn connect(network: Arc<FaultyNetwork>, client: TcpStream) {
    let (mut servers, mut cuts) = (network.server.subscribe(), network.cuts.subscribe());
    let Ok(server) = servers.wait_for(Option::is_some).await.map(|server| server.clone().unwrap_or_default()) else {
        return;
    };
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let is_lost = Arc::new(AtomicBool::new(false));
    tokio::select! {
        () = carry(from_client, to_server, Direction::ToServer, network.condition.subscribe(), is_lost.clone()) => {}
        () = carry(from_server, to_client, Direction::ToClient, network.condition.subscribe(), is_lost) => {}
        _ = cuts.changed() => {}
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    direction: Direction,
    condition: watch::Receiver<Condition>,
    is_lost: Arc<AtomicBool>,
) {
    let mut bytes = vec![0; 1 << 16];
    loop {
        let Ok(read @ 1..) = from.read(&mut bytes).await else { return };
        let now = *condition.borrow();
        match now {
            Condition::Slow(pause) => tokio::time::sleep(pause).await,
            Condition::AnswersLost if direction == Direction::ToClient => is_lost.store(true, Ordering::SeqCst),
            Condition::AllLost => is_lost.store(true, Ordering::SeqCst),
            Condition::AnswersSlow(pause) if direction == Direction::ToClient => tokio::time::sleep(pause).await,
            Condition::Good | Condition::AnswersLost | Condition::AnswersSlow(_) => {}
        }
        if !is_lost.load(Ordering::SeqCst) && to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
