//! Initializers that draw numbers, and the one that follows from the shape alone. Everything is f64, rounded at the end.

use tinpail_plan::plan_file::Named;

use super::{Initializer, InitializerError, Refuse};

/// What numbers are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    Uniform,
    Gaussian,
}

/// Which of a weight's sizes its scale follows from: for shape (out, in, ..) the number of inputs of an output, of outputs
/// of an input, or their mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    Avg,
    In,
    Out,
}

/// A seeded generator, SplitMix64: the same numbers on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From `seed`.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1, 1 left out.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Mean 0, standard deviation 1: Box and Muller's formula.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (2.0 * std::f64::consts::PI * self.unit()).cos()
    }

    /// From -1 to 1, or of standard deviation 1.
    fn draw(&mut self, distribution: Distribution) -> f64 {
        match distribution {
            Distribution::Uniform => 2.0 * self.unit() - 1.0,
            Distribution::Gaussian => self.normal(),
        }
    }
}

impl Initializer {
    /// Fills `values`, of the shape of `own`.
    pub(super) fn draw(
        &self,
        own: &Named,
        random: &mut Random,
        values: &mut [f32],
    ) -> Result<(), InitializerError> {
        let (distribution, scale) = match self {
            Initializer::Uniform { scale } => (Distribution::Uniform, f64::from(*scale)),
            Initializer::Normal { sigma } => (Distribution::Gaussian, f64::from(*sigma)),
            Initializer::Xavier {
                rnd_type,
                factor_type,
                magnitude,
            } => {
                let factor = factor(own, *factor_type, "Xavier")?;
                (*rnd_type, (f64::from(*magnitude) / factor).sqrt())
            }
            Initializer::MsraPrelu { factor_type, slope } => {
                let factor = factor(own, *factor_type, "MSRAPrelu")?;
                let slope = f64::from(*slope);
                let magnitude = 2.0 / (1.0 + slope * slope);
                (Distribution::Gaussian, (magnitude / factor).sqrt())
            }
            Initializer::Orthogonal { scale, rand_type } => {
                return orthogonal(own, (*scale).into(), *rand_type, random, values);
            }
            _ => return bilinear(own, values),
        };
        for value in values {
            *value = (scale * random.draw(distribution)) as f32;
        }
        Ok(())
    }
}

fn factor(own: &Named, kind: Factor, name: &'static str) -> Result<f64, InitializerError> {
    let [out, inner, window @ ..] = own.shape.as_slice() else {
        return Err(own.refuse(name, "two axes or more"));
    };
    let window: usize = window.iter().product();
    let (inputs, outputs) = ((inner * window) as f64, (out * window) as f64);
    Ok(match kind {
        Factor::Avg => (inputs + outputs) / 2.0,
        Factor::In => inputs,
        Factor::Out => outputs,
    })
}

/// Rows of (out, everything else) that are orthogonal and `scale` long; columns, if there are more rows.
fn orthogonal(
    own: &Named,
    scale: f64,
    distribution: Distribution,
    random: &mut Random,
    values: &mut [f32],
) -> Result<(), InitializerError> {
    let [rows, rest @ ..] = own.shape.as_slice() else {
        return Err(own.refuse("Orthogonal", "one axis or more"));
    };
    let columns: usize = rest.iter().product();
    let (count, len) = (*rows.min(&columns), *rows.max(&columns));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    while vectors.len() < count {
        let mut vector: Vec<f64> = (0..len).map(|_| random.draw(distribution)).collect();
        // Gram and Schmidt's method; the second pass takes away what rounding left in the first.
        for _ in 0..2 {
            for other in &vectors {
                let along: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector
                    .iter_mut()
                    .zip(other)
                    .for_each(|(a, b)| *a -= along * b);
            }
        }
        let norm = vector.iter().map(|a| a * a).sum::<f64>().sqrt();
        // Nearly in the span of the others: draw again.
        if norm > 1e-6 {
            vector.iter_mut().for_each(|a| *a /= norm);
            vectors.push(vector);
        }
    }
    for (at, value) in values.iter_mut().enumerate() {
        let (row, column) = (at / columns, at % columns);
        let own = match *rows <= columns {
            true => vectors[row][column],
            false => vectors[column][row],
        };
        *value = (scale * own) as f32;
    }
    Ok(())
}

/// (1 - |x / f - c|)(1 - |y / f - c|) with f = ceil(width / 2), c = (2 f - 1 - f mod 2) / 2 f.
fn bilinear(own: &Named, values: &mut [f32]) -> Result<(), InitializerError> {
    let &[_, _, height, width] = own.shape.as_slice() else {
        return Err(own.refuse("Bilinear", "four axes"));
    };
    let f = width.div_ceil(2) as f64;
    let c = (2.0 * f - 1.0 - f % 2.0) / (2.0 * f);
    for (at, value) in values.iter_mut().enumerate() {
        let (x, y) = ((at % width) as f64, (at / width % height) as f64);
        *value = ((1.0 - (x / f - c).abs()) * (1.0 - (y / f - c).abs())) as f32;
    }
    Ok(())
}
