//! Rows of carriers: gateways as people set them up, and texts of people that are kept as they came.
//!
//! Must never hold a secret that can be read: who writes a row has sealed it.

use crate::batch::Op;
use serde::{Deserialize, Serialize};
use wayline_core::ids::WorkspaceId;
use wayline_core::time::Timestamp;

/// A gateway: one connection to a carrier or an aggregator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayRow {
    /// Whose; `None`: the operator's, for all workspaces.
    pub workspace: Option<WorkspaceId>,
    /// Text id, unique within its workspace or among the operator's.
    pub id: String,
    /// Which protocol or provider it speaks to.
    pub kind: String,
    /// JSON, without secrets.
    pub settings: String,
    /// Sealed.
    pub secrets: Vec<u8>,
    /// Whether it takes messages.
    pub standing: GatewayStanding,
    /// 1, 2, 3 …; a put asserts that the one before is there, 1 that there is none.
    pub revision: u64,
    /// When it was changed.
    pub updated_at: Timestamp,
}

/// Whether a gateway takes messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayStanding {
    /// It does.
    Active,
    /// It does not, and its messages wait until it does again.
    Paused,
    /// It gets no new ones and finishes those it has.
    Draining,
}

impl GatewayStanding {
    /// All of them.
    pub const ALL: [GatewayStanding; 3] =
        [GatewayStanding::Active, GatewayStanding::Paused, GatewayStanding::Draining];

    /// Its name in the store and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            GatewayStanding::Active => "active",
            GatewayStanding::Paused => "paused",
            GatewayStanding::Draining => "draining",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<GatewayStanding> {
        GatewayStanding::ALL.into_iter().find(|standing| standing.as_str() == name)
    }
}

/// A text of a person, or a part of one, kept as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptText {
    /// Until what is known.
    pub why: Kept,
    /// Key of the gateway it came by.
    pub gateway: String,
    /// Which one; those that belong together begin alike.
    pub key: String,
    /// When we got it.
    pub came_at: Timestamp,
    /// JSON.
    pub body: String,
}

impl KeptText {
    /// The operation that keeps it no longer.
    #[must_use]
    pub fn removed(self) -> Op {
        Op::RemoveText(self.why, self.gateway, self.key)
    }
}

/// Until what is known a text is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Taken, and the carrier may not know: it may tell it again.
    Unanswered,
    /// A part of a text that is not whole yet.
    Part,
    /// To a sender that nobody has.
    Unclaimed,
}

impl Kept {
    /// All of them.
    pub const ALL: [Kept; 3] = [Kept::Unanswered, Kept::Part, Kept::Unclaimed];

    /// Its name in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kept::Unanswered => "unanswered",
            Kept::Part => "part",
            Kept::Unclaimed => "unclaimed",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Kept> {
        Kept::ALL.into_iter().find(|why| why.as_str() == name)
    }
}
