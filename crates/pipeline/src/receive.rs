//! Receive: receipts, replies and clicks become inputs of their contacts.
//!
//! Must never lose a receipt that comes before its message's own answer: it is kept until the answer is there.

use crate::advance::{Pipeline, PipelineError};
use crate::apart::{at_the_end, nothing};
use crate::auto_reply::for_one;
use crate::delivered::Known;
use crate::dispatch::about;
use crate::gateway::{Delivery, GatewayEvent, Inbound, Receipt};
use crate::ingest::Arrival;
use crate::parts;
use crate::tick::Tick;
use crate::turn::Work;
use std::collections::BTreeMap;
use wayline_core::event::{Input, InputKind, ReplyFrom};
use wayline_core::ids::{ContactId, MessageId, WorkspaceId, stable_hash_wide};
use wayline_core::keyword::{Keyword, classify};
use wayline_core::limits;
use wayline_core::message::{Message, MessageState};
use wayline_core::phone;
use wayline_core::time::Timestamp;
use wayline_store::batch::{Identity, IdentityKind, Op, OrphanReceipt};

/// Contacts with one number that hear of a STOP.
pub(crate) const SHARED_NUMBER_MAX: usize = 200;

impl Pipeline {
    /// Takes what came from carriers, in order.
    ///
    /// # Errors
    /// When the store failed: what is not returned from must be received again.
    pub async fn receive(
        &mut self,
        events: Vec<GatewayEvent>,
        tick: Tick,
    ) -> Result<(), PipelineError> {
        let (mut works, mut orphans) = (Vec::new(), Vec::new());
        let mut with_parts = BTreeMap::new();
        let mut known = self.keep_deliveries(&events, tick).await?.into_iter();
        for event in events {
            let now = tick.at(event.at());
            match event {
                GatewayEvent::Late(late) => {
                    let ops = at_the_end(works.len(), std::mem::take(&mut orphans));
                    self.work_apart(std::mem::take(&mut works), ops).await?;
                    self.late(*late, tick).await?;
                }
                GatewayEvent::Receipt(receipt) => match self.message_of(&receipt).await? {
                    Some(message) => works.push(receipt_work(message, &receipt, now)),
                    None => orphans.extend(orphan(&receipt, now)),
                },
                GatewayEvent::Inbound(inbound) => {
                    // Order matters between a person's texts and receipts: what came before is done first.
                    let ops = at_the_end(works.len(), std::mem::take(&mut orphans));
                    self.work_apart(std::mem::take(&mut works), ops).await?;
                    self.inbound(inbound, now).await?;
                }
                GatewayEvent::Delivery(delivery) => {
                    let ops = at_the_end(works.len(), std::mem::take(&mut orphans));
                    self.work_apart(std::mem::take(&mut works), ops).await?;
                    if let Some(known) = known.next() {
                        if known.place.is_some() {
                            with_parts.insert(delivery.gateway.clone(), now);
                        }
                        self.delivered(*delivery, known, now).await?;
                    }
                }
                // Kept in mind with the deliveries.
                GatewayEvent::Connection(_) => {}
            }
        }
        let ops = at_the_end(works.len(), orphans);
        self.work_apart(works, ops).await?;
        for (gateway, now) in with_parts {
            self.bound_parts(&gateway, now).await?;
        }
        Ok(())
    }

    /// A text that is kept, or a part of one.
    async fn delivered(
        &mut self,
        delivery: Delivery,
        known: Known,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        if let Some(place) = known.place {
            return self.join(&delivery.gateway, &place, now).await;
        }
        let mut inbound = delivery.inbound;
        if let Some(part) = delivery.part {
            inbound.text = parts::words(&part);
        }
        inbound.id = Some(known.id);
        // The same words may be a revocation after the person had come back: that it holds does no harm.
        if let Some(own) = known.own_id
            && self.is_revoked_no_more(&inbound).await?
        {
            inbound.id = Some(own);
        }
        self.inbound(inbound, now).await
    }

