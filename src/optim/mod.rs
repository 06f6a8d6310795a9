//! Optimizers: how a gradient changes a weight and its states. Each is a few numbers with MXNet's names and defaults; the
//! states lie in the arena.
//!
//! | MXNet | here | arrays of state | counts its updates |
//! | --- | --- | --- | --- |
//! | `sgd` | [`Sgd`] | momentum, or none | |
//! | `nag` | [`Nag`] | momentum, or none | |
//! | `adam` | [`Adam`] | mean, variance | yes |
//! | `adagrad` | [`AdaGrad`] | history | |
//! | `adadelta` | [`AdaDelta`] | squares of gradients, of steps | |
//! | `rmsprop` | [`RmsProp`] | squares | |
//! | `rmsprop`, centered | [`RmsPropCentered`] | squares, mean, delta | |
//! | `ftrl` | [`Ftrl`] | z, n | |
//! | `adamax` | [`Adamax`] | mean, largest | yes |
//! | `nadam` | [`Nadam`] | mean, variance | yes |
//! | `signum` | [`Signum`] | momentum, or none | |
//! | any, with `lr_scheduler` | [`Scheduled`] | those of the optimizer | |
//!
//! A build names one (`Bucketing::optimizer`); only that one is linked, and only its state has a place in the arena.
//!
//! In the formulas of each file g is the gradient, s `rescale_grad`, lr and wd the learning rate and the weight decay times
//! the parameter's `lr_mult` and `wd_mult`, and clip(x) cuts x to +-`clip_gradient`. As in MXNet `wd_mult` is 0 for names
//! that do not end in `_weight` or `_gamma`, unless the symbol says otherwise.
//!
//! An update of one parameter is a [`begin`](Optimizer::begin), which works out once what depends on the rates and on the
//! number of the update, and then an [`apply`](Optimizer::apply) for each row of weights, or for all of them at once:
//! a rule looks at one weight at a time, so that both give the same bits.
//!
//! Square roots come from the plan's [`Math`], like the kernels' functions.
//!
//! MXNet's `multi_precision` keeps an f32 copy of f16 weights. All weights here are f32, so there is nothing to ask for.

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod common;
mod ftrl;
mod nadam;
mod nag;
mod power;
mod rmsprop;
mod scheduled;
pub mod sgd;
mod signum;
mod states;

use serde::{Deserialize, Serialize};

pub use adadelta::AdaDelta;
pub use adagrad::AdaGrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use common::Common;
pub use ftrl::Ftrl;
pub use nadam::Nadam;
pub use nag::Nag;
pub use rmsprop::{RmsProp, RmsPropCentered};
pub use scheduled::Scheduled;
pub use sgd::Sgd;
pub use signum::Signum;
pub use states::States;

use crate::error::OptimizerError;
use crate::kernel::blas::{Outer, Product, Tile, all_finite};
use crate::kernel::rows::{Strided, strided_mut};
use crate::math::Math;
use common::common;

/// Which optimizer a plan was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Kind {
    Sgd,
    Nag,
    Adam,
    AdaGrad,
    AdaDelta,
    RmsProp,
    RmsPropCentered,
    Ftrl,
    Adamax,
    Nadam,
    Signum,
}

impl Kind {
    /// Arrays of state, each as long as the parameter, where a plan keeps state at all.
    pub const fn arrays(self) -> u32 {
        match self {
            Kind::Sgd | Kind::Nag | Kind::AdaGrad | Kind::RmsProp | Kind::Signum => 1,
            Kind::Adam | Kind::AdaDelta | Kind::Ftrl | Kind::Adamax | Kind::Nadam => 2,
            Kind::RmsPropCentered => 3,
        }
    }

    /// Whether each parameter's updates are counted, in a word after its arrays.
    pub const fn counts(self) -> bool {
        matches!(self, Kind::Adam | Kind::Adamax | Kind::Nadam)
    }

    /// Words of state of a parameter of `len` elements.
    pub const fn state_len(self, len: u32) -> u32 {
        self.arrays()
            .saturating_mul(len)
            .saturating_add(self.counts() as u32)
    }
}

/// A rule of updates.
pub trait Optimizer: Sized {
    /// The plan that it needs.
    const KIND: Kind;

    /// Whether a schedule sets its learning rate.
    const SCHEDULED: bool = false;

    /// What [`begin`](Self::begin) works out.
    type Step: Copy;

    /// Begins the update of one parameter.
    fn begin(&mut self, at: At) -> Self::Step;

