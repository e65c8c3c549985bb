//! Where a push may go. A device names the address, so whoever has a device could have this server call what only this
//! server reaches: its own loopback, the machines beside it, the metadata of its cloud.
//!
//! So an endpoint is an `https` URL at port 443 of a host all of whose addresses are public, and the connection is made to
//! those addresses that were looked at, not to what the name says a moment later. Origins that the operator lists in
//! `push_inside` are exempt.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use glimpse_wire::Malformed;
use rustls::pki_types::ServerName;
use url::{Host, Url};

/// A URL that a push may go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    url: Url,
    /// The operator listed its origin.
    is_inside: bool,
}

/// Why no connection is tried.
#[derive(Debug)]
pub(crate) enum Unresolved {
    /// The name leads to an address that is not public.
    Private,
    /// There is no answer to whom the name belongs.
    Unknown,
}

impl Endpoint {
    /// Reads a URL. `inside`: origins that the operator listed, as [`origin`] writes them.
    ///
    /// # Errors
    /// [`Malformed`] for a URL that a push may not go to, as far as that shows without a look-up.
    pub(crate) fn parse(text: &str, inside: &[String]) -> Result<Self, Malformed> {
        let url = Url::parse(text).map_err(|_| Malformed)?;
        let is_inside = inside.contains(&origin(&url));
        let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let host_is_public = match url.host() {
            Some(Host::Domain(_)) => true,
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            None => false,
        };
        // The parser leaves out the port that is the scheme's own.
        let leads_outside = host_is_public && url.port().is_none();
        let fits = url.scheme() == "https" && url.has_host() && is_plain && (is_inside || leads_outside);
        if fits { Ok(Self { url, is_inside }) } else { Err(Malformed) }
    }

    /// What a token names as its audience.
    pub(crate) fn origin(&self) -> String {
        origin(&self.url)
    }

    /// The host and the port, as `Host` has them.
    pub(crate) fn authority(&self) -> &str {
        self.url.authority()
    }

    /// The path and the query.
    pub(crate) fn target(&self) -> String {
        let query = self.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", self.url.path())
    }

    /// Whose certificate is asked for.
    ///
    /// # Errors
    /// [`Malformed`] for a name that no certificate can have.
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, Malformed> {
        match self.url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()).map_err(|_| Malformed),
            Some(Host::Ipv4(address)) => Ok(ServerName::IpAddress(IpAddr::V4(address).into())),
            Some(Host::Ipv6(address)) => Ok(ServerName::IpAddress(IpAddr::V6(address).into())),
            None => Err(Malformed),
        }
    }

    /// The addresses to connect to, all of which were looked at.
    ///
    /// # Errors
    /// [`Unresolved`].
    pub(crate) async fn resolve(&self) -> Result<Vec<SocketAddr>, Unresolved> {
        let port = self.url.port_or_known_default().unwrap_or(443);
        let addresses: Vec<SocketAddr> = match self.url.host() {
            Some(Host::Domain(name)) => {
                tokio::net::lookup_host((name, port)).await.map_err(|_| Unresolved::Unknown)?.collect()
            }
            Some(Host::Ipv4(address)) => vec![(address, port).into()],
            Some(Host::Ipv6(address)) => vec![(address, port).into()],
            None => Vec::new(),
        };
        self.admit(addresses)
    }

    /// One private address among them is one too many: which of them is called is chance.
    fn admit(&self, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Unresolved> {
        if addresses.is_empty() {
            return Err(Unresolved::Unknown);
        }
        let admitted = self.is_inside || addresses.iter().all(|address| is_public(address.ip()));
        if admitted { Ok(addresses) } else { Err(Unresolved::Private) }
    }
}

/// An origin, in its one spelling.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether anyone on the internet may have this address: none of the special ones of RFC 6890 and what followed it.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

const fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = matches!(
        address.octets(),
        [0 | 10 | 127 | 240..=255, ..]  // this network, private, loopback, reserved and broadcast
            | [100, 64..=127, ..]       // behind a provider's translation, RFC 6598
            | [169, 254, ..]            // link-local: metadata of clouds
            | [172, 16..=31, ..]
            | [192, 168, ..]
            | [192, 0, 0 | 2, _]        // protocol assignments, documentation
            | [192, 88, 99, _]          // relays to IPv6, RFC 7526
            | [198, 18 | 19, ..]        // benchmarks, RFC 2544
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [224..=239, ..] // multicast
    );
    !special
}

const fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // The prefix by which networks without IPv4 reach it (RFC 6052): what counts is the address inside.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Protocol assignments, documentation, and 6to4, whose addresses have any IPv4 address inside.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // Global unicast, RFC 4291 section 2.4; everything else is local, multicast or not given out.
        [0x2000..=0x3fff, ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Endpoint, Malformed> {
        Endpoint::parse(text, &["https://127.0.0.1:8443".to_owned(), "https://push.inside".to_owned()])
    }

    #[test]
    fn an_endpoint_is_an_https_url_of_somebody_outside() {
        let fine = parse("https://push.example/send/abc?x=y").unwrap();
        assert_eq!((fine.origin().as_str(), fine.authority()), ("https://push.example", "push.example"));
        assert_eq!(fine.target(), "/send/abc?x=y");
        assert_eq!(parse("https://push.example").unwrap().target(), "/");
        assert!(parse("https://push.example:443/x").is_ok(), "the scheme's own port");
        for bad in [
            "http://push.example/x",
            "https://",
            "push.example",
            "https://user@push.example/x",
            "https://:secret@push.example/x",
            "https://push.example/x#y",
            "https://push.example:8443/x",
            "https://push.example:22/",
            "file:///etc/passwd",
            "wss://push.example/",
        ] {
            assert_eq!(parse(bad), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn an_address_in_whatever_spelling_is_seen_for_what_it_is() {
        for private in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "017700000001",
            "0",
            "10.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.170",
            "192.88.99.1",
            "198.19.0.1",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::7f00:1]",
            "[fc00::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[100::1]",
            "[2001::1]",
            "[2001:db8::1]",
            "[2002:7f00:1::]",
            "[3fff::1]",
        ] {
            assert_eq!(parse(&format!("https://{private}/")), Err(Malformed), "{private}");
        }
        for public in [
            "8.8.8.8",
            "100.63.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "[2606:4700::1111]",
            "[2a00:1450:4001::1]",
            "[64:ff9b::808:808]",
            "[::ffff:8.8.8.8]",
        ] {
            assert!(parse(&format!("https://{public}/")).is_ok(), "{public}");
        }
    }

    #[test]
    fn what_the_operator_lists_is_let_through_and_nothing_beside_it() {
        assert!(parse("https://127.0.0.1:8443/x").is_ok());
        assert!(parse("https://127.0.0.1:8444/x").is_err());
        assert!(parse("https://127.0.0.1/x").is_err());
        assert!(parse("https://user@127.0.0.1:8443/x").is_err());
        let private: Vec<SocketAddr> = vec!["10.0.0.1:443".parse().unwrap()];
        assert!(parse("https://push.inside/").unwrap().admit(private.clone()).is_ok());
        assert!(matches!(parse("https://push.example/").unwrap().admit(private), Err(Unresolved::Private)));
    }

    #[test]
    fn one_private_address_of_a_name_is_one_too_many() {
        let endpoint = parse("https://push.example/").unwrap();
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let public = addresses(&["8.8.8.8:443", "[2606:4700::1111]:443"]);
        assert_eq!(endpoint.admit(public.clone()).unwrap(), public);
        let mixed = addresses(&["8.8.8.8:443", "[::1]:443"]);
        assert!(matches!(endpoint.admit(mixed), Err(Unresolved::Private)));
        assert!(matches!(endpoint.admit(Vec::new()), Err(Unresolved::Unknown)));
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_refused() {
        let home = parse("https://localhost/").unwrap();
        assert!(matches!(home.resolve().await, Err(Unresolved::Private)));
        let listed = Endpoint::parse("https://localhost/", &["https://localhost".to_owned()]).unwrap();
        assert!(listed.resolve().await.is_ok(), "control");
    }
}
