//! 2-bit compression: against MXNet's numbers, its laws over random tensors, and what an adaptive threshold gains.

#[path = "../common/mod.rs"]
mod common;
mod learning;
#[path = "../conformance/oracle.rs"]
#[allow(dead_code)] // made for scenarios with networks
mod oracle;
mod properties;
mod two_bit;
