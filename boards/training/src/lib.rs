//! The first batches of the demo's training, for the boards: from MXNet's initial values, by `fit`, to MXNet's parameters.
#![no_std]

use core::ops::Range;

use tinpail::data::{DataBatch, SliceIter};
use tinpail::metric::{Accuracy, Metric};
use tinpail::optim::{Scheduled, Sgd};
use tinpail::schedule::{Poly, Start};
use tinpail::{Fit, Tensor};

/// The planned network, for batches of ten.
pub mod network {
    include!(concat!(env!("OUT_DIR"), "/network.rs"));
}

/// A batch of the recorded epoch.
struct Step {
    bucket: network::Bucket,
    /// Its elements of [`VALUES`].
    data: Range<usize>,
    label: &'static [u16],
}

include!(concat!(env!("OUT_DIR"), "/steps.rs"));

/// Bytes, aligned so that their floats can be read in place.
#[repr(C, align(16))]
struct Aligned<T: ?Sized>(T);

/// Embeds a file beside the firmware's flash: what a test is given and compares with.
macro_rules! test_data {
    ($name:ident, $file:literal) => {
        #[cfg_attr(target_os = "none", unsafe(link_section = ".testdata"))]
        static $name: Aligned<[u8; include_bytes!(concat!(env!("OUT_DIR"), $file)).len()]> =
            Aligned(*include_bytes!(concat!(env!("OUT_DIR"), $file)));
    };
}

test_data!(VALUES, "/values.bin");
test_data!(EXPECTED, "/expected.bin");

/// What the training came to.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    pub batches: usize,
    /// The share of examples that were right before their update.
    pub accuracy: f64,
    /// Parameters compared with MXNet's.
    pub compared: usize,
    /// Those beyond 2e-6, the bound of tests/conformance/speaker_fit.rs.
    pub beyond: usize,
    /// FNV-1a over the bits of every parameter: the same on every target.
    pub bits: u32,
}

/// Trains on every batch, once.
///
/// # Errors
///
/// What the module refuses, as a text: none of it can happen here.
pub fn run(arena: &mut network::Arena) -> Result<Outcome, &'static str> {
    let blob = tinpail::include_blob!(concat!(env!("OUT_DIR"), "/initial.blob"));
    let mut module = network::Module::bind(arena, blob).map_err(|_| "bind")?;
    let start = Start {
        base_lr: 0.2,
        ..Start::default()
    };
    // What boards/speaker/train.py trained with: the rate falls to 0 over 60 epochs of 29 batches.
    let schedule = Poly::new(60 * 29, 1, 0.0, start).map_err(|_| "schedule")?;
    let sgd = Sgd {
        learning_rate: 0.2,
        momentum: 0.9,
        wd: 0.001,
        ..Sgd::default()
    };
    let optimizer = Scheduled::new(sgd, schedule);
    module.init_optimizer(optimizer).map_err(|_| "optimizer")?;

    let values: &[f32] = bytemuck::try_cast_slice(&VALUES.0).map_err(|_| "values")?;
    let mut batches = [DataBatch::new(network::Bucket::DEFAULT, Tensor::F32(&[])); STEPS.len()];
    for (batch, step) in batches.iter_mut().zip(&STEPS) {
        let data = values.get(step.data.clone()).ok_or("data")?;
        *batch = DataBatch::new(step.bucket, Tensor::F32(data)).with_label(Tensor::U16(step.label));
    }
    let (mut data, mut accuracy) = (SliceIter::new(&batches), Accuracy::new());
    module
        .fit(Fit::new(&mut data, &mut accuracy, 1))
        .map_err(|_| "fit")?;

    let mut outcome = Outcome {
        batches: batches.len(),
        accuracy: accuracy.get(),
        compared: 0,
        beyond: 0,
        bits: 0x811c_9dc5,
    };
    let mut expected = bytemuck::try_cast_slice(&EXPECTED.0)
        .map_err(|_| "expected")?
        .iter();
    for index in 0..network::PLAN.params.len() {
        for ours in module.get_params(index).map_err(|_| "parameter")? {
            let theirs: f32 = *expected.next().ok_or("expected")?;
            outcome.compared += 1;
            // Not the other way round: a NaN is beyond.
            if !((ours - theirs).abs() <= 2e-6) {
                outcome.beyond += 1;
            }
            outcome.bits = (outcome.bits ^ ours.to_bits()).wrapping_mul(0x0100_0193);
        }
    }
    Ok(outcome)
}
