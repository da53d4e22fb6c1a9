//! The client's address among those that proxies wrote down.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName, header::FORWARDED};

use super::text::text;

/// The entry of a list of addresses that is the client's.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    First,
    /// Counted from the end, from 1 on.
    FromTheEnd(usize),
}

/// An entry of a list that may go over several headers of the name (RFC 9110, section 5.3).
pub(super) fn address(headers: &HeaderMap, name: &HeaderName, place: Place) -> Option<IpAddr> {
    // A line that is not a text counts as an entry, so that it moves no other one.
    let lines: Vec<String> = headers.get_all(name).iter().map(|line| text(line).unwrap_or_default()).collect();
    let mut entries = lines.iter().flat_map(|line| outside_quotes(line, ','));
    let entry = match place {
        Place::First => entries.next(),
        Place::FromTheEnd(count) => entries.collect::<Vec<_>>().into_iter().nth_back(count - 1),
    }?;
    if name == FORWARDED { parse(node(entry)?) } else { parse(entry) }
}

/// The `for` of an element of `Forwarded` (RFC 7239, section 4).
fn node(element: &str) -> Option<&str> {
    let mut pairs = outside_quotes(element, ';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| name.eq_ignore_ascii_case("for")).map(|(_, value)| value)
}

/// An address without the port that may stand behind it.
fn parse(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let entry = entry.strip_prefix('"').and_then(|entry| entry.strip_suffix('"')).unwrap_or(entry).trim();
    if let Some(rest) = entry.strip_prefix('[') {
        // The port of `Forwarded` may be a name of the proxy's own.
        let (address, rest) = rest.split_once(']')?;
        let is_whole = rest.is_empty() || rest.starts_with(':');
        return address.parse::<Ipv6Addr>().ok().filter(|_| is_whole).map(IpAddr::V6);
    }
    let address = entry.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|both| both.ip()));
    address.or_else(|| entry.split_once(":_").and_then(|(address, _)| address.parse().ok()))
}

/// The parts between separators that stand in no quoted text.
fn outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |letter| {
        let was_escaped = is_escaped;
        is_escaped = is_quoted && letter == '\\' && !was_escaped;
        is_quoted ^= letter == '"' && !was_escaped;
        letter == separator && !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(name: &'static str, lines: &[&str], place: Place) -> Option<String> {
        let name = HeaderName::from_static(name);
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_str(line).expect("a value"));
        }
        address(&headers, &name, place).map(|address| address.to_string())
    }

    #[test]
    fn an_address_may_have_a_port_and_be_nothing_else() {
        for (entry, expected) in [
            ("192.0.2.1", Some("192.0.2.1")),
            (" 192.0.2.1:5678 ", Some("192.0.2.1")),
            ("::1", Some("::1")),
            ("[::1]", Some("::1")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("\"[2001:db8::1]:80\"", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("", None),
            ("unknown", None),
            ("_hidden", None),
            ("192.0.2.1:", None),
            ("192.0.2.1:http", None),
            ("192.0.2.256", None),
            ("[::1", None),
            ("[::1]80", None),
            ("<script>", None),
        ] {
            assert_eq!(of("x-real-ip", &[entry], Place::First).as_deref(), expected, "{entry:?}");
        }
    }

    #[test]
    fn the_elements_of_forwarded_are_read_by_their_rules() {
        let lines = [
            "for=\"_gazonk\", For=\"[2001:db8:cafe::17]:4711\"; proto=https",
            "by=\"a, for=192.0.2.7;\\\"b\";for=192.0.2.43:47011, for=192.0.2.60:_port;proto=http, for=unknown",
        ];
        let entry = |count| of("forwarded", &lines, Place::FromTheEnd(count));
        assert_eq!(of("forwarded", &lines, Place::First), None);
        let expected = [None, Some("192.0.2.60"), Some("192.0.2.43"), Some("2001:db8:cafe::17"), None, None];
        assert_eq!([1, 2, 3, 4, 5, 6].map(entry).each_ref().map(Option::as_deref), expected);
        assert_eq!(of("forwarded", &["proto=https"], Place::First), None);
    }
}
