//! Values that follow from the shape alone.

use super::{InitError, Initializer, Pcg32};
use crate::kernel::rows::rows_mut;

/// 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Zero;

impl Initializer for Zero {
    fn draw(&self, _: &[u32], _: &mut Pcg32, values: &mut [f32]) {
        values.fill(0.0);
    }
}

/// 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct One;

impl Initializer for One {
    fn draw(&self, _: &[u32], _: &mut Pcg32, values: &mut [f32]) {
        values.fill(1.0);
    }
}

/// The value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constant(pub f32);

impl Initializer for Constant {
    fn draw(&self, _: &[u32], _: &mut Pcg32, values: &mut [f32]) {
        values.fill(self.0);
    }
}

/// The bias of an LSTM's gates i, f, c, o: 0, and `forget_bias` for f.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LstmBias {
    pub forget_bias: f32,
}

impl Default for LstmBias {
    /// MXNet's.
    fn default() -> Self {
        LstmBias { forget_bias: 1.0 }
    }
}

impl Initializer for LstmBias {
    fn check(&self, shape: &[u32]) -> Result<(), InitError> {
        match shape.first() {
            None => Err(InitError::Axes {
                needed: 1,
                found: 0,
            }),
            Some(found) if found % 4 != 0 => Err(InitError::Multiple {
                of: 4,
                found: *found,
            }),
            Some(_) => Ok(()),
        }
    }

    fn draw(&self, _: &[u32], _: &mut Pcg32, values: &mut [f32]) {
        let quarter = values.len() / 4;
        values.fill(0.0);
        if let Some(forget) = rows_mut(values, quarter).nth(1) {
            forget.fill(self.forget_bias);
        }
    }
}

/// The kernel of bilinear upsampling, for a shape (.., height, width).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bilinear;

impl Initializer for Bilinear {
    fn check(&self, shape: &[u32]) -> Result<(), InitError> {
        match shape.len() {
            4.. => Ok(()),
            found => Err(InitError::Axes { needed: 4, found }),
        }
    }

    fn draw(&self, shape: &[u32], _: &mut Pcg32, values: &mut [f32]) {
        let &[.., height, width] = shape else {
            return;
        };
        let half = width.div_ceil(2).max(1);
        let (f, two_f) = (half as f32, 2 * half);
        let centre = (two_f - 1 - half % 2) as f32 / two_f as f32;
        let ramp = |at: usize| 1.0 - (at as f32 / f - centre).abs();
        for plane in rows_mut(values, (height as usize).saturating_mul(width as usize)) {
            for (y, row) in rows_mut(plane, width as usize).enumerate() {
                for (x, value) in row.iter_mut().enumerate() {
                    *value = ramp(x) * ramp(y);
                }
            }
        }
    }
}
