//! Values in errors, without their secrets.

/// The form in which an error may show a value.
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
