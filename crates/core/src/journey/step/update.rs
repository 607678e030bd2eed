//! `update`: changes of the contact. Must never make a contact larger than `limits.rs` allows.

use crate::condition::JsonPath;
use crate::consent::{Channel, ConsentState};
use crate::contact::Profile;
use crate::decision::{Reason, What};
use crate::ids::EnrollmentId;
use crate::journey::advance::AdvanceError;
use crate::journey::program::Change;
use crate::journey::run::Run;
use crate::limits;
use crate::phone;
use crate::value::number_of;
use serde_json::{Map, Number, Value};

impl Run<'_> {
    /// All of the changes, or none when the contact has no room for them: a full profile stops nobody.
    pub(super) fn update(
        &mut self,
        id: EnrollmentId,
        changes: &[Change],
    ) -> Result<(), AdvanceError> {
        let before = (self.contact.profile.clone(), self.contact.state.consents.clone());
        let decided = self.out.decisions.len();
        if self.change_all(id, changes).is_err() {
            (self.contact.profile, self.contact.state.consents) = before;
            self.out.decisions.truncate(decided);
            self.decide(id, What::Updated, Reason::LimitReached);
            return Ok(());
        }
        self.decide(id, What::Updated, Reason::Step);
        self.profile_changed()
    }

    fn change_all(&mut self, id: EnrollmentId, changes: &[Change]) -> Result<(), AdvanceError> {
        let country = self.engine.program.settings.country.clone();
        for change in changes {
            match change {
                Change::Set(path, expr) => {
                    let value = self.value(id, expr).unwrap_or(Value::Null);
                    self.contact.profile.set(path, value, &country)?;
                }
                Change::Unset(path) => self.contact.profile.set(path, Value::Null, &country)?,
                Change::Add(path, expr) => {
                    let more = self.value(id, expr).as_ref().and_then(number_of).unwrap_or(0.0);
                    let found = crate::evaluate::attribute(self.contact, path);
                    let before = found.as_deref().and_then(number_of).unwrap_or(0.0);
                    self.contact.profile.set(path, number(before + more), &country)?;
                }
                Change::Tag(tag) => self.contact.profile.tag(tag)?,
                Change::Untag(tag) => self.contact.profile.untag(tag),
                Change::Subscribe(topic) => {
                    let state = ConsentState::OptedIn;
                    self.set_consent(
                        Channel::Sms,
                        Some(topic.clone()),
                        state,
                        Reason::Step,
                        topic,
                        self.now,
                    )?;
                }
                Change::Unsubscribe(topic) => {
                    let state = ConsentState::OptedOut;
                    self.set_consent(
                        Channel::Sms,
                        Some(topic.clone()),
                        state,
                        Reason::Step,
                        topic,
                        self.now,
                    )?;
                }
            }
        }
        Ok(())
    }
}

/// A whole number stays one.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Value::Number(Number::from(value as i64));
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

impl Profile {
    /// Takes in traits: `null` removes, `phone` and `email` go to their places.
    ///
    /// # Errors
    /// When the contact would grow beyond its limits.
    pub fn merge(
        &mut self,
        traits: &Map<String, Value>,
        country: &str,
    ) -> Result<(), AdvanceError> {
        for (name, value) in traits {
            self.set_root(name, value.clone(), country);
        }
        self.check_size()
    }

    /// Sets what stands at a path; `null` removes it.
    fn set(&mut self, path: &JsonPath, value: Value, country: &str) -> Result<(), AdvanceError> {
        let Some((first, rest)) = path.0.split_first() else { return Ok(()) };
        if let (true, Some((last, parents))) = (value.is_null(), rest.split_last()) {
            self.unset(first, parents, last);
            return Ok(());
        }
        if rest.is_empty() {
            self.set_root(first, value, country);
            return self.check_size();
        }
        let mut here =
            self.attributes.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
        for part in rest {
            if !here.is_object() {
                *here = Value::Object(Map::new());
            }
            let Value::Object(fields) = here else { return Ok(()) };
            here = fields.entry(part.clone()).or_insert(Value::Null);
        }
        *here = value;
        self.check_size()
    }

    /// Removes what stands at a path of several names, where there is such a path.
    fn unset(&mut self, first: &str, parents: &[String], last: &str) {
        let mut here = self.attributes.get_mut(first);
        for parent in parents {
            here = here.and_then(|value| value.get_mut(parent));
        }
        if let Some(Value::Object(fields)) = here {
            fields.remove(last);
        }
    }

    fn set_root(&mut self, name: &str, value: Value, country: &str) {
        match name {
            // What the business sent stays readable in the attributes when it is no number.
            "phone" => {
                self.phone =
                    value.as_str().and_then(|text| phone::reachable(text, Some(country)).ok());
                if self.phone.is_some() || value.is_null() {
                    self.attributes.remove("phone");
                } else {
                    self.attributes.insert("phone".to_owned(), value);
                }
            }
            "email" => self.email = value.as_str().map(str::to_owned),
            _ if value.is_null() => {
                self.attributes.remove(name);
            }
            _ => {
                self.attributes.insert(name.to_owned(), value);
            }
        }
    }

    fn tag(&mut self, tag: &str) -> Result<(), AdvanceError> {
        let tags = self.attributes.entry("tags").or_insert_with(|| Value::Array(Vec::new()));
        if !tags.is_array() {
            *tags = Value::Array(vec![tags.take()]);
        }
        let Value::Array(list) = tags else { return Ok(()) };
        if list.iter().any(|known| known.as_str() == Some(tag)) {
            return Ok(());
        }
        if list.len() >= limits::TAGS_MAX {
            return Err(AdvanceError::TooManyAttributes);
        }
        list.push(Value::String(tag.to_owned()));
        Ok(())
    }

    fn untag(&mut self, tag: &str) {
        if let Some(Value::Array(list)) = self.attributes.get_mut("tags") {
            list.retain(|known| known.as_str() != Some(tag));
        }
    }

    fn check_size(&self) -> Result<(), AdvanceError> {
        if self.attributes.len() > limits::ATTRIBUTES_MAX
            || json_size(&self.attributes) > limits::ATTRIBUTES_BYTES_MAX
        {
            return Err(AdvanceError::TooManyAttributes);
        }
        Ok(())
    }
}

/// Bytes of the JSON, near enough for a limit and without writing it.
fn json_size(fields: &Map<String, Value>) -> usize {
    fn size(value: &Value) -> usize {
        match value {
            Value::Null | Value::Bool(_) => 5,
            Value::Number(_) => 8,
            Value::String(text) => text.len() + 2,
            Value::Array(items) => items.iter().map(|item| size(item) + 1).sum::<usize>() + 2,
            Value::Object(fields) => json_size(fields),
        }
    }
    fields.iter().map(|(name, value)| name.len() + 4 + size(value)).sum::<usize>() + 2
}