    /// The message a receipt is about, by the gateway's id or by ours; `None`: it is not known (yet).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn message_of(&self, receipt: &Receipt) -> Result<Option<Message>, PipelineError> {
        let refs = std::iter::once(&receipt.gateway_ref).chain(&receipt.other_refs);
        // A carrier that gives no id gives the same none to all.
        for gateway_ref in refs.filter(|it| !it.is_empty()) {
            let found = self.store.message_by_gateway_ref(&receipt.gateway, gateway_ref).await?;
            // Two forms of one id, or an id used again: the number tells which message it is.
            if let Some(found) = found.filter(|message| went_to(message, receipt)) {
                return Ok(Some(found));
            }
        }
        // An answer that was lost, or is still awaited, named no id of the gateway's; ours does, where the
        // carrier repeats it.
        let Some(id) = receipt.message else { return Ok(None) };
        let found = self.store.messages(&[id]).await?.into_iter().next().flatten();
        Ok(found.filter(|message| message.gateway == receipt.gateway))
    }

    /// A text from a number: for the workspaces it is for, in an order that a crash does not change ([`Listeners`]).
    pub(crate) async fn inbound(
        &mut self,
        inbound: Inbound,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let Some(listeners) = self.listeners_of(&inbound).await? else {
            return self.nobodys(&inbound, now).await;
        };
        for workspace in listeners.workspaces {
            let mut inbound = inbound.clone();
            self.complete_number(workspace, &mut inbound.from);
            let may_reply = listeners.replier == Some(workspace);
            self.inbound_to(workspace, inbound, may_reply, now).await?;
        }
        Ok(())
    }

    /// A number that a carrier gives without its country is one of the workspace's country.
    pub(crate) fn complete_number(&self, workspace: WorkspaceId, number: &mut String) {
        let country = self.engine(workspace).map(|engine| &engine.program.settings.country);
        if !number.starts_with('+')
            && let Some(country) = country
            && let Ok(whole) = phone::reachable(number, Some(country))
        {
            *number = whole;
        }
    }

    /// As [`Pipeline::inbound`], for one workspace. A revocation reaches everybody with that number; anything else the
    /// one whom we wrote to last. A number nobody has becomes a new contact.
    async fn inbound_to(
        &mut self,
        workspace: WorkspaceId,
        inbound: Inbound,
        may_reply: bool,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let input_id = input_id(&inbound);
        // Told again, it is no text more of a number that may write too much.
        if let Some(id) = input_id
            && self.store.inputs_known(workspace, &[id]).await?.first() == Some(&true)
        {
            return Ok(());
        }
        let contacts =
            self.store.contacts_by_phone(workspace, &inbound.from, SHARED_NUMBER_MAX).await?;
        let input = Input {
            at: inbound.at.min(now),
            kind: InputKind::Inbound {
                text: inbound.text.chars().take(limits::INBOUND_CHARS_MAX).collect(),
                media: inbound.media.iter().take(limits::MEDIA_MAX).cloned().collect(),
                muted: self.talkers.is_loop(workspace, &inbound.from, now),
                reply_from: if may_reply {
                    self.reply_from(workspace, &inbound)
                } else {
                    ReplyFrom::Nobody
                },
            },
        };
        if contacts.is_empty() {
            let from = inbound.from.clone();
            self.inbound_from_stranger(workspace, from, input, input_id, now).await?;
        } else {
            let mut listeners = if self.concerns_all(workspace, &inbound.text) {
                contacts
            } else {
                vec![self.latest_partner(workspace, &contacts).await?]
            };
            let replied_to = self.replied_to(workspace, &inbound.text, &listeners).await?;
            // Whoever has the id of the text is the last, for it says that all have heard it; and is the one who is
            // replied to, for so the reply is queued with it, and once.
            listeners.sort_by_key(|contact| Some(*contact) == replied_to);
            let last = listeners.last().copied();
            let works = listeners.into_iter().map(|contact| Work {
                workspace,
                contact,
                input_id: input_id.filter(|_| Some(contact) == last),
                logged: true,
                input: for_one(&input, contact, replied_to),
                now,
            });
            self.work_apart(works.collect(), nothing).await?;
        }
        // Not before: what fails is tried again, and is no text more.
        self.talkers.heard(workspace, &inbound.from, now);
        Ok(())
    }

    async fn inbound_from_stranger(
        &mut self,
        workspace: WorkspaceId,
        from: String,
        input: Input,
        input_id: Option<u128>,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let identity = Identity { workspace, kind: IdentityKind::Phone, value: from.clone() };
        let traits =
            serde_json::Map::from_iter([("phone".to_owned(), serde_json::Value::String(from))]);
        let hello = Arrival {
            workspace,
            identities: vec![identity.clone()],
            input_id: None,
            input: Input { at: input.at, kind: InputKind::Identify { traits } },
        };
        let known = self.store.contact_by_identities(std::slice::from_ref(&identity)).await?;
        let text = Arrival { workspace, identities: vec![identity], input_id, input };
        let failed = match self.accept(&[(hello, now), (text.clone(), now)]).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        // Somebody who had the number and cannot be read: all others must go on.
        match known.into_iter().flatten().next().filter(|_| failed.concerns_one()) {
            Some(contact) => {
                let (input, logged) = (text.input, true);
                let work = Work { workspace, contact, input_id, logged, input, now };
                self.put_aside(&work, &failed, Vec::new()).await
            }
            None => Err(failed),
        }
    }

    /// Whether a text is heard by everybody with that number, because it gives or takes consent.
    pub(crate) fn concerns_all(&self, workspace: WorkspaceId, text: &str) -> bool {
        matches!(self.meant(workspace, text), Some(Keyword::Stop | Keyword::Start { yes: false }))
    }

    /// What a text means to a workspace, its own keywords left out.
    pub(crate) fn meant(&self, workspace: WorkspaceId, text: &str) -> Option<Keyword> {
        let engine = self.engine(workspace)?;
        Some(classify(text, &engine.program.settings, std::iter::empty()))
    }

    /// Of several contacts with one number the one we wrote to last.
    async fn latest_partner(
        &self,
        workspace: WorkspaceId,
        contacts: &[ContactId],
    ) -> Result<ContactId, PipelineError> {
        let mut best = (None, contacts.first().copied().unwrap_or_default());
        if contacts.len() > 1 {
            for contact in contacts {
                let latest = self.store.latest_message_to(workspace, *contact).await?;
                let at = latest.and_then(|message| message.handed_out_at);
                if at > best.0 {
                    best = (at, *contact);
                }
            }
        }
        Ok(best.1)
    }

    /// A person clicked in a message.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn clicked(
        &mut self,
        message: MessageId,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let found = self.store.messages(&[message]).await?.into_iter().next().flatten();
        match found {
            Some(message) => self.clicked_in(message, at, now).await,
            None => Ok(()),
        }
    }

    /// As [`Pipeline::clicked`], for who has the message at hand, also when the store keeps it no longer.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn clicked_in(
        &mut self,
        message: Message,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let mut work = about(message, now, |message| InputKind::Clicked { message });
        work.input.at = at.min(now);
        work.logged = true;
        self.work(vec![work]).await?;
        Ok(())
    }
}

