use axum::http::{HeaderMap, HeaderValue, header::COOKIE};
use uuid::Uuid;

/// The cookie that identifies a browser's session. Browsers send it from the console's own pages alone, hide it from
/// scripts, and forget it with their own session (RFC 6265bis).
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionCookie {
    /// True if people reach the console by TLS. The cookie must then never cross the network unencrypted.
    pub(super) is_encrypted: bool,
}

impl SessionCookie {
    /// The prefix `__Host-` makes browsers accept the cookie from this very host alone, and by TLS alone.
    fn name(self) -> &'static str {
        if self.is_encrypted { "__Host-marty_events_console" } else { "marty_events_console" }
    }

    pub(super) fn read(self, headers: &HeaderMap) -> Option<Uuid> {
        let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        pairs
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.name())
            .and_then(|(_, value)| value.parse().ok())
    }

    pub(super) fn hold(self, id: Uuid) -> HeaderValue {
        self.header(&id.to_string(), "")
    }

    pub(super) fn forget(self) -> HeaderValue {
        self.header("", "; Max-Age=0")
    }

    fn header(self, value: &str, more: &str) -> HeaderValue {
        let secure = if self.is_encrypted { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}", self.name());
        text.parse().expect("a name, an id and attributes are visible ASCII")
    }
}
