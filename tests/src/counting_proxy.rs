//! A PostgreSQL server seen through a proxy that counts the client's messages.

use std::{
    io,
    ops::Sub,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
};

/// The messages that a client sent (PostgreSQL, "Message Formats").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// `Parse`: statements that were prepared.
    pub parsed: u64,
    /// `Execute`: prepared statements that were run.
    pub executed: u64,
    /// `Query`: texts that were run unprepared, such as `BEGIN`; a round trip each.
    pub queries: u64,
    /// `Sync`: the client waits for the server to come to it; a round trip each.
    pub synced: u64,
    /// `Flush`: a wait without a `Sync`.
    pub flushed: u64,
}

impl Sent {
    /// The number of times that the client waited for the server.
    #[must_use]
    pub fn round_trips(self) -> u64 {
        self.queries + self.synced + self.flushed
    }
}

impl Sub for Sent {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            parsed: self.parsed - other.parsed,
            executed: self.executed - other.executed,
            queries: self.queries - other.queries,
            synced: self.synced - other.synced,
            flushed: self.flushed - other.flushed,
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    parsed: AtomicU64,
    executed: AtomicU64,
    queries: AtomicU64,
    synced: AtomicU64,
    flushed: AtomicU64,
}

/// The proxy, as long as the runtime lives.
#[derive(Debug)]
pub struct CountingProxy {
    port: u16,
    counts: Arc<Counts>,
}

impl CountingProxy {
    /// Listens on a free port, in front of the server of `options`.
    ///
    /// # Panics
    ///
    /// When there is no port.
    pub async fn start(options: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let counts = Arc::new(Counts::default());
        let (counted, server) = (counts.clone(), format!("{}:{}", options.get_host(), options.get_port()));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.expect("the server answers");
                for stream in [&client, &server] {
                    stream.set_nodelay(true).expect("a socket");
                }
                let ((requests, mut replies), (mut answers, server)) = (client.into_split(), server.into_split());
                tokio::spawn(forward(requests, server, counted.clone()));
                tokio::spawn(async move { copy(&mut answers, &mut replies).await });
            }
        });
        Self { port, counts }
    }

    /// The same options, through the proxy.
    #[must_use]
    pub fn options(&self, options: PgConnectOptions) -> PgConnectOptions {
        options.host("127.0.0.1").port(self.port).ssl_mode(PgSslMode::Disable)
    }

    /// The messages that the clients sent so far. Complete for every statement that a client has the server's answer to.
    #[must_use]
    pub fn sent(&self) -> Sent {
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Sent {
            parsed: count(&self.counts.parsed),
            executed: count(&self.counts.executed),
            queries: count(&self.counts.queries),
            synced: count(&self.counts.synced),
            flushed: count(&self.counts.flushed),
        }
    }
}

/// Passes message after message on, each counted before the server has it.
async fn forward(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, counts: Arc<Counts>) -> io::Result<()> {
    // The first message alone has no type.
    let startup = body(&mut client).await?;
    server.write_all(&startup).await?;
    loop {
        let kind = client.read_u8().await?;
        let counter = match kind {
            b'P' => Some(&counts.parsed),
            b'E' => Some(&counts.executed),
            b'Q' => Some(&counts.queries),
            b'S' => Some(&counts.synced),
            b'H' => Some(&counts.flushed),
            _ => None,
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::SeqCst);
        }
        let mut message = vec![kind];
        message.append(&mut body(&mut client).await?);
        server.write_all(&message).await?;
    }
}

/// The length, which counts itself, and the bytes that it counts.
async fn body(client: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let length = client.read_u32().await?;
    let mut message = length.to_be_bytes().to_vec();
    client.take(u64::from(length).saturating_sub(4)).read_to_end(&mut message).await?;
    Ok(message)
}
