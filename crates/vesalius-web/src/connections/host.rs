//! Which names this server answers to. A page elsewhere can point a name of its own at this machine (DNS rebinding) and
//! would
//! then be of one origin with ours: its requests carry that name, and nothing else tells them apart.
//!
//! An IP address is nobody's to point elsewhere, but only those are answered to that lead here.

use super::ends::Ends;
use axum::extract::Request;
use axum::http::header;
use std::net::{IpAddr, Ipv6Addr};

/// Names beside `localhost` and the addresses of this machine.
#[derive(Debug, Clone, Default)]
pub struct Hosts(Vec<String>);

/// What is answered to a request under another name.
pub const ANOTHER: &str = "This server does not answer to the name in the address. Open it by its IP address or as localhost, or \
                           start it with --host NAME if a proxy in front is reached by that name.\n";
/// What is answered to a request without one.
pub const NONE: &str = "Expected one Host header: the name or address that leads here.\n";

impl Hosts {
    /// From names or IP addresses, without a port.
    ///
    /// # Errors
    /// The first that is neither.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let hosts = names.into_iter().map(|name| match (name.parse::<Ipv6Addr>(), parse(name)) {
            (Ok(address), _) => Ok(address.to_string()),
            (_, Some(Host { name, port: None })) => Ok(name),
            _ => Err(name.to_owned()),
        });
        hosts.collect::<Result<_, _>>().map(Self)
    }

    /// Adds the host of a link such as `https://turing.example.org:8443/path`, where there is one.
    #[must_use]
    pub fn and_of_link(mut self, link: &str) -> Self {
        let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
        if let Some(host) = rest.split('/').next().and_then(parse) {
            self.0.push(host.name);
        }
        self
    }

    /// What is wrong with the name that a request came by, if anything.
    pub fn refusal(&self, request: &Request) -> Option<&'static str> {
        let mut headers = request.headers().get_all(header::HOST).iter();
        let (Some(first), None) = (headers.next(), headers.next()) else { return Some(NONE) };
        let ends = request.extensions().get::<Ends>();
        let known = |text: &str| parse(text).is_some_and(|host| self.leads_here(&host.name, ends));
        // The address of a request may hold a name, too, which counts for more.
        let in_address =
            request.uri().authority().is_none_or(|authority| known(authority.as_str()));
        let good = in_address && first.to_str().is_ok_and(known);
        (!good).then_some(ANOTHER)
    }

    fn leads_here(&self, name: &str, ends: Option<&Ends>) -> bool {
        if name == "localhost" || self.0.iter().any(|known| known == name) {
            return true;
        }
        let Ok(address) = name.parse::<IpAddr>().map(|address| address.to_canonical()) else {
            return false;
        };
        // A browser that is told 0.0.0.0 comes to this machine.
        address.is_loopback()
            || address.is_unspecified()
            || ends.is_some_and(|ends| ends.here.to_canonical() == address)
    }
}

/// A name in small letters, or an IP address without brackets; with the port behind it.
struct Host {
    name: String,
    port: Option<u16>,
}

fn parse(text: &str) -> Option<Host> {
    let (name, rest) = if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        (address.parse::<Ipv6Addr>().ok()?.to_string(), rest)
    } else {
        let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
        (name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase(), rest)
    };
    let port = match rest.strip_prefix(':') {
        Some(port) => Some(port.parse().ok()?),
        None if rest.is_empty() => None,
        None => return None,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (!name.is_empty() && name.bytes().all(plain)).then_some(Host { name, port })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    const ENDS: Ends = Ends {
        peer: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9)),
        here: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    };

    fn refused(hosts: &Hosts, uri: &str, names: &[&str]) -> Option<&'static str> {
        let mut request = Request::builder().uri(uri).extension(ENDS);
        for name in names {
            request = request.header(header::HOST, *name);
        }
        hosts.refusal(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn names_and_addresses_that_lead_here_are_answered() {
        let hosts = Hosts::new(["Turing.example.org", "2001:db8::7", "[2001:db8::8]"]);
        let hosts = hosts.unwrap().and_of_link("https://reading.example.org:8443/");
        for name in [
            "localhost",
            "LOCALHOST:8765",
            "localhost.",
            "127.0.0.1:1",
            "127.3.2.1",
            "[::1]:8765",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "0.0.0.0:8765",
            "192.0.2.1:8765",
            "turing.example.org",
            "turing.EXAMPLE.org.:443",
            "reading.example.org",
            "[2001:db8:0::7]:80",
            "[2001:DB8::8]",
        ] {
            assert_eq!(refused(&hosts, "/read", &[name]), None, "{name}");
        }
        assert_eq!(refused(&hosts, "http://localhost/read", &["localhost"]), None);
    }

    #[test]
    fn other_names_are_refused() {
        let hosts = Hosts::new(["turing.example.org"]).unwrap();
        for name in [
            "evil.example",
            "a",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8765",
            "xlocalhost",
            "turing.example.org.evil.example",
            "sub.turing.example.org",
            "192.0.2.2",
            "[2001:db8::1]",
            "[::1",
            "[::1]x",
            "[::1]x:80",
            "::1",
            "localhost:x",
            "localhost:80:80",
            "localhost:99999",
            "user@localhost",
            "localhost/evil",
            "localhost, evil.example",
            "2130706433",
            "127.1",
            "",
            ":8765",
            ".",
        ] {
            assert_eq!(refused(&hosts, "/read", &[name]), Some(ANOTHER), "{name}");
        }
        assert_eq!(refused(&hosts, "/read", &[]), Some(NONE));
        assert_eq!(refused(&hosts, "/read", &["localhost", "evil.example"]), Some(NONE));
        assert_eq!(refused(&hosts, "http://evil.example/", &["localhost"]), Some(ANOTHER));
        assert_eq!(refused(&hosts, "http://localhost/", &["evil.example"]), Some(ANOTHER));
    }

    #[test]
    fn names_with_a_port_or_a_scheme_are_none() {
        for name in ["https://turing.example.org", "turing.example.org:443", "a b", "", "a/b"] {
            assert_eq!(Hosts::new([name]).unwrap_err(), name);
        }
    }
}
