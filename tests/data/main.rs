//! The bucketing iterator: against MXNet's batches, and its laws over random sequences.

#[path = "../common/mod.rs"]
mod common;
mod errors;
#[path = "../conformance/oracle.rs"]
#[allow(dead_code)] // made for scenarios with networks
mod oracle;
mod properties;
mod sentences;
