//! What a text may refer to: `contact`, `event`, `workspace`, `journey`, `coupon`.
//!
//! Must never show a text anything of another workspace or a secret.

use crate::condition::JsonPath;
use crate::contact::Contact;
use crate::journey::engine::Engine;
use crate::policy::settings::Settings;
use crate::template::{self, MissingPolicy, RenderError, RenderLimits, Template};
use crate::time::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The roots of one rendering.
pub(crate) struct Scope<'a> {
    contact: Value,
    event: Arc<Value>,
    workspace: &'a Value,
    journey: Value,
    coupon: Value,
    zone: TimeZone,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(
        engine: &'a Engine,
        contact: &Contact,
        event: Arc<Value>,
        journey: &str,
    ) -> Scope<'a> {
        Scope {
            contact: contact_object(contact),
            event,
            workspace: &engine.workspace_object,
            journey: json!({ "id": journey }),
            coupon: Value::Null,
            zone: contact.zone_or(&engine.program.settings.zone),
        }
    }

    /// Adds the coupon of one message.
    pub(crate) fn with_coupon(mut self, code: &str) -> Scope<'a> {
        self.coupon = json!({ "code": code });
        self
    }

    fn roots(&self) -> [(&str, &Value); 5] {
        [
            ("contact", &self.contact),
            ("event", &self.event),
            ("workspace", self.workspace),
            ("journey", &self.journey),
            ("coupon", &self.coupon),
        ]
    }

    /// What stands at a dotted path.
    pub(crate) fn find(&self, path: &JsonPath) -> Option<Value> {
        let (first, rest) = path.0.split_first()?;
        let (_, root) = self.roots().into_iter().find(|(name, _)| name == first)?;
        JsonPath::find_parts(rest, root).cloned()
    }

    /// Renders; a missing value without a default is an error.
    pub(crate) fn render(
        &self,
        template: &Template,
        now: Timestamp,
    ) -> Result<String, RenderError> {
        self.render_with(template, now, MissingPolicy::Refuse)
    }

    /// Renders; a missing value is nothing, as Liquid has it. For attributes and webhooks, not for messages.
    pub(crate) fn render_lenient(
        &self,
        template: &Template,
        now: Timestamp,
    ) -> Result<String, RenderError> {
        self.render_with(template, now, MissingPolicy::Empty)
    }

    fn render_with(
        &self,
        template: &Template,
        now: Timestamp,
        missing: MissingPolicy,
    ) -> Result<String, RenderError> {
        let roots = self.roots();
        let scope =
            template::Scope::new(&roots, now).in_zone(self.zone.clone()).with_missing(missing);
        template.render(&scope, &RenderLimits::default())
    }
}

/// What `workspace` is in a text.
pub(crate) fn workspace_object(settings: &Settings) -> Value {
    json!({
        "id": settings.slug,
        "name": settings.name,
        "brand": settings.brand,
        "country": settings.country,
        "link_domain": settings.link_domain,
    })
}

fn contact_object(contact: &Contact) -> Value {
    let mut fields: Map<String, Value> = contact.profile.attributes.clone();
    let own = [
        ("id", &contact.profile.external_id),
        ("phone", &contact.profile.phone),
        ("email", &contact.profile.email),
    ];
    for (name, value) in own {
        if let Some(value) = value {
            fields.insert(name.to_owned(), Value::String(value.clone()));
        }
    }
    Value::Object(fields)
}
