//! What Prometheus reads about gateways, made anew for each scrape: a gateway that is gone has no series any more.
//!
//! Must never have a label that anybody but whoever sets gateways up can make: their keys, classes, quantiles.

use crate::api::App;
use std::fmt::Write as _;
use std::sync::PoisonError;
use wayline_core::carrier::ErrorClass;

/// One metric: its name, what it is, and its lines.
struct Metric {
    text: String,
    name: &'static str,
}

impl Metric {
    fn new(name: &'static str, kind: &str, about: &str) -> Metric {
        let text = format!("# HELP {name} {about}\n# TYPE {name} {kind}\n");
        Metric { text, name }
    }

    fn line(&mut self, gateway: &str, label: &str, value: impl std::fmt::Display) {
        // Keys hold nothing that would have to be escaped. Writing into a text cannot fail.
        let name = self.name;
        let _ = writeln!(self.text, "{name}{{gateway=\"{gateway}\"{label}}} {value}");
    }
}

/// The gateways that run, as Prometheus' text.
pub(crate) fn measured(app: &App) -> String {
    let statuses = app.registry.statuses();
    if statuses.is_empty() {
        return String::new();
    }
    let text = connections(&statuses);
    text + &flows(app, |key| statuses.iter().any(|(known, _)| known == key))
}

fn connections(statuses: &[(String, crate::gateway::Status)]) -> String {
    let gauge = |name, about| Metric::new(name, "gauge", about);
    let mut up = gauge("wayline_gateway_up", "1: messages wait for it, 0: they take another route");
    let mut bound = gauge("wayline_gateway_connections", "Connections that are bound");
    let mut window = gauge("wayline_gateway_window", "Submits that may be unanswered at once");
    let mut flying = gauge("wayline_gateway_in_flight", "Submits that are unanswered");
    let mut latency =
        gauge("wayline_gateway_latency_ms", "From submit to answer, of the last answers");
    for (key, status) in statuses {
        up.line(key, "", u8::from(status.is_up));
        bound.line(key, "", status.connections_up);
        window.line(key, "", status.window);
        flying.line(key, "", status.in_flight);
        let Some(it) = status.latency else { continue };
        for (quantile, value) in [("0.5", it.p50), ("0.9", it.p90), ("0.99", it.p99)] {
            latency.line(key, &format!(",quantile=\"{quantile}\""), value);
        }
    }
    [up, bound, window, flying, latency].map(|metric| metric.text).concat()
}

fn flows(app: &App, runs: impl Fn(&str) -> bool) -> String {
    let counter = |name, about| Metric::new(name, "counter", about);
    let mut rate = Metric::new(
        "wayline_gateway_rate_parts",
        "gauge",
        "Parts a second it may be given now; absent: any number",
    );
    let mut accepted = counter("wayline_gateway_accepted_total", "Messages it took");
    let mut unknown =
        counter("wayline_gateway_unknown_total", "Messages whose answer was lost there");
    let mut errors = counter("wayline_gateway_errors_total", "Refusals, by what they mean");
    let views = app.flow.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for view in views.iter().filter(|view| runs(&view.gateway)) {
        let key = &view.gateway;
        if let Some(parts) = view.rate {
            rate.line(key, "", parts);
        }
        accepted.line(key, "", view.accepted);
        unknown.line(key, "", view.unknown);
        for class in ErrorClass::ALL {
            let found = view.errors.iter().find(|(it, _)| *it == class);
            let label = format!(",class=\"{class}\"");
            errors.line(key, &label, found.map_or(0, |(_, count)| *count));
        }
    }
    [rate, accepted, unknown, errors].map(|metric| metric.text).concat()
}
