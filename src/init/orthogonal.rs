//! Orthonormal rows, or columns.

use super::{InitError, Initializer, Pcg32, Rnd};
use crate::math::Math;

/// A matrix of shape (s0, s1 s2 ..) whose rows are orthogonal and `scale` long; its columns, if there are more rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Orthogonal {
    pub scale: f32,
    pub rand_type: Rnd,
    pub math: Math,
}

impl Default for Orthogonal {
    /// MXNet's.
    fn default() -> Self {
        Orthogonal {
            scale: 1.414,
            rand_type: Rnd::Uniform,
            math: Math::default(),
        }
    }
}

/// The vectors of a matrix: its rows or its columns.
struct Vectors<'v> {
    values: &'v mut [f32],
    /// Elements from one vector to the next, and from one of its values to the next.
    strides: (usize, usize),
    len: usize,
}

impl Vectors<'_> {
    fn get(&self, vector: usize, at: usize) -> f32 {
        let (outer, inner) = self.strides;
        let at = vector
            .saturating_mul(outer)
            .saturating_add(at.saturating_mul(inner));
        self.values.get(at).copied().unwrap_or(0.0)
    }

    fn change(&mut self, vector: usize, mut change: impl FnMut(usize, f32) -> f32) {
        let (outer, inner) = self.strides;
        for at in 0..self.len {
            let place = vector
                .saturating_mul(outer)
                .saturating_add(at.saturating_mul(inner));
            if let Some(value) = self.values.get_mut(place) {
                *value = change(at, *value);
            }
        }
    }

    fn dot(&self, left: usize, right: usize) -> f32 {
        let products = (0..self.len).map(|at| self.get(left, at) * self.get(right, at));
        products.sum()
    }

    /// Takes out of `vector` what lies along vector `other`, which is a unit vector.
    fn project_out(&mut self, vector: usize, other: usize) {
        let along = self.dot(vector, other);
        for at in 0..self.len {
            let part = along * self.get(other, at);
            let (outer, inner) = self.strides;
            let place = vector
                .saturating_mul(outer)
                .saturating_add(at.saturating_mul(inner));
            if let Some(value) = self.values.get_mut(place) {
                *value -= part;
            }
        }
    }
}

impl Initializer for Orthogonal {
    fn check(&self, shape: &[u32]) -> Result<(), InitError> {
        match shape.len() {
            0 => Err(InitError::Axes {
                needed: 1,
                found: 0,
            }),
            _ => Ok(()),
        }
    }

    fn draw(&self, shape: &[u32], rng: &mut Pcg32, values: &mut [f32]) {
        let rows = shape.first().map_or(0, |rows| *rows as usize);
        let columns = values.len().checked_div(rows).unwrap_or(0);
        let (count, len, strides) = if rows <= columns {
            (rows, columns, (columns, 1))
        } else {
            (columns, rows, (1, columns))
        };
        let mut vectors = Vectors {
            values,
            strides,
            len,
        };
        for vector in 0..count {
            // A draw along the vectors before it is drawn again; that it happens often is not to be expected.
            for _ in 0..16 {
                vectors.change(vector, |_, _| match self.rand_type {
                    Rnd::Uniform => rng.symmetric(1.0),
                    Rnd::Gaussian => rng.normal(self.math),
                });
                let before = vectors.dot(vector, vector);
                // Twice: what rounding leaves of the first pass, the second takes out.
                for other in (0..vector).chain(0..vector) {
                    vectors.project_out(vector, other);
                }
                let square = vectors.dot(vector, vector);
                if square > 1e-4 * before {
                    let length = self.math.sqrt(square);
                    vectors.change(vector, |_, value| value / length);
                    break;
                }
            }
        }
        vectors
            .values
            .iter_mut()
            .for_each(|value| *value *= self.scale);
    }
}
