//! Stochastic gradient descent, with momentum or without, by MXNet's formula:
//!
//! - with a state: m = mu m - (lr wd) w - lr clip(s g), then w += m
//! - without: w += -(lr wd) w - lr clip(s g)
//!
//! evaluated from left to right, where s is `rescale_grad` and clip(x) cuts x to +-`clip_gradient`. Without weight
//! decay its term is left out.

use super::common::{cut, share};
use super::{At, Common, Kind, Optimizer, States, common};
use crate::error::{Hyper, OptimizerError};
use crate::kernel::blas::{self, Outer, Product, Rates, Tile};
use crate::kernel::finite::finite;
use crate::kernel::rows::{Strided, groups, rows_mut, strided_mut};

/// The numbers of the optimizer; `learning_rate` and `wd` before a parameter's multipliers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    pub learning_rate: f32,
    /// Used for parameters that have a state.
    pub momentum: f32,
    pub wd: f32,
    /// What gradients are multiplied by; `None` becomes one over the batch size in `init_optimizer`.
    pub rescale_grad: Option<f32>,
    /// None, zero and less: gradients are not cut.
    pub clip_gradient: Option<f32>,
}

impl Default for Sgd {
    /// MXNet's defaults.
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            momentum: 0.0,
            wd: 0.0,
            rescale_grad: None,
            clip_gradient: None,
        }
    }
}

/// The numbers of one update of one parameter.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    rates: Rates,
    /// lr wd
    decay: f32,
    /// Infinite: nothing is cut.
    bound: f32,
}

impl Step {
    /// Whether gradients are taken as they are.
    fn is_simple(&self) -> bool {
        self.decay == 0.0 && self.bound == f32::INFINITY
    }

    /// An update of weights without a state. Apart from those that have one: where the compiler knows that all parameters have a state,
    /// none of it is linked.
    #[inline(always)]
    fn plain(&self, tile: Tile, w: &mut [f32], g: &[f32]) -> bool {
        if self.is_simple() {
            blas::sgd_plain(self.rates, tile, w, g)
        } else {
            self.general_tile(tile, w, g, &mut [])
        }
    }

    /// One of weights that have a state.
    #[inline(always)]
    fn with_momentum(&self, tile: Tile, w: &mut [f32], g: &[f32], m: &mut [f32]) -> bool {
        if self.is_simple() {
            blas::sgd_momentum(self.rates, tile, w, g, m)
        } else {
            self.general_tile(tile, w, g, m)
        }
    }

    /// [`general`](Self::general) for each row of a tile.
    #[inline(never)]
    fn general_tile(&self, tile: Tile, w: &mut [f32], g: &[f32], m: &mut [f32]) -> bool {
        let rows = strided_mut(w, 0, tile.stride, tile.width).take(tile.rows);
        let mut states = strided_mut(m, 0, tile.stride, tile.width);
        let g = Strided::contiguous(g, tile.g_stride).rows(tile.width);
        rows.zip(g).all(|(w, g)| {
            let m = states.next().unwrap_or(&mut []);
            blas::all_finite(g) && self.general(w, g, m)
        })
    }

    /// [`plain`](Self::plain) by a gradient that is a product.
    #[inline(never)]
    fn plain_by_parts(&self, product: Product<'_>, w: &mut [f32]) -> bool {
        product_by_parts(product, w, &mut [], |w, g, _| self.plain_part(w, g))
    }

    #[inline(never)]
    fn plain_part(&self, w: &mut [f32], g: &[f32]) -> bool {
        self.plain(Tile::row(w.len()), w, g)
    }

    /// [`with_momentum`](Self::with_momentum) by a gradient that is a product.
    #[inline(never)]
    fn with_momentum_by_parts(&self, product: Product<'_>, w: &mut [f32], m: &mut [f32]) -> bool {
        product_by_parts(product, w, m, |w, g, m| self.part_with_momentum(w, g, m))
    }

    #[inline(never)]
    fn part_with_momentum(&self, w: &mut [f32], g: &[f32], m: &mut [f32]) -> bool {
        self.with_momentum(Tile::row(w.len()), w, g, m)
    }

