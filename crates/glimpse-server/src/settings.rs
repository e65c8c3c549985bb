//! Every setting of the server, with its default; those that are limits are in `limits.rs`.
//!
//! A value comes from, in rising order: the default below, the TOML file, the environment (`GLIMPSE_` and the setting's name
//! in capitals, the ones under `[limits]` as `GLIMPSE_LIMITS_…`), a flag. What belongs to the protocol rather than to the
//! operator, such as the life of a pairing code, is a constant of `glimpse_wire::limits` and cannot be set.

mod limits;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use glimpse_wire::SigningKeyBytes;
use glimpse_wire::limits::MAX_CONTENT;
use serde::Deserialize;
use url::{Host, Url};

pub use self::limits::Limits;
use crate::framing;

/// What an operator decides.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the API and the site are served. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// Where metrics are served, in the Prometheus text format. Default: nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// The data folder: databases and blobs. Default `data`.
    pub data: PathBuf,
    /// The server key file K. Outside the data folder and readable by its owner alone. No default that works by accident.
    pub key_file: PathBuf,
    /// The static build to serve; without it, the API alone. Default: none.
    pub site: Option<PathBuf>,
    /// Certificate chain in PEM; together with `tls_key`. Default: plain HTTP, for loopback or behind a proxy.
    pub tls_cert: Option<PathBuf>,
    /// Private key in PEM.
    pub tls_key: Option<PathBuf>,
    /// Origins under which devices reach this server, such as `https://glimpse.example`; a sign-in names one of them, so
    /// that an answer to another server's challenge is worthless here. Default: `http(s)://` and the address of `listen`,
    /// and `localhost` when that is a loopback address.
    pub public_origins: Vec<String>,
    /// Origins whose pages may call this API, such as `https://look.example`. Default: only the server's own.
    pub allow_origins: Vec<String>,
    /// Origins of consoles that may show the agents' portal in a frame, such as `https://console.example`. Default: none, and
    /// then nothing of the framed portal is there.
    pub embed_origins: Vec<String>,
    /// Addresses of reverse proxies whose `X-Forwarded-For` is believed. Default: none.
    pub trusted_proxies: Vec<IpAddr>,
    /// `json` or `text`. Default `json`.
    pub log_format: LogFormat,
    /// What is logged, in the notation of `tracing` (`info`, `glimpse_server=debug`). Default `info`.
    pub log_level: String,
    /// The private key of Web Push, which `glimpse-server push-key` writes; kept as the key file is. Default: no pushes.
    pub push_key_file: Option<PathBuf>,
    /// Whom a push provider may write to when something is amiss, as `mailto:ops@glimpse.example` or an `https` URL; it goes
    /// with every push. Together with `push_key_file`.
    pub push_contact: Option<String>,
    /// Origins of push services of your own, such as `https://push.lan:8443`, which may lie at private addresses and at other
    /// ports than 443. Every device may have this server call what is listed here. Default: none.
    pub push_inside: Vec<String>,
    /// Certificates in PEM that push services may go back to, beside those that the machine trusts. Default: none.
    pub push_ca: Option<PathBuf>,
    /// Keys of the organisations whose agents may ask for a look here, in base64url as `glimpse org` shows them. Default: none,
    /// and then nothing of agents is there.
    pub organisations: Vec<SigningKeyBytes>,
    /// Whether their agents need a passkey, to enrol and to sign in. Default false: whoever has none enrols without.
    pub agent_passkeys: bool,
    /// For an organisation of that list, where its agents sign in as well, each with a table of its own
    /// (`[providers.<key>]`, in the file alone). Default: none.
    pub providers: BTreeMap<SigningKeyBytes, Provider>,
    /// Certificates in PEM that identity providers may go back to, beside those that the machine trusts. Default: none.
    pub provider_ca: Option<PathBuf>,
    /// Sizes, counts and rates.
    pub limits: Limits,
}

