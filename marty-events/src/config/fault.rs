use std::fmt;

/// Everything that is wrong with a configuration, all at once. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<ConfigFault>,
}

/// One value that cannot be used, or is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigFault {
    /// The variable's name; also of what a builder set.
    pub variable: String,
    /// What was given, if anything; `***` in place of a secret.
    pub value: Option<String>,
    /// What is wrong with it.
    pub problem: String,
    /// What is accepted.
    pub accepted: String,
}

impl ConfigError {
    pub(super) fn new(faults: Vec<ConfigFault>) -> Self {
        Self { faults }
    }

    /// The faults, in the order of the documentation's table.
    #[must_use]
    pub fn faults(&self) -> &[ConfigFault] {
        &self.faults
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults.len() {
            1 => f.write_str("the configuration has a fault:")?,
            count => write!(f, "the configuration has {count} faults:")?,
        }
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, value, problem, accepted } = self;
        match value {
            Some(value) => write!(f, "{variable}={value}: {problem}; {accepted}"),
            None => write!(f, "{variable}: {problem}; {accepted}"),
        }
    }
}

/// How a value may be shown in an error.
pub(super) fn shown(variable: &str, value: &str) -> String {
    match variable {
        "DATABASE_URL" => without_password(value),
        // No address has one, so this is a URL with a password, or nearly one.
        "KAFKA_BROKERS" if value.contains('@') => "***".to_owned(),
        _ if is_secret(variable) => "***".to_owned(),
        _ => value.to_owned(),
    }
}

fn is_secret(variable: &str) -> bool {
    // `..._LOCATION` of a key is a path.
    let secret = [
        "PASSWORD",
        "PASSPHRASE",
        "SECRET",
        "CREDENTIAL",
        "KEY",
        "TOKEN",
        "ASSERTION",
        "JAAS",
        "OAUTHBEARER_CONFIG",
        "PEM",
    ];
    secret.iter().any(|word| variable.contains(word)) && !variable.ends_with("_LOCATION")
}

/// `scheme://user:***@host/...?***`; only the scheme where the rest cannot be told apart.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return if url.starts_with("sqlite:") { url.to_owned() } else { "***".to_owned() };
    };
    let until = |text: &str, ends: &[char]| text.split(ends).next().unwrap_or_default().to_owned();
    match rest.rsplit_once('@') {
        // A password may have any of these, unescaped, where the URL is not well-formed.
        Some((before, after)) => {
            let user = until(before, &[':', '/', '?', '#', '@']);
            format!("{scheme}://{user}:***@{}", until(after, &['?', '#']))
                + if after.contains(['?', '#']) { "?***" } else { "" }
        }
        None => {
            format!("{scheme}://{}", until(rest, &['?', '#'])) + if rest.contains(['?', '#']) { "?***" } else { "" }
        }
    }
}
