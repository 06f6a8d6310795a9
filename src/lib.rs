//! MXNet's `BucketingModule` for microcontrollers: inference and fine-tuning of small networks over inputs
//! of varying length, in one fixed arena, without a heap and without a panic.
//!
//! # Map
//!
//! ```text
//!   host (tools/)                                device (this crate)
//!   symbols -> plan -> tables ----------------> [plan]  what to run, and where everything lies
//!   .params -> tinpail convert -> blob -------> [blob]  the weights, in flash
//!                                               [module] BucketingModule: bind, forward, backward, update
//!                                               [exec]   the one loop over the plan's calls
//!                                               [kernel] the arithmetic; [optim], [schedule] the update
//!                                               [arena]  the memory; [error] what can be refused
//!                                               [data], [metric], [callback]: what fit, score and
//!                                               predict take; [init], [monitor], [profiler]; beside
//!                                               them [codec]
//! ```
//!
//! A batch enters [`Session::forward`] (or [`BucketingModule::forward`] for inference), is checked against
//! its bucket once, and then only the plan's calls run: each resolves its operands to disjoint slices of
//! the arena, of flash or of the caller's batch, and hands them to one kernel.
//!
//! [`mxnet`] has each member of MXNet's module, and where it is here.
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `libm` (default) | exp, tanh, sigmoid of tinpail's own, ln, sqrt, expm1, erf from libm: the exact recipe |
//! | `micromath` | the same from micromath: smaller, with the errors stated in [`math`] |
//! | `exact` (default) | products and sums rounded apart: the recipe of that name, see [`recipe`] |
//! | `fma` | products and sums rounded once: for plans that were made for it |
//! | `ftz` | the same on the vector unit of a Cortex-M55, which takes subnormals for zeros; on `thumbv8m.main-none-eabihf` for that core alone |
//! | `defmt` | `defmt::Format` on errors and small types |
//! | `alloc` | owned results |
//! | `std` | what host tools need |
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(target_endian = "big")]
compile_error!("blobs are little endian and read in place");

#[doc = include_str!("mxnet.md")]
pub mod mxnet {}

pub mod arena;
pub mod blob;
pub mod callback;
pub mod codec;
pub mod data;
pub mod error;
pub mod exec;
pub mod init;
pub mod kernel;
pub mod math;
pub mod metric;
pub mod model;
pub mod module;
pub mod monitor;
pub mod optim;
pub mod plan;
pub mod products;
pub mod profiler;
pub mod recipe;
pub mod schedule;
mod written_out;

pub use arena::{Arena, Tensor};
pub use blob::Blob;
pub use model::{Loaded, Model, Registry, StaticModel};
pub use module::{Batch, BucketingModule, Fit, Score, Session, Slots};
pub use plan::{BucketIndex, Plan};
