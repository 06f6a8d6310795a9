//! MXNet 1.9.1's own numbers, scenario by scenario, through symbol.json, planner and executor.
//!
//! `TINPAIL_ORACLE_DIR=DIR` runs them on another seed's folder, made by `tests/golden/oracle.py`.

mod cells;
#[path = "../common/mod.rs"]
mod common;
mod compression;
mod contract;
mod conv_batch_norm;
mod fit;
mod gru_fixed;
mod initializers;
mod lstm_language_model;
mod metrics;
#[cfg(feature = "micromath")]
mod micromath;
mod operators;
mod optimizers;
mod oracle;
mod regression_add;
mod sentences;
mod session;
mod speaker_fit;
mod stateful_lstm;
mod two_bit;
