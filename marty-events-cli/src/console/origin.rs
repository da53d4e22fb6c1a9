//! The hosts that the console answers by, and the pages that may ask for changes.
//!
//! A page of another site can make a browser send requests here: `Origin` and `Sec-Fetch-Site` show that (WHATWG Fetch,
//! "Origin header"; W3C Fetch Metadata Request Headers). With a name that it points to this machine ("DNS rebinding") it
//! could read the answers too: the `Host` header shows that.

use std::{fmt, net::IpAddr, str::FromStr};

use axum::{
    extract::Request,
    http::{
        HeaderMap, Uri,
        header::{HOST, ORIGIN},
        uri::Authority,
    },
};

/// The address of a reverse proxy, as browsers write it: scheme, host, and a port that is not the scheme's own.
#[derive(Debug, Clone)]
pub(super) struct PublicUrl {
    scheme: &'static str,
    authority: String,
}

impl PublicUrl {
    pub(super) fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = "write scheme and host alone, for example https://events.example.com";
        let uri: Uri = text.parse().map_err(|_| shape)?;
        let (scheme, own_port) = match uri.scheme_str() {
            Some("https") => ("https", ":443"),
            Some("http") => ("http", ":80"),
            _ => return Err(shape),
        };
        let authority = uri.authority().ok_or(shape)?.as_str().to_ascii_lowercase();
        if authority.contains('@') || uri.path() != "/" || uri.query().is_some() {
            return Err(shape);
        }
        let authority = authority.strip_suffix(own_port).unwrap_or(&authority).to_owned();
        Ok(Self { scheme, authority })
    }
}

#[derive(Debug)]
pub(super) struct Origins {
    listen: IpAddr,
    public: Option<PublicUrl>,
}

impl Origins {
    pub(super) fn new(listen: IpAddr, public: Option<PublicUrl>) -> Self {
        Self { listen: listen.to_canonical(), public }
    }

    /// The host of a request, if it is the console's. The only names are `localhost` and the proxy's: another one may belong
    /// to a stranger who points it here. Any port is accepted, since ports may be forwarded.
    pub(super) fn host(&self, request: &Request) -> Option<String> {
        let mut given = request.headers().get_all(HOST).iter();
        let (host, None) = (given.next()?.to_str().ok()?.to_ascii_lowercase(), given.next()) else { return None };
        if request.uri().authority().is_some_and(|target| !target.as_str().eq_ignore_ascii_case(&host)) {
            return None;
        }
        let authority: Authority = host.parse().ok()?;
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        let is_ours = match name.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(address) => address.is_loopback() || address == self.listen || self.listen.is_unspecified(),
            Err(_) => name == "localhost" || self.public.as_ref().is_some_and(|public| public.authority == host),
        };
        (is_ours && !host.contains('@')).then_some(host)
    }

    /// True for a request from one of the console's own pages. A request without any sign of its origin does not count.
    pub(super) fn is_own(&self, headers: &HeaderMap, host: &str) -> bool {
        let site = headers.get("sec-fetch-site");
        if site.is_some_and(|site| site != "same-origin") {
            return false;
        }
        let Some(origin) = headers.get(ORIGIN) else { return site.is_some() };
        let Ok(origin) = origin.to_str() else { return false };
        match &self.public {
            // A proxy may pass on the host of the request, or send the host that it asks.
            Some(public) if public.to_string() == origin => true,
            Some(public) if public.authority == host => false,
            _ => origin.strip_prefix("http://") == Some(host),
        }
    }
}
