//! A learning rate that changes while training, in front of any optimizer: MXNet's `lr_scheduler`.

use super::{At, Common, Kind, Optimizer, States};
use crate::error::OptimizerError;
use crate::kernel::blas::{Outer, Product, Tile};
use crate::schedule::Schedule;

/// An optimizer whose learning rate is a [`Schedule`]'s, asked with the number of each update: 1 for the first (more where
/// the module counts from a `begin_num_update`).
///
/// The number is that of the module's updates. MXNet takes the largest count of any parameter, counted by position in the
/// bucket's list, and the first trainable position is in every bucket: the same number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scheduled<O, S> {
    optimizer: O,
    schedule: S,
}

impl<O: Optimizer, S: Schedule> Scheduled<O, S> {
    /// As MXNet where `learning_rate` and `lr_scheduler` are given: the optimizer's rate replaces the schedule's
    /// `base_lr`.
    pub fn new(optimizer: O, mut schedule: S) -> Self {
        schedule.set_base_lr(optimizer.learning_rate());
        Scheduled {
            optimizer,
            schedule,
        }
    }

    /// As MXNet where only `lr_scheduler` is given: the schedule keeps its `base_lr`.
    pub fn with_base_lr(mut optimizer: O, schedule: S) -> Self {
        optimizer.set_learning_rate(schedule.base_lr());
        Scheduled {
            optimizer,
            schedule,
        }
    }
}

impl<O: Optimizer, S: Schedule> Optimizer for Scheduled<O, S> {
    const KIND: Kind = O::KIND;

    const SCHEDULED: bool = true;

    type Step = O::Step;

    fn begin(&mut self, at: At) -> O::Step {
        let lr = self.schedule.lr(at.num_update);
        self.optimizer.set_learning_rate(lr);
        self.optimizer.begin(at)
    }

    #[inline]
    fn apply(step: &O::Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool {
        O::apply(step, w, g, states)
    }

    #[inline]
    fn apply_tile(
        step: &O::Step,
        tile: Tile,
        w: &mut [f32],
        g: &[f32],
        states: States<'_>,
    ) -> bool {
        O::apply_tile(step, tile, w, g, states)
    }

    #[inline]
    fn apply_product(
        step: &O::Step,
        w: &mut [f32],
        product: Product<'_>,
        states: States<'_>,
    ) -> Option<bool> {
        O::apply_product(step, w, product, states)
    }

    #[inline]
    fn apply_outer(
        step: &O::Step,
        w: &mut [f32],
        outer: Outer<'_>,
        width: usize,
        states: States<'_>,
    ) -> Option<bool> {
        O::apply_outer(step, w, outer, width, states)
    }

    fn check(&self) -> Result<(), OptimizerError> {
        self.optimizer.check()
    }

    fn common(&self) -> Common {
        self.optimizer.common()
    }

    fn set_common(&mut self, common: Common) {
        self.optimizer.set_common(common);
    }

    fn arrays(&self) -> u32 {
        self.optimizer.arrays()
    }

    fn memory(&self) -> f32 {
        self.optimizer.memory()
    }

    fn set_memory(&mut self, memory: f32) {
        self.optimizer.set_memory(memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::blas::Matrix;
    use crate::optim::Sgd;
    use crate::products::Products;
    use crate::schedule::{Factor, Start};

    /// The ways around a gradient in memory are those of the optimizer behind the schedule.
    #[test]
    fn forms_gradients_as_its_optimizer_does() {
        type Rule = Scheduled<Sgd, Factor>;
        let sgd = Sgd {
            momentum: 0.9,
            ..Sgd::default()
        };
        let schedule = Factor::new(1, 1.0, Start::default()).expect("a schedule");
        let step = Rule::new(sgd, schedule).begin(At::default());
        let [delta, x] = [[0.5, -2.0], [1.0, 3.0]];
        let product = Product {
            products: Products::default(),
            delta: &delta,
            x: &x,
        };
        let (mut w, mut m) = ([1.0; 4], [0.25; 4]);
        let done = Rule::apply_product(&step, &mut w, product, States::new(&mut m, 4));
        assert_eq!(done, Some(true));
        assert_eq!(m[0], 0.9 * 0.25 - 0.01 * 0.5);

        let matrix = |values| Matrix { values, stride: 2 };
        let outer = Outer {
            products: Products::default(),
            delta: matrix(&delta),
            outputs: 2,
            x: matrix(&x),
            x_rows: 1,
            more: matrix(&[]),
            more_rows: 0,
        };
        let tile = Tile::row(4);
        let (g, before) = ([1.0, f32::INFINITY, 0.0, 0.0], w);
        let done = Rule::apply_tile(&step, tile, &mut w, &g, States::new(&mut [0.0; 4], 4));
        assert!(!done);
        // Sgd moves the weights before the one that is not finite; by the way of any other optimizer none would move.
        assert_ne!(w[0], before[0]);

        let (mut w, mut m) = ([1.0; 4], [0.25; 4]);
        let done = Rule::apply_outer(&step, &mut w, outer, 2, States::new(&mut m, 4));
        assert_eq!(done, Some(true));
    }
}
