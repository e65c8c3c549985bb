//! What is counted, for operators. Labels are route templates and error codes: never an id, an address or a name.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Labels of one request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) route: String,
    pub(crate) status: u16,
}

/// Labels of one refusal of a device.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RefusalLabels {
    pub(crate) route: String,
    pub(crate) code: &'static str,
}

/// Labels of one push.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct PushLabels {
    pub(crate) outcome: &'static str,
}

/// The server's own counters; each server has its own registry, so that several can live in one process.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) requests: Family<RequestLabels, Counter>,
    pub(crate) request_seconds: Histogram,
    pub(crate) sockets: Gauge,
    pub(crate) mailboxes: Gauge,
    pub(crate) sessions: Gauge,
    pub(crate) openings: Counter,
    pub(crate) alarms: Counter,
    pub(crate) shares_minted: Counter,
    pub(crate) shares_released: Counter,
    pub(crate) throttled: Counter,
    pub(crate) refused_devices: Family<RefusalLabels, Counter>,
    pub(crate) swept_sessions: Counter,
    pub(crate) pushes: Family<PushLabels, Counter>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("glimpse"),
            requests: Family::default(),
            request_seconds: Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0]),
            sockets: Gauge::default(),
            mailboxes: Gauge::default(),
            sessions: Gauge::default(),
            openings: Counter::default(),
            alarms: Counter::default(),
            shares_minted: Counter::default(),
            shares_released: Counter::default(),
            throttled: Counter::default(),
            refused_devices: Family::default(),
            swept_sessions: Counter::default(),
            pushes: Family::default(),
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("requests", "Requests, by route template and status", self.requests.clone());
        registry.register("request_seconds", "Time from request head to response head", self.request_seconds.clone());
        registry.register("sockets", "Open WebSockets", self.sockets.clone());
        registry.register("mailboxes", "Live mailboxes", self.mailboxes.clone());
        registry.register("sessions", "Live sessions", self.sessions.clone());
        registry.register("openings", "Units opened", self.openings.clone());
        registry.register("alarms", "Different requests under one counter", self.alarms.clone());
        registry.register("shares_minted", "Server shares minted", self.shares_minted.clone());
        registry.register("shares_released", "Server shares of records released", self.shares_released.clone());
        registry.register("throttled", "Requests refused for their rate", self.throttled.clone());
        let refused =
            "Requests of devices that were taken out, are held back or turned up twice, by route template and code";
        registry.register("refused_devices", refused, self.refused_devices.clone());
        registry.register("swept_sessions", "Sessions destroyed by the sweep", self.swept_sessions.clone());
        registry.register("pushes", "Pushes to devices, by what became of each", self.pushes.clone());
        self
    }

    /// The Prometheus text format.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
