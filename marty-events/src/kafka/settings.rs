//! The settings of every Kafka client, by the configuration.

use rdkafka::ClientConfig;

use crate::{
    EventError,
    config::{Brokers, EventConfig},
};

impl EventConfig {
    /// librdkafka's properties for a client of one's own of the same brokers, such as a consumer: addresses, security,
    /// `client.id`, and those of `KAFKA_PRODUCER_<PROPERTY>` that are about connections (`ssl.`, `sasl.`, `socket.` and so
    /// on). Passwords are among them, as they are. Starts the in-process broker where that is configured.
    ///
    /// # Errors
    ///
    /// [`EventError::Kafka`] when the in-process broker cannot be started.
    pub fn client_properties(&self) -> Result<Vec<(String, String)>, EventError> {
        let mut client = client_config(self)?;
        for (name, value) in self.connection_properties() {
            client.set(name, value);
        }
        // The map itself has other texts in place of passwords.
        let names = client.config_map().into_keys();
        Ok(names.filter_map(|name| Some((name.to_owned(), client.get(name)?.to_owned()))).collect())
    }
}

/// The addresses, the client's name and the security.
pub(super) fn client_config(config: &EventConfig) -> Result<ClientConfig, EventError> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", bootstrap(config)?).set("client.id", config.service_name());
    for (name, value) in config.security_properties() {
        client.set(name, value);
    }
    Ok(client)
}

/// The bootstrap list; starts the in-process broker where the configuration names that.
pub(crate) fn bootstrap(config: &EventConfig) -> Result<String, EventError> {
    match config.brokers() {
        Brokers::List(list) => Ok(list.clone()),
        #[cfg(feature = "embedded")]
        Brokers::Embedded => super::embedded::bootstrap(),
    }
}
