//! Adam with Nesterov's momentum, by MXNet 1.9.1's formula (`Nadam.update`):
//!
//! ```text
//! G  = clip(s g + wd w)
//! p  = b1 (1 - 0.96^(t d) / 2),  p' = b1 (1 - 0.96^((t + 1) d) / 2)      d: schedule_decay
//! P  = P p
//! m  = b1 m + (1 - b1) G
//! v  = b2 v + (1 - b2) G^2
//! w  = w - lr ((1 - p) G / (1 - P) + p' m / (1 - P p')) / (sqrt(v / (1 - b2^t)) + eps)
//! ```
//!
//! t is the number of this parameter's update, from 1 on; the factors are worked out in f64.
//!
//! P, MXNet's `m_schedule`, is one number for all parameters, multiplied at the update of each of them: with two
//! parameters it falls twice as fast as the formula's authors meant. It is kept, for MXNet's numbers, with parameters in
//! MXNet's order, that of the graph. One difference is left: under `Train::Fused` a parameter that another one's update
//! reads (a weight that is some layer's input) is updated after that one.

use super::common::{Rates, at_least_zero, gradient, require, share};
use super::power::{power, power_of_096};
use super::{At, Common, Kind, Optimizer, States, common};
use crate::error::{Hyper, OptimizerError};
use crate::kernel::finite::finite;
use crate::math::Math;

/// The numbers of the optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nadam {
    pub learning_rate: f32,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f32,
    pub schedule_decay: f64,
    /// P of the formula: 1 before the first update, then the optimizer's own.
    pub m_schedule: f32,
    pub wd: f32,
    /// `None` becomes one over the batch size in `init_optimizer`.
    pub rescale_grad: Option<f32>,
    /// Zero cuts every gradient to zero, as in MXNet.
    pub clip_gradient: Option<f32>,
}

impl Default for Nadam {
    /// MXNet's defaults.
    fn default() -> Self {
        Self {
            learning_rate: 0.001,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            schedule_decay: 0.004,
            m_schedule: 1.0,
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
    beta1: f32,
    /// 1 - b1
    rest1: f32,
    beta2: f32,
    /// 1 - b2
    rest2: f32,
    /// 1 - P, 1 - P p', 1 - b2^t
    left: [f32; 3],
    /// 1 - p
    of_gradient: f32,
    /// p'
    of_mean: f32,
    epsilon: f32,
    math: Math,
}

impl Optimizer for Nadam {
    const KIND: Kind = Kind::Nadam;

    type Step = Step;

    fn begin(&mut self, at: At) -> Step {
        let decayed = |t: f64| {
            let falling = power_of_096(t * self.schedule_decay);
            self.beta1 * (1.0 - 0.5 * falling)
        };
        let t = f64::from(at.count);
        let (now, next) = (decayed(t), decayed(t + 1.0));
        if at.first {
            self.m_schedule = (f64::from(self.m_schedule) * now) as f32;
        }
        let schedule = f64::from(self.m_schedule);
        Step {
            rates: self.common().rates_strict(&at),
            beta1: self.beta1 as f32,
            rest1: (1.0 - self.beta1) as f32,
            beta2: self.beta2 as f32,
            rest2: (1.0 - self.beta2) as f32,
            left: [
                (1.0 - schedule) as f32,
                (1.0 - schedule * next) as f32,
                (1.0 - power(self.beta2, at.count)) as f32,
            ],
            of_gradient: (1.0 - now) as f32,
            of_mean: next as f32,
            epsilon: self.epsilon,
            math: at.math,
        }
    }

    fn apply(step: &Step, w: &mut [f32], g: &[f32], states: States<'_>) -> bool {
        let [left_gradient, left_mean, left_square] = step.left;
        let [m, v] = states.arrays();
        let mut ok = true;
        for (((w, g), m), v) in w.iter_mut().zip(gradient(g)).zip(m).zip(v) {
            let g = step.rates.decayed(g, *w);
            *m = step.beta1 * *m + step.rest1 * g;
            *v = step.beta2 * *v + step.rest2 * g * g;
            let mean = step.of_gradient * (g / left_gradient) + step.of_mean * (*m / left_mean);
            let root = step.math.sqrt(*v / left_square);
            *w -= step.rates.lr * mean / (root + step.epsilon);
            ok &= finite(*w) & finite(*v);
        }
        ok
    }

    fn check(&self) -> Result<(), OptimizerError> {
        self.common().check_strict()?;
        share(Hyper::Beta1, self.beta1)?;
        share(Hyper::Beta2, self.beta2)?;
        at_least_zero(Hyper::Epsilon, self.epsilon)?;
        let decays = self.schedule_decay >= 0.0 && self.schedule_decay.is_finite();
        require(Hyper::ScheduleDecay, decays)?;
        let is_product = (0.0..=1.0).contains(&self.m_schedule);
        require(Hyper::MSchedule, is_product)
    }

    fn memory(&self) -> f32 {
        self.m_schedule
    }

    fn set_memory(&mut self, memory: f32) {
        self.m_schedule = memory;
    }

    common!();
}