    /// Any update, with decay and without, cut or not, of gradients or of none.
    #[inline(never)]
    fn general(&self, w: &mut [f32], g: &[f32], m: &mut [f32]) -> bool {
        let Rates {
            lr,
            momentum,
            scale,
        } = self.rates;
        // No term is, to a sum, a term of -0: every number less +0, or plus -0, is itself.
        let decays = if self.decay == 0.0 { 0.0 } else { -0.0 };
        let (mut g, mut m) = (g.iter(), m.iter_mut());
        for w in w {
            let g = g.next().map_or(0.0, |g| lr * cut(scale * g, self.bound));
            let decay = self.decay * *w + decays;
            let mut m = m.next();
            let kept = m.as_deref().map_or(-0.0, |m| momentum * *m);
            let moved = kept - decay - g;
            if let Some(m) = &mut m {
                **m = moved;
            }
            *w += moved;
            // To end here also keeps the compiler from writing the loop four times.
            if !finite(*w) {
                return false;
            }
        }
        true
    }
}

/// Gives the outer product of two vectors to an update of rows of weights, part by part, as a sum of products onto zeros.
#[inline(always)]
fn product_by_parts(
    product: Product<'_>,
    w: &mut [f32],
    m: &mut [f32],
    mut apply: impl FnMut(&mut [f32], &[f32], &mut [f32]) -> bool,
) -> bool {
    let width = product.x.len();
    let mut m = rows_mut(m, width);
    for (delta, w) in product.delta.iter().zip(rows_mut(w, width)) {
        let (mut w, mut m) = (w, m.next().unwrap_or(&mut []));
        for x in groups(product.x, PART) {
            let mut g = [0.0; PART];
            blas::axpy(product.products, *delta, x, &mut g);
            let here = x.len();
            let m = m.split_off_mut(..here).unwrap_or(&mut []);
            let w = w.split_off_mut(..here).unwrap_or(&mut []);
            if !apply(w, &g, m) {
                return false;
            }
        }
    }
    true
}

/// How much of a product is formed at a time, where it is not SGD's own loop that forms it.
const PART: usize = 32;

impl Optimizer for Sgd {
    const KIND: Kind = Kind::Sgd;

    type Step = Step;

    fn begin(&mut self, at: At) -> Step {
        let lr = self.learning_rate * at.lr_mult;
        Step {
            rates: Rates {
                lr,
                momentum: self.momentum,
                scale: self.rescale_grad.unwrap_or(1.0) * at.grad_scale,
            },
            decay: lr * (self.wd * at.wd_mult),
            bound: self
                .clip_gradient
                .filter(|bound| *bound > 0.0)
                .unwrap_or(f32::INFINITY),
        }
    }