/// What a text is known by once it is taken; `None`: it cannot be told from another one.
pub(crate) fn input_id(inbound: &Inbound) -> Option<u128> {
    let id = inbound.id.as_ref()?;
    Some(stable_hash_wide(&[b"inbound", inbound.from.as_bytes(), id.as_bytes()]))
}

pub(crate) fn receipt_work(
    message: impl Into<Box<Message>>,
    receipt: &Receipt,
    now: Timestamp,
) -> Work {
    let (status, error) = (receipt.status, receipt.error.clone());
    let gateway_ref = Some(receipt.gateway_ref.clone()).filter(|it| !it.is_empty());
    let mut work = about(message, now, |message| {
        // A message that is still at its gateway gets its id from the answer.
        let is_open = message.state == MessageState::Submitting;
        InputKind::Receipt { message, status, error, gateway_ref: gateway_ref.filter(|_| !is_open) }
    });
    // Not for the history: the message and the decision tell it, and receipts are as many as messages.
    work.input.at = receipt.at.min(now);
    work
}

/// Whether a receipt can be about this message, by the number: where the carrier does not name it, it can.
pub(crate) fn went_to(message: &Message, receipt: &Receipt) -> bool {
    let address = address_of(receipt);
    // Some carriers leave the country out.
    let national = address.trim_start_matches('+').trim_start_matches('0');
    let is_end = national.len() >= 7 && message.to.ends_with(national);
    address.is_empty() || address == message.to || is_end
}

/// The number of a receipt as we write numbers; empty: the carrier does not name it.
pub(crate) fn address_of(receipt: &Receipt) -> String {
    let digits: String =
        receipt.to.iter().flat_map(|to| to.chars()).filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches("00");
    if digits.is_empty() { String::new() } else { format!("+{digits}") }
}

/// Kept under each form of its id: which one the answer will name is not known.
fn orphan(receipt: &Receipt, now: Timestamp) -> impl Iterator<Item = Op> {
    let json = serde_json::to_string(receipt).unwrap_or_default();
    let row = move |gateway_ref: &String| {
        Op::PutOrphanReceipt(OrphanReceipt {
            gateway: receipt.gateway.clone(),
            gateway_ref: gateway_ref.clone(),
            address: address_of(receipt),
            received_at: now,
            receipt: json.clone(),
        })
    };
    std::iter::once(&receipt.gateway_ref).chain(&receipt.other_refs).map(row)
}
