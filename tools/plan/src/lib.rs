//! The build side of tinpail: from symbols to a plan.
//!
//! `build.rs` calls [`Bucketing`]; everything below runs on the host, so `std`, strings and allocation are
//! free here and nothing of it reaches the device. The stages, in the order a network passes them:
//!
//! 1. [`symbol`]: the network as a graph of symbols named as in MXNet, built by hand or read by [`json`];
//! 2. [`fuse`](mod@fuse): unrolled cells become sequence operators, fused `RNN` symbols become layers;
//! 3. [`infer`](mod@infer): shapes and dtypes of every symbol;
//! 4. `lower`: symbols become kernel calls over buffers (`ir`), forward, backward and update;
//! 5. `alias`, [`place`](mod@place): copies are elided, buffers get offsets; where they exceed a RAM limit, `limit` searches
//!    for what to make again (`recompute`, `segment`) instead of keeping it;
//! 6. `stack`: buffers of time steps laid out as one, so that repeated calls (`repeats`) become loops;
//! 7. `bucketing`: all of it for every bucket, as the tables of a [`PlanFile`];
//! 8. `validate`: a checker that shares no code with 5 to 7 and replays what the tables say;
//! 9. [`emit`]: Rust source for `OUT_DIR`, the plan with its names as postcard, and the [`report`].

mod alias;
mod bucketing;
pub mod emit;
pub mod error;
pub mod flat;
pub mod fuse;
pub mod infer;
mod ir;
pub mod json;
mod limit;
mod live;
mod lower;
pub mod macs;
mod narrow;
mod order;
pub mod place;
pub mod plan_file;
mod ports;
mod recompute;
mod repeats;
pub mod report;
mod segment;
mod stack;
pub mod symbol;
mod validate;

pub use bucketing::{
    Ahead, Bucketing, Compression, GradReq, LrScheduler, MathKind, Optimizer, ProductsKind, Roll,
    Saved, Train,
};
pub use error::Error;
pub use plan_file::PlanFile;
pub use symbol::{Net, Op, Sym, Symbols};
