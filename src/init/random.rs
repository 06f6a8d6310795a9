//! Values drawn one by one.

use super::{InitError, Initializer, Pcg32};
use crate::math::Math;

/// Uniform in -`scale` to `scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uniform {
    pub scale: f32,
}

impl Default for Uniform {
    /// MXNet's; its `fit` and `init_params` take 0.01.
    fn default() -> Self {
        Uniform { scale: 0.07 }
    }
}

impl Initializer for Uniform {
    fn draw(&self, _: &[u32], rng: &mut Pcg32, values: &mut [f32]) {
        values.fill_with(|| rng.symmetric(self.scale));
    }
}

/// Normal, of mean 0 and deviation `sigma`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    pub sigma: f32,
    pub math: Math,
}

impl Default for Normal {
    /// MXNet's.
    fn default() -> Self {
        Normal {
            sigma: 0.01,
            math: Math::default(),
        }
    }
}

impl Initializer for Normal {
    fn draw(&self, _: &[u32], rng: &mut Pcg32, values: &mut [f32]) {
        values.fill_with(|| self.sigma * rng.normal(self.math));
    }
}

/// The law of a random value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Rnd {
    #[default]
    Uniform,
    /// MXNet's `gaussian`, or `normal`.
    Gaussian,
}

/// What [`Xavier`] divides by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Factor {
    /// Fan in.
    In,
    /// Fan out.
    Out,
    /// Their mean.
    #[default]
    Avg,
}

/// Glorot and Bengio's, by fan in and fan out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Xavier {
    pub rnd_type: Rnd,
    pub factor_type: Factor,
    pub magnitude: f32,
    pub math: Math,
}

impl Default for Xavier {
    /// MXNet's.
    fn default() -> Self {
        Xavier {
            rnd_type: Rnd::Uniform,
            factor_type: Factor::Avg,
            magnitude: 3.0,
            math: Math::default(),
        }
    }
}

impl Xavier {
    /// sqrt(magnitude / factor).
    fn scale(&self, shape: &[u32]) -> f32 {
        let (first, rest) = shape.split_first().unwrap_or((&0, &[]));
        let (second, window) = rest.split_first().unwrap_or((&0, &[]));
        let window: f32 = window.iter().map(|size| *size as f32).product();
        let (fan_in, fan_out) = (*second as f32 * window, *first as f32 * window);
        let factor = match self.factor_type {
            Factor::In => fan_in,
            Factor::Out => fan_out,
            Factor::Avg => (fan_in + fan_out) / 2.0,
        };
        self.math.sqrt(self.magnitude / factor)
    }
}

impl Initializer for Xavier {
    fn check(&self, shape: &[u32]) -> Result<(), InitError> {
        match shape.len() {
            2.. => Ok(()),
            found => Err(InitError::Axes { needed: 2, found }),
        }
    }

    fn draw(&self, shape: &[u32], rng: &mut Pcg32, values: &mut [f32]) {
        let scale = self.scale(shape);
        match self.rnd_type {
            Rnd::Uniform => values.fill_with(|| rng.symmetric(scale)),
            Rnd::Gaussian => values.fill_with(|| scale * rng.normal(self.math)),
        }
    }
}

/// He and others', for layers before a PReLU of this slope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MsraPrelu {
    pub factor_type: Factor,
    pub slope: f32,
    pub math: Math,
}

impl Default for MsraPrelu {
    /// MXNet's.
    fn default() -> Self {
        MsraPrelu {
            factor_type: Factor::Avg,
            slope: 0.25,
            math: Math::default(),
        }
    }
}

impl MsraPrelu {
    fn xavier(&self) -> Xavier {
        Xavier {
            rnd_type: Rnd::Gaussian,
            factor_type: self.factor_type,
            magnitude: 2.0 / (1.0 + self.slope * self.slope),
            math: self.math,
        }
    }
}

impl Initializer for MsraPrelu {
    fn check(&self, shape: &[u32]) -> Result<(), InitError> {
        self.xavier().check(shape)
    }

    fn draw(&self, shape: &[u32], rng: &mut Pcg32, values: &mut [f32]) {
        self.xavier().draw(shape, rng, values);
    }
}
