//! Behaviour checked against recorded vectors of others. One binary, one module per suite.

mod golden_liquid;
