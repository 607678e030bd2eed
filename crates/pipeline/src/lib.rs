//! The way of a message, stage by stage: ingest, advance, dispatch, receive, calls, schedules, retention.
//!
//! Every stage takes its work from the store and is one bounded turn at an instant given to it. This crate
//! must never read a clock, sleep, spawn or know what carries it: the live program, the replay and the
//! simulator drive the same code.

#![allow(
    clippy::vec_box,
    reason = "a message is large, and lists of them are cut, joined and handed on"
)]

mod addressee;
pub mod advance;
mod apart;
pub mod at_once;
mod auto_reply;
pub mod calls;
pub mod definitions;
mod delivered;
pub mod dispatch;
pub mod gateway;
mod history;
mod hot;
pub mod ingest;
pub mod lifecycle;
mod listeners;
pub mod look_up;
mod loops;
pub mod parts;
pub mod receive;
pub mod resolve;
pub mod retain;
pub mod sandbox;
pub mod schedule;
mod stopped;
mod tell;
pub mod tick;
mod turn;
pub mod unclaimed;
pub mod why;
mod windows;

pub use advance::{Accepted, Pipeline, PipelineError};