    #[inline]
    fn apply(step: &Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool {
        let m = states.one();
        let len = w.len().min(g.len());
        if !step.is_simple() || g.is_empty() {
            step.general(w, g, m)
        } else if m.is_empty() {
            blas::sgd_plain(step.rates, Tile::row(len), w, g)
        } else {
            blas::sgd_momentum(step.rates, Tile::row(len.min(m.len())), w, g, m)
        }
    }

    /// Where a gradient is not finite, the weight that it moves is not: one look is enough.
    #[inline(always)]
    fn apply_tile(step: &Step, tile: Tile, w: &mut [f32], g: &[f32], states: States<'_>) -> bool {
        let m = states.one();
        if m.is_empty() {
            step.plain(tile, w, g)
        } else {
            step.with_momentum(tile, w, g, m)
        }
    }

    #[inline(always)]
    fn apply_product(
        step: &Step,
        w: &mut [f32],
        product: Product<'_>,
        states: States<'_>,
    ) -> Option<bool> {
        let m = states.one();
        // Scaling by 1 leaves the bits.
        let at_once = step.is_simple() && step.rates.scale == 1.0;
        let Product { delta, x, .. } = product;
        Some(match (m.is_empty(), at_once) {
            (true, true) => blas::outer_plain(step.rates, delta, x, w),
            (true, false) => step.plain_by_parts(product, w),
            (false, true) => blas::outer_momentum(step.rates, delta, x, w, m),
            (false, false) => step.with_momentum_by_parts(product, w, m),
        })
    }

    fn apply_outer(
        step: &Step,
        w: &mut [f32],
        outer: Outer<'_>,
        width: usize,
        states: States<'_>,
    ) -> Option<bool> {
        let m = states.one();
        if !step.is_simple() || m.is_empty() {
            return None;
        }
        Some(blas::outer_sum_momentum(step.rates, outer, width, w, m))
    }

    fn check(&self) -> Result<(), OptimizerError> {
        self.common().check()?;
        share(Hyper::Momentum, self.momentum.into())
    }

    fn arrays(&self) -> u32 {
        u32::from(self.momentum != 0.0)
    }

    common!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const LEN: usize = 9;
    const W: [f32; LEN] = [0.5, -1.25, 2.0, 0.0, -0.3, -0.0, -0.0, 0.0, -0.0];
    const G: [f32; LEN] = [0.1, -7.0, 0.0, 3.0, 0.7, 0.0, -0.0, -0.0, 0.0];
    const M: [f32; LEN] = [0.2, 0.0, -0.4, 1.0, 0.05, -0.0, -0.0, 0.0, 0.0];

    /// One update with the multipliers and state given.
    fn update(mut sgd: Sgd, w: &mut [f32], g: &[f32], m: &mut [f32]) -> bool {
        let step = sgd.begin(At::default());
        let len = w.len();
        Sgd::apply(&step, w, g, States::new(m, len))
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn follows_the_formula() {
        for wd in [0.0, 0.03] {
            for clip in [None, Some(0.0), Some(-1.0), Some(1.5)] {
                for state in [false, true] {
                    let sgd = Sgd {
                        momentum: 0.9,
                        rescale_grad: Some(0.5),
                        clip_gradient: clip,
                        wd,
                        learning_rate: 0.1,
                    };
                    let (mut w, mut m) = (W, M);
                    assert!(update(
                        sgd,
                        &mut w,
                        &G,
                        if state { &mut m } else { &mut [] }
                    ));
                    let (lr, decay) = (0.1f32, 0.1f32 * wd);
                    for i in 0..LEN {
                        let mut s = 0.5 * G[i];
                        if let Some(c) = clip
                            && c > 0.0
                        {
                            s = s.clamp(-c, c);
                        }
                        if state {
                            let moved = match wd {
                                0.0 => 0.9 * M[i] - lr * s,
                                _ => 0.9 * M[i] - decay * W[i] - lr * s,
                            };
                            assert_eq!(m[i].to_bits(), moved.to_bits());
                            assert_eq!(w[i].to_bits(), (W[i] + moved).to_bits());
                        } else {
                            let moved = match wd {
                                0.0 => W[i] - lr * s,
                                _ => W[i] + (-(decay * W[i]) - lr * s),
                            };
                            assert_eq!(w[i].to_bits(), moved.to_bits());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn no_gradient_is_a_gradient_of_zeros() {
        for wd in [0.0, 0.03] {
            for clip in [None, Some(1.5)] {
                for state in [false, true] {
                    let sgd = Sgd {
                        momentum: 0.9,
                        clip_gradient: clip,
                        learning_rate: 0.1,
                        wd,
                        ..Sgd::default()
                    };
                    let (mut w, mut m, mut w2, mut m2) = (W, M, W, M);
                    let none: &mut [f32] = &mut [];
                    assert!(update(sgd, &mut w, &[], if state { &mut m } else { none }));
                    let none: &mut [f32] = &mut [];
                    assert!(update(
                        sgd,
                        &mut w2,
                        &[0.0; LEN],
                        if state { &mut m2 } else { none }
                    ));
                    assert_eq!((bits(&w), bits(&m)), (bits(&w2), bits(&m2)));
                }
            }
        }
    }

    #[test]
    fn says_when_a_weight_overflows() {
        let sgd = Sgd {
            learning_rate: 1.0,
            momentum: 1.0,
            ..Sgd::default()
        };
        assert!(!update(
            sgd,
            &mut [f32::MAX, 0.0],
            &[-f32::MAX, 0.0],
            &mut []
        ));
        assert!(!update(sgd, &mut [f32::MAX], &[0.0], &mut [f32::MAX]));
        assert!(!update(sgd, &mut [f32::MAX], &[], &mut [f32::MAX]));
        assert!(!update(sgd, &mut [0.0], &[f32::NAN], &mut []));
        assert!(update(sgd, &mut [f32::MAX], &[0.0], &mut []));
    }
}
