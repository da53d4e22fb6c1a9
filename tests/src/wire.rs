//! A connection that can be cut, slowed down, or lose what it carries while both ends believe that it is open.

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

/// What happens to bytes on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// They arrive.
    Fair,
    /// They arrive later.
    Slow(Duration),
    /// The server's answers are lost.
    Deaf,
    /// Everything is lost.
    Silent,
}

/// A proxy in front of a server, as long as the runtime lives.
///
/// A connection that lost something stays silent for good, also when the weather is fair again: a stream with a hole in it
/// would be no stream.
#[derive(Debug)]
pub struct Wire {
    port: u16,
    server: watch::Sender<Option<String>>,
    weather: watch::Sender<Weather>,
    /// Connections of an earlier number are cut.
    cuts: watch::Sender<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

impl Wire {
    /// Listens on a free port. Connections wait until there is a [server](Self::lead_to).
    ///
    /// # Panics
    ///
    /// When there is no port.
    pub async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let wire = Arc::new(Self {
            port: listener.local_addr().expect("an address").port(),
            server: watch::Sender::new(None),
            weather: watch::Sender::new(Weather::Fair),
            cuts: watch::Sender::new(0),
        });
        tokio::spawn({
            let wire = wire.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(connect(wire.clone(), client));
                }
            }
        });
        wire
    }

    /// Where it leads to, as `host:port`.
    pub fn lead_to(&self, server: &str) {
        self.server.send_replace(Some(server.to_owned()));
    }

    /// Its own address.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The URL of a server, by this wire.
    ///
    /// # Panics
    ///
    /// When it is no URL with a user, a host and a port.
    #[must_use]
    pub fn url(&self, server: &str) -> String {
        let (user, rest) = server.split_once('@').expect("a user");
        let (host, database) = rest.split_once('/').expect("a database");
        self.lead_to(host);
        format!("{user}@{}/{database}", self.address())
    }

    /// What happens from now on to the bytes of every connection.
    pub fn turn(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// Cuts every connection; new ones are good.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

async fn connect(wire: Arc<Wire>, client: TcpStream) {
    let (mut servers, mut cuts) = (wire.server.subscribe(), wire.cuts.subscribe());
    let Ok(server) = servers.wait_for(Option::is_some).await.map(|server| server.clone().unwrap_or_default()) else {
        return;
    };
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let is_lost = Arc::new(AtomicBool::new(false));
    tokio::select! {
        () = carry(from_client, to_server, Way::There, wire.weather.subscribe(), is_lost.clone()) => {}
        () = carry(from_server, to_client, Way::Back, wire.weather.subscribe(), is_lost) => {}
        _ = cuts.changed() => {}
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: Way,
    weather: watch::Receiver<Weather>,
    is_lost: Arc<AtomicBool>,
) {
    let mut bytes = vec![0; 1 << 16];
    loop {
        let Ok(read @ 1..) = from.read(&mut bytes).await else { return };
        let now = *weather.borrow();
        match now {
            Weather::Slow(pause) => tokio::time::sleep(pause).await,
            Weather::Deaf if way == Way::Back => is_lost.store(true, Ordering::SeqCst),
            Weather::Silent => is_lost.store(true, Ordering::SeqCst),
            Weather::Fair | Weather::Deaf => {}
        }
        if !is_lost.load(Ordering::SeqCst) && to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
