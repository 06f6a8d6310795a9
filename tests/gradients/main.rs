//! One row for each operator with a backward, each a small network with random values:
//!
//! - [`twin`]: forward and all gradients against the plan-free f64 interpreter and its differences;
//! - [`equal`]: what must not change a bit: fused update or held gradients, shared memory or not, buckets
//!   visited in any order.

#[path = "../common/mod.rs"]
mod common;
mod equal;
mod row;
mod rows;
mod table;
mod twin;
