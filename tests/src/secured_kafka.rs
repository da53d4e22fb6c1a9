//! A broker that encrypts, asks its clients for their names, and knows the rights of each.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use marty_events::{ConfigError, EventConfig, EventConfigBuilder};
use uuid::Uuid;

use crate::{
    certificates::{Authority, Identity},
    ports,
    private_servers::Server,
    servers,
};

/// Ways to reach the broker besides the one that asks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// TLS.
    Tls,
    /// TLS, with a certificate for another host.
    Misnamed,
    /// SASL without TLS.
    Sasl,
    /// SASL within TLS.
    SaslTls,
}

use Listener::{Misnamed, Sasl, SaslTls, Tls};

impl Listener {
    const ALL: [Self; 4] = [Tls, Misnamed, Sasl, SaslTls];

    /// The security protocol of its clients.
    #[must_use]
    pub fn protocol(self) -> &'static str {
        self.names().1
    }

    /// Its name, and that of its protocol in Kafka.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Tls => ("TLS", "SSL"),
            Misnamed => ("MISNAMED", "SSL"),
            Sasl => ("SASL", "SASL_PLAINTEXT"),
            SaslTls => ("SASLTLS", "SASL_SSL"),
        }
    }
}

/// A user that the broker knows by PLAIN, with rights that a test gives it.
pub const LIMITED: &str = "limited";
/// Another one.
pub const NEWCOMER: &str = "newcomer";
/// A user that the broker knows by PLAIN and both kinds of SCRAM, and that may do everything.
pub const TRUSTED: &str = "trusted";

/// An Apache Kafka of the tests that ask for it at the same time.
#[derive(Debug)]
pub struct SecuredKafka {
    /// The address of a listener without names and encryption, where clients may do everything: tests look at the broker by it.
    pub open: String,
    /// The password of each of its users.
    pub password: String,
    ports: [u16; 4],
    folder: tempfile::TempDir,
    _server: Server,
}

/// Checks that the library was built with TLS for Kafka (`marty-events/kafka-ssl`).
///
/// # Errors
///
/// The library's error for a configuration with TLS, if it was not.
pub fn tls_in_this_build() -> Result<(), ConfigError> {
    EventConfig::builder().service_name("tests").security_protocol("ssl").build().map(drop)
}

static SHARED: Mutex<Weak<SecuredKafka>> = Mutex::new(Weak::new());

impl SecuredKafka {
    /// Nothing, after reporting `test` as skipped, where Kafka is missing or the library was built without TLS for it.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn shared(test: &str) -> Option<Arc<Self>> {
        servers::kafka(test)?;
        if let Err(error) = tls_in_this_build() {
            servers::skip(test, &error.to_string());
            return None;
        }
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        Some(shared.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Self::start());
            *shared = Arc::downgrade(&started);
            started
        }))
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let password = Uuid::new_v4().simple().to_string();
        let ports = ports::free();
        let authority = Authority::new();
        fs::write(folder.path().join("ca.pem"), authority.certificate()).expect("a file");
        fs::write(folder.path().join("wrong-ca.pem"), Authority::new().certificate()).expect("a file");
        let properties = folder.path().join("properties");
        fs::write(&properties, self::properties(folder.path(), &authority, &password)).expect("a file");
        let listeners = Listener::ALL.into_iter().zip(ports).map(|(listener, port)| {
            let (name, _) = listener.names();
            format!("{name}://localhost:{port}")
        });
        let scram = ["SCRAM-SHA-256", "SCRAM-SHA-512"]
            .map(|mechanism| format!("{mechanism}=[name={TRUSTED},password={password}]"));
        let (server, open) = Server::kafka_with(vec![
            ("MARTY_EVENTS_KAFKA_LISTENERS", listeners.collect::<Vec<_>>().join(",")),
            ("MARTY_EVENTS_KAFKA_PROPERTIES", properties.display().to_string()),
            ("MARTY_EVENTS_KAFKA_SCRAM", scram.join("\n")),
        ]);
        Self { open, password, ports, folder, _server: server }
    }

    /// A configuration with the address of a listener, and its protocol.
    pub fn client(&self, listener: Listener) -> EventConfigBuilder {
        EventConfig::builder()
            .service_name("suite")
            .brokers(self.address(listener))
            .security_protocol(listener.protocol())
            // The broker has no other, and a refusal of it would hide the error that a test looks for.
            .producer_property("broker.address.family", "v4")
    }

    /// The address of a listener.
    #[must_use]
    pub fn address(&self, listener: Listener) -> String {
        format!("localhost:{}", self.ports[listener as usize])
    }

    /// The certificate that signed the broker's.
    #[must_use]
    pub fn ca(&self) -> String {
        self.path("ca.pem")
    }

    /// A certificate that signed none of its.
    #[must_use]
    pub fn wrong_ca(&self) -> String {
        self.path("wrong-ca.pem")
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

/// Apache Kafka, "Security": listeners, keystores in PEM form, JAAS by listener and mechanism, the authorizer.
fn properties(folder: &Path, authority: &Authority, password: &str) -> String {
    let protocols = Listener::ALL.map(|listener| {
        let (name, protocol) = listener.names();
        format!("{name}:{protocol}")
    });
    let mut text = format!(
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,{}\n\
         inter.broker.listener.name=PLAINTEXT\n\
         sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
         authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
         super.users=User:ANONYMOUS;User:{TRUSTED}\n",
        protocols.join(",")
    );
    for (listener, host) in [(Tls, "localhost"), (Misnamed, "elsewhere.example"), (SaslTls, "localhost")] {
        let (name, _) = listener.names();
        let name = name.to_lowercase();
        let keystore = keystore(folder, &name, &authority.issue(host));
        let _ = writeln!(
            text,
            "listener.name.{name}.ssl.keystore.type=PEM\nlistener.name.{name}.ssl.keystore.location={}",
            keystore.display()
        );
    }
    let modules = "org.apache.kafka.common.security";
    for name in ["sasl", "sasltls"] {
        let _ = writeln!(
            text,
            "listener.name.{name}.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required \
             user_{TRUSTED}=\"{password}\" user_{LIMITED}=\"{password}\" user_{NEWCOMER}=\"{password}\";"
        );
        for mechanism in ["scram-sha-256", "scram-sha-512"] {
            let _ = writeln!(
                text,
                "listener.name.{name}.{mechanism}.sasl.jaas.config={modules}.scram.ScramLoginModule required;"
            );
        }
    }
    text
}

fn keystore(folder: &Path, name: &str, identity: &Identity) -> PathBuf {
    let path = folder.join(format!("{name}.pem"));
    fs::write(&path, format!("{}{}", identity.key, identity.certificate)).expect("a file");
    path
}
