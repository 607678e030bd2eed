<<<<<<< HEAD
//! Published and prepared vectors, checked row by row.

#![allow(clippy::expect_used, reason = "a test may fail where it stands")]

mod a13_quiet;
mod a7_text;
mod a8_phones;
mod shared_data;
=======
//! Behaviour checked against recorded vectors of others. One binary, one module per suite.

mod golden_liquid;
>>>>>>> wip-liquid
