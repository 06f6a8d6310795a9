//! MXNet's `BucketingModule` on the host: by names, with MXNet's own files, over the executor and the kernels of the device,
//! so that what is trained here is what the device would have trained, to the last bit.
//!
//! ```
//! use tinpail::optim::Sgd;
//! use tinpail_host::{Bind, HostModule, InitParams, Initializer, Memory, Network};
//! use tinpail_plan::symbol::{FullyConnected, SoftmaxOutput};
//! use tinpail_plan::{Net, Symbols};
//!
//! fn sym_gen(steps: u32) -> Result<Net, tinpail_plan::Error> {
//!     let mut s = Symbols::new();
//!     let (data, label) = (s.variable("data"), s.variable("softmax_label"));
//!     let mean = s.mean("mean", data, &[1], false);
//!     let fc = s.fully_connected("fc", mean, FullyConnected::new(2));
//!     let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
//!     Ok(s.net([softmax]).data("data", [0, steps as usize, 3]).label("softmax_label", [0]))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let memory = Memory::new();
//! let network = Network::new(sym_gen, [2, 4], 4)?;
//! let mut module = HostModule::new(&memory, network);
//! module.bind(&Bind { batch_size: 10, ..Bind::default() })?;
//! let initializer = Initializer::Uniform { scale: 0.5 };
//! module.init_params(&InitParams { initializer: Some(&initializer), ..InitParams::default() })?;
//! module.init_optimizer(Sgd { learning_rate: 0.1, momentum: 0.9, ..Sgd::default() }, false)?;
//! assert_eq!(module.get_params()?.arg("fc_bias").unwrap().data(), [0.0, 0.0]);
//! # Ok(()) }
//! ```
//!
//! | module | subject |
//! | --- | --- |
//! | [`network`], [`bind`] | MXNet's constructor arguments; what bind is told |
//! | [`module`] | the life cycle, the attributes, buckets by key |
//! | [`params`], [`initializer`], [`values`] | parameters; outputs, gradients and states by name |
//! | [`checkpoint`] | MXNet's checkpoints, optimizer states |
//! | [`fit`], [`metric`], [`callback`] | fit, score, predict, with MXNet's log lines |
//! | [`monitor`] | statistics of what each call computes, by name |
#![forbid(unsafe_code)]

pub mod bind;
pub mod callback;
pub mod checkpoint;
pub mod error;
pub mod fit;
pub mod initializer;
mod memory;
pub mod metric;
pub mod module;
pub mod monitor;
pub mod network;
pub mod params;
pub mod values;

pub use bind::{Bind, GradReq, Request};
pub use checkpoint::Checkpoint;
pub use error::{
    BindError, CheckpointError, InitOptimizerError, ParamsError, TooEarly, UnknownKey,
};
pub use fit::{FitArgs, FitError};
pub use initializer::Initializer;
pub use memory::Memory;
pub use metric::Metrics;
pub use module::{Core, HostModule};
pub use monitor::Monitor;
pub use network::Network;
pub use params::{InitParams, SetParams};
pub use values::{States, ValueError};
