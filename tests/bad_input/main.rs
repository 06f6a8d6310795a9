//! What a device can be handed that is wrong: each is a typed error, and arena and weights are what they
//! were, bit for bit.

mod access;
mod batch;
mod bind;
mod blob;
#[path = "../common/mod.rs"]
mod common;
mod finite;
mod flash;
mod net;
mod order;
mod pending;
mod plan_blob;
mod raw;
mod storage;
