//! Stochastic gradient descent, with momentum or without, by MXNet's formula:
//!
//! - with a state: m = mu m - (lr wd) w - lr clip(s g), then w += m
//! - without: w += -(lr wd) w - lr clip(s g)
//!
//! evaluated from left to right, where s is `rescale_grad` and clip(x) cuts x to +-`clip_gradient`. Without weight
//! decay its term is left out.

use super::{Optimizer, Rate};
use crate::kernel::finite::finite;

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

impl Sgd {
    /// What gradients are multiplied by.
    fn scale(&self) -> f32 {
        self.rescale_grad.unwrap_or(1.0)
    }

    /// Adds -(lr wd) w - lr clip(s g) to w.
    #[inline]
    fn plain(&self, rate: Rate, w: &mut [f32], g: &[f32], clip: impl Fn(f32) -> f32) -> bool {
        let (decay, scale) = (rate.lr * rate.wd, self.scale());
        let mut ok = true;
        if decay == 0.0 {
            for (w, g) in w.iter_mut().zip(g) {
                *w -= rate.lr * clip(scale * g);
                ok &= finite(*w);
            }
        } else {
            for (w, g) in w.iter_mut().zip(g) {
                *w += -(decay * *w) - rate.lr * clip(scale * g);
                ok &= finite(*w);
            }
        }
        ok
    }

    /// m = mu m - lr clip(s g), then w += m.
    #[inline]
    fn with_state(
        &self,
        momentum: f32,
        lr: f32,
        w: &mut [f32],
        g: &[f32],
        m: &mut [f32],
        clip: impl Fn(f32) -> f32,
    ) -> bool {
        let (scale, mut ok) = (self.scale(), true);
        for ((w, g), m) in w.iter_mut().zip(g).zip(m) {
            *m = momentum * *m - lr * clip(scale * g);
            *w += *m;
            ok &= finite(*w);
        }
        ok
    }

    /// Updates without a gradient: decay and momentum alone.
    fn idle(&self, rate: Rate, w: &mut [f32], momentum: f32, m: &mut [f32]) -> bool {
        let decay = rate.lr * rate.wd;
        let mut ok = true;
        if !m.is_empty() {
            for (w, m) in w.iter_mut().zip(m) {
                *m *= momentum;
                *w += *m;
                ok &= finite(*w);
            }
        } else if decay != 0.0 {
            for w in w {
                *w += -(decay * *w);
                ok &= finite(*w);
            }
        }
        ok
    }
}

impl Optimizer for Sgd {
    fn apply(&self, rate: Rate, w: &mut [f32], g: &[f32], m: &mut [f32]) -> bool {
        let bound = self.clip_gradient.filter(|bound| *bound > 0.0);
        let mut momentum = self.momentum;
        let decay = rate.lr * rate.wd;
        if !m.is_empty() && decay != 0.0 {
            // A pass of its own, so that the usual case without decay has none of it.
            for (m, w) in m.iter_mut().zip(w.iter()) {
                *m = momentum * *m - decay * w;
            }
            momentum = 1.0;
        }
        match (g.is_empty(), m.is_empty(), bound) {
            (true, _, _) => self.idle(rate, w, momentum, m),
            (_, true, None) => self.plain(rate, w, g, |g| g),
            (_, true, Some(bound)) => self.plain(rate, w, g, |g| cut(g, bound)),
            (_, false, None) => self.with_state(momentum, rate.lr, w, g, m, |g| g),
            (_, false, Some(bound)) => {
                self.with_state(momentum, rate.lr, w, g, m, |g| cut(g, bound))
            }
        }
    }

    fn rate(&self) -> Rate {
        Rate {
            lr: self.learning_rate,
            wd: self.wd,
        }
    }

    fn for_batch(self, batch_size: u32) -> Self {
        let rescale_grad = self.rescale_grad.or(Some(1.0 / batch_size.max(1) as f32));
        Self {
            rescale_grad,
            ..self
        }
    }
}

/// To +-bound; NaN stays.
#[inline]
fn cut(value: f32, bound: f32) -> f32 {
    if value > bound {
        bound
    } else if value < -bound {
        -bound
    } else {
        value
    }
}