/// An identity provider (OpenID Connect), and what this server is called there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its issuer, as it calls itself: an `https` URL, or `http` on this machine. Agents sign in on pages of its origin.
    pub issuer: String,
    /// What the provider calls this server. Every origin of `public_origins` with `/agent` behind it is registered there as a
    /// place to return to, and with `/agent/sign-in` where consoles frame the portal.
    pub client_id: String,
    /// A file with the secret by which the provider knows this server (HTTP Basic), readable by its owner alone. Default: none;
    /// the sign-in holds by PKCE.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            metrics_listen: None,
            data: PathBuf::from("data"),
            key_file: PathBuf::from("glimpse.key"),
            site: None,
            tls_cert: None,
            tls_key: None,
            public_origins: Vec::new(),
            allow_origins: Vec::new(),
            embed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            log_format: LogFormat::Json,
            log_level: "info".to_owned(),
            push_key_file: None,
            push_contact: None,
            push_inside: Vec::new(),
            push_ca: None,
            organisations: Vec::new(),
            agent_passkeys: false,
            providers: BTreeMap::new(),
            provider_ca: None,
            limits: Limits::default(),
        }
    }
}

/// Why settings could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file could not be read.
    #[error("cannot read the settings file {path}: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file, a variable or a flag does not say what a setting needs.
    #[error("the settings do not make sense: {0}")]
    Malformed(String),
    /// Two settings contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
}

impl Settings {
    /// Settings from a file (if any), the environment and `overrides` (`name=value` or `limits.name=value`).
    ///
    /// # Errors
    /// [`SettingsError`] names the file, the unknown setting or the contradiction.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        overrides: &[(String, String)],
    ) -> Result<Self, SettingsError> {
        let mut table = match file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
                text.parse::<toml::Table>().map_err(|e| SettingsError::Malformed(e.to_string()))?
            }
            None => toml::Table::new(),
        };
        for (name, value) in environment {
            if let Some(path) = path_of_variable(&name) {
                insert(&mut table, path, &value);
            }
        }
        for (name, value) in overrides {
            let path = match name.split_once('.') {
                Some((section, key)) => (Some(section), key.to_owned()),
                None => (None, name.clone()),
            };
            insert(&mut table, path, value);
        }
        let settings: Self = table.try_into().map_err(|e: toml::de::Error| SettingsError::Malformed(e.to_string()))?;
        settings.check()?;
        Ok(settings)
    }

    /// Whether `peer`, an address in its canonical form, is a reverse proxy that the operator trusts.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|proxy| proxy.to_canonical() == peer)
    }

    /// Where the browsers of agents are sent to sign in, each once.
    pub(crate) fn provider_origins(&self) -> Vec<String> {
        let issuers = self.providers.values().filter_map(|provider| Url::parse(&provider.issuer).ok());
        let origins: BTreeSet<String> = issuers.map(|url| url.origin().ascii_serialization()).collect();
        origins.into_iter().collect()
    }

    /// Refuses combinations that would start and then fail, or that would weaken the server quietly.
    ///
    /// # Errors
    /// [`SettingsError::Contradiction`].
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err(SettingsError::Contradiction("tls_cert and tls_key belong together; give both or neither"));
        }
        if self.metrics_listen == Some(self.listen) && self.listen.port() != 0 {
            return Err(SettingsError::Contradiction("metrics_listen must be another address than listen"));
        }
        if self.public_origins.is_empty() && self.listen.ip().is_unspecified() {
            return Err(SettingsError::Contradiction(
                "listening on every address needs public_origins: the origins under which devices reach this server",
            ));
        }
        if self.allow_origins.iter().chain(&self.public_origins).any(|origin| !is_origin(origin)) {
            return Err(SettingsError::Contradiction(
                "origins are written as https://look.example: a scheme and a host, no path, no wildcard",
            ));
        }
        if !self.embed_origins.iter().all(|origin| framing::is_console(origin)) {
            return Err(SettingsError::Contradiction(
                "embed_origins lists consoles as browsers write their origins: https://console.example, in lower case, \
                 with a port only where it is not 443; http only for localhost and 127.0.0.1",
            ));
        }
        if self.limits.content_bytes > MAX_CONTENT {
            return Err(SettingsError::Contradiction("limits.content_bytes cannot be more than the protocol's 4 GiB"));
        }
        let Limits { page, connections, connections_per_address, .. } = self.limits;
        if page == 0 || connections == 0 || connections_per_address == 0 {
            return Err(SettingsError::Contradiction(
                "limits.page, limits.connections and limits.connections_per_address must be at least 1",
            ));
        }
        self.check_push()?;
        self.check_providers()
    }

    fn check_providers(&self) -> Result<(), SettingsError> {
        if self.providers.keys().any(|organisation| !self.organisations.contains(organisation)) {
            return Err(SettingsError::Contradiction(
                "providers names an organisation that organisations does not list",
            ));
        }
        if self.providers.values().any(|provider| !is_provider(&provider.issuer) || provider.client_id.is_empty()) {
            return Err(SettingsError::Contradiction(
                "a provider has an issuer, such as https://id.example, and a client_id; http is for this machine alone",
            ));
        }
        Ok(())
    }

    fn check_push(&self) -> Result<(), SettingsError> {
        if self.push_key_file.is_some() != self.push_contact.is_some() {
            return Err(SettingsError::Contradiction(
                "push_key_file and push_contact belong together; give both or neither",
            ));
        }
        let reachable = |contact: &String| contact.starts_with("mailto:") || contact.starts_with("https://");
        if !self.push_contact.iter().all(reachable) {
            return Err(SettingsError::Contradiction(
                "push_contact is written as mailto:ops@glimpse.example or as an https URL",
            ));
        }
        if self.push_inside.iter().any(|origin| !is_origin(origin) || !origin.starts_with("https://")) {
            return Err(SettingsError::Contradiction("push_inside lists origins, such as https://push.lan:8443"));
        }
        let Limits { pushes_per_device, pushes_waiting, pushes_at_once, push_seconds, .. } = self.limits;
        if pushes_per_device == 0 || pushes_waiting == 0 || pushes_at_once == 0 || push_seconds == 0 {
            return Err(SettingsError::Contradiction(
                "limits.pushes_per_device, pushes_waiting, pushes_at_once and push_seconds must be at least 1",
            ));
        }
        Ok(())
    }
}

