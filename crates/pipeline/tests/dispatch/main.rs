//! Dispatch as a carrier and a marketer would check it: who goes first, by which route, how often, and what an
//! answer that was lost leads to.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod addressees;
mod asked;
mod auto_replies;
mod desk;
mod fairness;
mod in_parts;
mod inbound;
mod late;
mod line;
mod look_ups;
mod other_ways;
mod past_the_head;
mod receipts;
mod refusals;
mod routes;
mod speed;
mod taken_after_all;
