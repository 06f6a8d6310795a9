//! The bucketing iterator: its laws over random sequences.

#[path = "../common/mod.rs"]
mod common;
mod errors;
mod properties;
