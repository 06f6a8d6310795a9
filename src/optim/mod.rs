//! Optimizers: how a gradient changes a weight and its states. Each is a few numbers with MXNet's names and defaults; the
//! states lie in the arena.
//!
//! An update of one parameter is a [`begin`](Optimizer::begin), which works out once what depends on the rates and on the
//! number of the update, and then an [`apply`](Optimizer::apply) for each row of weights, or for all of them at once:
//! a rule looks at one weight at a time, so that both give the same bits.

pub mod sgd;
mod states;

use serde::{Deserialize, Serialize};

pub use sgd::Sgd;
pub use states::States;

/// Which optimizer a plan was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Kind {
    Sgd,
}

impl Kind {
    /// Arrays of state, each as long as the parameter, where a plan keeps state at all.
    pub const fn arrays(self) -> u32 {
        match self {
            Kind::Sgd => 1,
        }
    }

    /// Whether each parameter's updates are counted, in a word after its arrays.
    pub const fn counts(self) -> bool {
        match self {
            Kind::Sgd => false,
        }
    }

    /// Words of state of a parameter of `len` elements.
    pub const fn state_len(self, len: u32) -> u32 {
        self.arrays() * len + self.counts() as u32
    }
}

/// A rule of updates.
pub trait Optimizer: Sized {
    /// The plan that it needs.
    const KIND: Kind;

    /// What [`begin`](Self::begin) works out.
    type Step: Copy;

    /// Begins the update of one parameter.
    fn begin(&mut self, at: At) -> Self::Step;

    /// Changes the weights `w` and their states by the gradient `g`; true if all new weights are finite.
    /// `states` is empty for a parameter without state; an empty `g` is a gradient of zeros.
    fn apply(step: &Self::Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool;

    /// The same optimizer for batches of `batch_size` rows: fills in what MXNet derives from it.
    fn for_batch(self, batch_size: u32) -> Self;

    /// The learning rate, before a parameter's multiplier.
    fn learning_rate(&self) -> f32;

    /// Sets the learning rate.
    fn set_learning_rate(&mut self, learning_rate: f32);
}

/// The update of one parameter, or of a part of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At {
    /// What multiplies the optimizer's learning rate and weight decay.
    pub lr_mult: f32,
    pub wd_mult: f32,
    /// The number of the update, from 1 on.
    pub num_update: u32,
    /// The number of this parameter's update, from 1 on; 0 where the optimizer does not count.
    pub count: u32,
    /// Whether no part of the parameter came before in this update.
    pub first: bool,
}

impl Default for At {
    /// The first update of a parameter without multipliers.
    fn default() -> Self {
        At {
            lr_mult: 1.0,
            wd_mult: 1.0,
            num_update: 1,
            count: 1,
            first: true,
        }
    }
}

/// What a kernel updates the weights of one parameter, or of a part of it, with.
pub struct Update<'s, O: Optimizer> {
    step: O::Step,
    states: States<'s>,
}

impl<'s, O: Optimizer> Update<'s, O> {
    /// `states` are those of the kernel's weights.
    pub fn new(step: O::Step, states: States<'s>) -> Self {
        Update { step, states }
    }

    /// Moves `w`, the weights from `at` on, by the gradient `g`.
    ///
    /// # Errors
    /// A new weight is not finite.
    #[inline]
    pub fn row(&mut self, at: usize, w: &mut [f32], g: &[f32]) -> Result<(), Overflow> {
        if O::apply(&self.step, w, g, self.states.after(at)) {
            Ok(())
        } else {
            Err(Overflow)
        }
    }
}

/// A gradient or a new weight is not finite: weights before it are updated, those after it are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;
