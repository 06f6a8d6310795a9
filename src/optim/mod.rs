//! Optimizers: how a gradient changes a weight and its state. Each is a few numbers that are copied around; the
//! states live in the arena.

pub mod sgd;

pub use sgd::Sgd;

/// A rule of updates, applied to the weights of one row or of a whole parameter alike.
pub trait Optimizer: Copy {
    /// Changes the weights `w` and their state `m` by the gradient `g`; true if all new weights are finite.
    /// `m` is empty for a parameter without state; an empty `g` is a gradient of zeros.
    fn apply(&self, rate: Rate, w: &mut [f32], g: &[f32], m: &mut [f32]) -> bool;

    /// Learning rate and weight decay, before a parameter's multipliers.
    fn rate(&self) -> Rate;

    /// The same optimizer for batches of `batch_size` rows: fills in what MXNet derives from it.
    fn for_batch(self, batch_size: u32) -> Self;
}

/// The rates of one parameter: the optimizer's, times the parameter's `lr_mult` and `wd_mult`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub lr: f32,
    pub wd: f32,
}

/// A gradient or a new weight is not finite: weights before it are updated, those after it are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;