    /// Changes the weights `w` and their states by the gradient `g`; true if all new weights are finite.
    /// `states` is empty for a parameter without state; an empty `g` is a gradient of zeros.
    fn apply(step: &Self::Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool;

    /// Moves `w` by the gradient that is `product`, as it is formed. `None` where the optimizer needs the gradient first; else as
    /// [`apply`](Self::apply).
    #[inline]
    fn apply_product(
        _step: &Self::Step,
        _w: &mut [f32],
        _product: Product<'_>,
        _states: States<'_>,
    ) -> Option<bool> {
        None
    }

    /// Moves `w`, rows of `width` weights, by the gradient that is the sum of `outer`, as it is formed. `None` where the optimizer,
    /// or these numbers, need the gradient first; else as [`apply`](Self::apply).
    fn apply_outer(
        _step: &Self::Step,
        _w: &mut [f32],
        _outer: Outer<'_>,
        _width: usize,
        _states: States<'_>,
    ) -> Option<bool> {
        None
    }

    /// Moves a tile of the weights by its gradient; true if all of it, gradient and new weights, is finite. `w` and `states` begin with
    /// the tile's first weight.
    fn apply_tile(
        step: &Self::Step,
        tile: Tile,
        w: &mut [f32],
        g: &[f32],
        mut states: States<'_>,
    ) -> bool {
        let rows = strided_mut(w, 0, tile.stride, tile.width);
        let g = Strided::contiguous(g, tile.g_stride).rows(tile.width);
        for (r, (w, g)) in rows.zip(g).take(tile.rows).enumerate() {
            let states = states.after(r.saturating_mul(tile.stride));
            if !(all_finite(g) && Self::apply(step, w, g, states)) {
                return false;
            }
        }
        true
    }

    /// Refuses numbers that make no sense.
    ///
    /// # Errors
    ///
    /// [`OptimizerError::Range`] with the first of them.
    fn check(&self) -> Result<(), OptimizerError>;

    /// The numbers that every optimizer has.
    fn common(&self) -> Common;

    /// Sets them.
    fn set_common(&mut self, common: Common);

    /// Arrays of state that these numbers need.
    fn arrays(&self) -> u32 {
        Self::KIND.arrays()
    }

    /// What the optimizer remembers beside the states: one number, 1 at first.
    fn memory(&self) -> f32 {
        1.0
    }

    /// Sets what [`memory`](Self::memory) gives.
    fn set_memory(&mut self, _memory: f32) {}

    /// The same optimizer for batches of `batch_size` rows: fills in what MXNet derives from it.
    fn for_batch(mut self, batch_size: u32) -> Self {
        let mut common = self.common();
        let per_row = 1.0 / batch_size.max(1) as f32;
        common.rescale_grad = common.rescale_grad.or(Some(per_row));
        self.set_common(common);
        self
    }

    /// The learning rate, before a parameter's multiplier.
    fn learning_rate(&self) -> f32 {
        self.common().learning_rate
    }

    /// Sets the learning rate.
    fn set_learning_rate(&mut self, learning_rate: f32) {
        self.set_common(Common {
            learning_rate,
            ..self.common()
        });
    }
}

/// The update of one parameter, or of a part of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At {
    /// What multiplies the optimizer's learning rate and weight decay.
    pub lr_mult: f32,
    pub wd_mult: f32,
    /// What multiplies `rescale_grad`: below 1 where the global norm is clipped.
    pub grad_scale: f32,
    /// The number of the update, from 1 on.
    pub num_update: u32,
    /// The number of this parameter's update, from 1 on; 0 where the optimizer does not count.
    pub count: u32,
    /// Whether no part of the parameter came before in this update.
    pub first: bool,
    /// Where square roots come from.
    pub math: Math,
}

impl Default for At {
    /// The first update of a parameter without multipliers.
    fn default() -> Self {
        At {
            lr_mult: 1.0,
            wd_mult: 1.0,
            grad_scale: 1.0,
            num_update: 1,
            count: 1,
            first: true,
            math: Math::default(),
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
    #[inline(always)]
    pub fn row(&mut self, at: usize, w: &mut [f32], g: &[f32]) -> Result<(), Overflow> {
        if O::apply(&self.step, w, g, self.states.after(at)) {
            Ok(())
        } else {
            Err(Overflow)
        }
    }
}

impl<O: Optimizer> Update<'_, O> {
    /// Moves the tile of weights that begins with `w`, the weights from `at` on, by the gradient `g`.
    ///
    /// # Errors
    /// A gradient or a new weight is not finite.
    #[inline(always)]
    pub fn tile(
        &mut self,
        at: usize,
        tile: Tile,
        w: &mut [f32],
        g: &[f32],
    ) -> Result<(), Overflow> {
        if O::apply_tile(&self.step, tile, w, g, self.states.after(at)) {
            Ok(())
        } else {
            Err(Overflow)
        }
    }

    /// Moves `w`, all weights of the kernel, by the gradient that is `product`; `None` where the optimizer needs it row by row.
    ///
    /// # Errors
    /// A new weight is not finite, where all operands were.
    #[inline(always)]
    pub fn product(&mut self, w: &mut [f32], product: Product<'_>) -> Option<Result<(), Overflow>> {
        let done = O::apply_product(&self.step, w, product, self.states.after(0))?;
        Some(if done { Ok(()) } else { Err(Overflow) })
    }

    /// Moves `w`, all weights of the kernel, by the gradient that is the sum of `outer`; `None` where the optimizer needs it row by row.
    ///
    /// # Errors
    /// A new weight is not finite, where all operands were.
    #[inline]
    pub fn outer(
        &mut self,
        w: &mut [f32],
        outer: Outer<'_>,
        width: usize,
    ) -> Option<Result<(), Overflow>> {
        let done = O::apply_outer(&self.step, w, outer, width, self.states.after(0))?;
        Some(if done { Ok(()) } else { Err(Overflow) })
    }
}

/// A gradient or a new weight is not finite: weights before it are updated, those after it are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;
