//! Scenario c of the oracle (a GRU classifier behind a frozen projection, with input gradients) for the boards.
#![no_std]

use tinpail::optim::Sgd;
use tinpail::{Batch, Tensor};

/// The planned network.
pub mod network {
    include!(concat!(env!("OUT_DIR"), "/network.rs"));
}

/// Another network, to be loaded over the kernels of the first: its plan and its parameters as blobs.
pub mod loaded {
    pub use crate::second::run;

    include!(concat!(env!("OUT_DIR"), "/second.rs"));

    /// The plan.
    pub static PLAN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/second.plan.blob"));

    /// The parameters.
    pub fn blob() -> &'static [u8] {
        tinpail::include_blob!(concat!(env!("OUT_DIR"), "/second.blob"))
    }
}

/// A network that saves its activations in f16.
pub mod saved {
    pub use crate::second::run;

    include!(concat!(env!("OUT_DIR"), "/saved.rs"));
    include!(concat!(env!("OUT_DIR"), "/saved_expected.rs"));

    /// The parameters.
    pub fn blob() -> &'static [u8] {
        tinpail::include_blob!(concat!(env!("OUT_DIR"), "/saved.blob"))
    }
}

/// The same layers by the recipe `fma`.
#[cfg(feature = "fma")]
pub mod fused {
    pub use crate::second::run;

    include!(concat!(env!("OUT_DIR"), "/fused.rs"));
    include!(concat!(env!("OUT_DIR"), "/fused_expected.rs"));

    /// The parameters.
    pub fn blob() -> &'static [u8] {
        tinpail::include_blob!(concat!(env!("OUT_DIR"), "/fused.blob"))
    }
}

/// The same layers by the recipe `ftz`.
#[cfg(feature = "ftz")]
pub mod flushed {
    pub use crate::second::run;

    include!(concat!(env!("OUT_DIR"), "/flushed.rs"));
    include!(concat!(env!("OUT_DIR"), "/flushed_expected.rs"));

    /// The parameters.
    pub fn blob() -> &'static [u8] {
        tinpail::include_blob!(concat!(env!("OUT_DIR"), "/flushed.blob"))
    }
}

mod second;

/// One step and what MXNet printed for it. Floats are bits, so that statics need no conversion.
pub struct Step {
    pub bucket: network::Bucket,
    pub data: &'static [u32],
    pub label: &'static [u16],
    pub is_train: bool,
    pub outputs: &'static [u32],
    pub input_grad: &'static [u32],
    /// By parameter; empty for those that MXNet did not print.
    pub params: &'static [&'static [u32]],
}

include!(concat!(env!("OUT_DIR"), "/steps.rs"));

/// The parameters at the start.
pub fn blob() -> &'static [u8] {
    tinpail::include_blob!(concat!(env!("OUT_DIR"), "/network.blob"))
}

/// The result of the scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    pub steps: usize,
    /// Values compared with MXNet's.
    pub compared: usize,
    /// Those beyond |ours - MXNet's| <= 2e-5 + 1e-5 |MXNet's|.
    pub beyond: usize,
    /// FNV-1a over the bits of every compared value: the same on every target.
    pub bits: u32,
}

impl Outcome {
    fn compare(&mut self, ours: &[f32], mxnet: &[u32]) {
        if ours.len() != mxnet.len() {
            self.beyond += 1;
        }
        for (ours, mxnet) in ours.iter().zip(mxnet) {
            let theirs = f32::from_bits(*mxnet);
            let difference = (ours - theirs).abs();
            self.compared += 1;
            // Not the other way round: a NaN is beyond.
            if !(difference <= 2e-5 + 1e-5 * theirs.abs()) {
                self.beyond += 1;
            }
            self.bits = (self.bits ^ ours.to_bits()).wrapping_mul(0x0100_0193);
        }
    }
}

/// Runs every step.
///
/// # Errors
///
/// What the module refuses, as a text: none of it can happen here.
pub fn run(arena: &mut network::Arena) -> Result<Outcome, &'static str> {
    let mut outcome = Outcome {
        bits: 0x811c_9dc5,
        ..Outcome::default()
    };
    let mut module = network::Module::bind(arena, blob()).map_err(|_| "bind")?;
    module
        .init_optimizer(Sgd {
            learning_rate: 0.2,
            wd: 0.05,
            ..Sgd::default()
        })
        .map_err(|_| "init_optimizer")?;
    for step in &STEPS {
        let mut values = [0.0; 64];
        let values = values.get_mut(..step.data.len()).ok_or("data")?;
        for (value, bits) in values.iter_mut().zip(step.data) {
            *value = f32::from_bits(*bits);
        }
        let (data, label) = ([Tensor::F32(values)], [Tensor::U16(step.label)]);
        let batch = Batch::new(step.bucket, &data).with_label(&label);
        let mut session = module.session();
        session
            .forward(batch, step.is_train)
            .map_err(|_| "forward")?;
        outcome.compare(session.get_outputs(0).map_err(|_| "outputs")?, step.outputs);
        outcome.steps += 1;
        if !step.is_train {
            continue;
        }
        session.backward().map_err(|_| "backward")?;
        let input_grad = session.get_input_grads(0).map_err(|_| "input gradient")?;
        outcome.compare(input_grad, step.input_grad);
        session.update().map_err(|_| "update")?;
        for (index, mxnet) in step.params.iter().enumerate() {
            outcome.compare(session.get_params(index).map_err(|_| "parameter")?, mxnet);
        }
    }
    Ok(outcome)
}