/// Names that the environment may set. Other `GLIMPSE_` variables belong to other programs and are ignored.
const NAMES: &[&str] = &[
    "listen",
    "metrics_listen",
    "data",
    "key_file",
    "site",
    "tls_cert",
    "tls_key",
    "public_origins",
    "allow_origins",
    "embed_origins",
    "trusted_proxies",
    "log_format",
    "log_level",
    "push_key_file",
    "push_contact",
    "push_inside",
    "push_ca",
    "organisations",
    "agent_passkeys",
    "provider_ca",
];

fn path_of_variable(name: &str) -> Option<(Option<&'static str>, String)> {
    let key = name.strip_prefix("GLIMPSE_")?.to_ascii_lowercase();
    if let Some(limit) = key.strip_prefix("limits_") {
        return Some((Some("limits"), limit.to_owned()));
    }
    NAMES.contains(&key.as_str()).then_some((None, key))
}

fn insert(table: &mut toml::Table, (section, key): (Option<&str>, String), text: &str) {
    // Lists may be written as `a,b`; everything else is a TOML value if it parses as one, and a string if it does not.
    let value = if matches!(
        key.as_str(),
        "public_origins" | "allow_origins" | "embed_origins" | "trusted_proxies" | "push_inside" | "organisations"
    ) && !text.starts_with('[')
    {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        toml::Value::Array(items.map(|item| toml::Value::String(item.to_owned())).collect())
    } else {
        let number = text.parse().map(toml::Value::Integer);
        let value = number.or_else(|_| text.parse().map(toml::Value::Boolean));
        value.unwrap_or_else(|_| toml::Value::String(text.to_owned()))
    };
    match section {
        None => {
            table.insert(key, value);
        }
        Some(section) => {
            let nested = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let toml::Value::Table(nested) = nested {
                nested.insert(key, value);
            }
        }
    }
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'))
    })
}

/// Whether an identity provider may be asked there: over TLS, or without leaving this machine.
pub(crate) fn is_provider(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return false,
    };
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    plain && (url.scheme() == "https" || (url.scheme() == "http" && here))
}

#[cfg(test)]
mod tests;
