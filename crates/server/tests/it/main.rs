//! The built program, run as people run it.

#![allow(clippy::expect_used, clippy::panic, reason = "what cannot go on has to stop the test")]

mod auto_replies;
mod backup;
mod binds;
mod bounds;
mod callbacks;
mod carriers;
mod cli_apply;
mod cli_doctor;
mod cli_gateways;
mod cli_keys;
mod cli_refused;
mod cli_restore;
mod cli_stats;
mod cli_tail;
mod contacts;
mod crash;
mod demo;
mod feed;
mod gateways;
mod help;
mod hostile;
mod idempotency;
mod inspect;
mod inspect_vectors;
mod journeys;
mod late;
mod live;
mod plan;
mod program;
mod real_data;
mod replay_bad;
mod replay_bytes;
mod replay_memory;
mod replay_real;
mod replay_world;
mod replayed;
mod routes;
mod serve;
mod shared_data;
mod validate;
