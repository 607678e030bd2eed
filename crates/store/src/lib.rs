//! The only place that knows how things are kept. Writes are a [`batch::Batch`], reads are typed methods.
//!
//! ```text
//!  Batch ──▶ Store::commit ──▶ Memory   the model, and what replays run on
//!  reads ──▶ Store::…      ──▶ Sqlite   the embedded default
//! ```
//! Must never decide anything, and must never answer "no" when it could not read: an error is an error.

pub mod batch;
pub mod carriers;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod error;
#[cfg(feature = "faults")]
pub mod faulty;
pub mod memory;
pub mod rows;
pub mod sqlite;
mod store;

pub use error::{Assertion, StoreError};
pub use memory::MemoryStore;
pub use sqlite::{
    Durability, SqliteOptions, SqliteStore, StoreFacts, backup_of, check_of, facts_of, restore,
};
pub use store::Store;
