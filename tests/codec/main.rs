//! 2-bit compression: its laws over random tensors, and what an adaptive threshold gains.

#[path = "../common/mod.rs"]
mod common;
mod learning;
mod properties;
