//! The demo's application, the same on every board and on the host.
//!
//! A GRU (hidden 16) tells nine speakers apart by 7 to 29 steps of 12 cepstrum coefficients. It predicts the
//! test set; then the microphone changes and it learns the new one from 45 labelled utterances, all layers,
//! on the device. [`demo::first_boot`] and [`demo::second_boot`] are the two runs; [`Host`] is what they need
//! of the board.
#![no_std]

pub mod data;
pub mod demo;
#[cfg(feature = "firmware")]
pub mod firmware;
pub mod hearing;
pub mod tune;

/// All layers trainable.
pub mod all_layers {
    include!(concat!(env!("OUT_DIR"), "/all_layers.rs"));
}

/// All layers trainable, by code made for the plan's calls.
pub mod specialised {
    include!(concat!(env!("OUT_DIR"), "/specialised.rs"));
}

/// The last layer trainable; the GRU stays in flash.
pub mod last_layer {
    include!(concat!(env!("OUT_DIR"), "/last_layer.rs"));
}

/// The parameters that MXNet trained.
pub fn blob() -> &'static [u8] {
    tinpail::include_blob!(concat!(env!("OUT_DIR"), "/speaker.blob"))
}

const fn larger(left: usize, right: usize) -> usize {
    if left > right { left } else { right }
}

/// One arena for both plans: they are never bound at the same time.
pub type Arena = tinpail::Arena<{ larger(all_layers::ARENA_WORDS, last_layer::ARENA_WORDS) }>;

/// What the build made besides the firmware's share: plans with their names and reports.
#[cfg(feature = "host")]
pub mod build {
    /// The plan of [`super::all_layers`].
    pub const ALL_LAYERS: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/all_layers.plan.postcard"));
    /// The plan of [`super::last_layer`].
    pub const LAST_LAYER: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/last_layer.plan.postcard"));
    /// The plan of a single bucket of 29 steps.
    pub const ONE_BUCKET: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/one_bucket.plan.postcard"));
}

/// What the application needs of the board that it runs on.
pub trait Host {
    /// Where parameters are saved.
    type Flash: embedded_storage::nor_flash::NorFlash;

    /// Prints a line.
    fn line(&mut self, line: core::fmt::Arguments<'_>);

    /// Appends values, bit for bit, to a file of the name: what is compared with the host's simulation.
    fn values(&mut self, file: &'static core::ffi::CStr, values: &[f32]) -> Result<(), Error>;

    /// Runs `work` and counts its instructions; `None` where they cannot be counted.
    fn instructions<R>(&mut self, work: impl FnOnce() -> R) -> (R, Option<u32>);

    /// Where parameters are saved.
    fn flash(&mut self) -> &mut Self::Flash;
}

/// Something that cannot happen with the data and plans that this crate is built from; the demo stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Error {
    Bind(tinpail::error::BindError),
    Forward(tinpail::error::ForwardError),
    Optimizer(tinpail::error::OptimizerError),
    Step(tinpail::error::StepError),
    Access(tinpail::error::AccessError),
    /// A data file is not what dataset.py writes.
    Data,
    /// An utterance is longer than the largest bucket.
    TooLong,
    Save,
    Load,
    /// Values cannot be recorded for the host.
    Record,
}

impl From<tinpail::error::BindError> for Error {
    fn from(error: tinpail::error::BindError) -> Self {
        Error::Bind(error)
    }
}

impl From<tinpail::error::ForwardError> for Error {
    fn from(error: tinpail::error::ForwardError) -> Self {
        Error::Forward(error)
    }
}

impl From<tinpail::error::OptimizerError> for Error {
    fn from(error: tinpail::error::OptimizerError) -> Self {
        Error::Optimizer(error)
    }
}

impl From<tinpail::error::StepError> for Error {
    fn from(error: tinpail::error::StepError) -> Self {
        Error::Step(error)
    }
}

impl From<tinpail::error::AccessError> for Error {
    fn from(error: tinpail::error::AccessError) -> Self {
        Error::Access(error)
    }
}
