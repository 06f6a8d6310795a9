//! Rates that follow a curve from a first to a final one.

use core::f32::consts::PI;

use super::{Schedule, ScheduleError, Start};

/// What both curves have.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Curve {
    max_update: u32,
    final_lr: f32,
    start: Start,
    base_lr: f32,
}

impl Curve {
    fn new(max_update: u32, final_lr: f32, start: Start) -> Result<Self, ScheduleError> {
        start.check()?;
        if max_update == 0 || max_update == start.warmup_steps {
            return Err(ScheduleError::MaxUpdate);
        }
        Ok(Self {
            max_update,
            final_lr,
            start,
            base_lr: start.base_lr,
        })
    }

    /// `curve` falls from 1 to 0 while its argument rises from 0 to 1.
    fn lr(&mut self, num_update: u32, curve: impl Fn(f32) -> f32) -> f32 {
        if let Some(lr) = self.start.warmup(num_update) {
            return lr;
        }
        if num_update <= self.max_update {
            // The warm-up is over, so it is not longer than either.
            let done = num_update.saturating_sub(self.start.warmup_steps);
            let all = self.max_update.saturating_sub(self.start.warmup_steps);
            let range = self.start.base_lr - self.final_lr;
            self.base_lr = self.final_lr + range * curve(done as f32 / all as f32);
        }
        self.base_lr
    }
}

/// A power of the share of updates that are left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poly {
    curve: Curve,
    power: u32,
}

impl Poly {
    /// MXNet's `power` (`pwr`) is 2 and its `final_lr` 0 unless told.
    pub fn new(
        max_update: u32,
        power: u32,
        final_lr: f32,
        start: Start,
    ) -> Result<Self, ScheduleError> {
        let curve = Curve::new(max_update, final_lr, start)?;
        Ok(Self { curve, power })
    }
}

impl Schedule for Poly {
    fn lr(&mut self, num_update: u32) -> f32 {
        let exponent = self.power;
        self.curve
            .lr(num_update, |done| power(1.0 - done, exponent))
    }

    fn set_base_lr(&mut self, base_lr: f32) {
        self.curve.base_lr = base_lr;
    }

    fn base_lr(&self) -> f32 {
        self.curve.base_lr
    }
}

/// Half a period of a cosine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cosine {
    curve: Curve,
}

impl Cosine {
    /// MXNet's `final_lr` is 0 unless told.
    pub fn new(max_update: u32, final_lr: f32, start: Start) -> Result<Self, ScheduleError> {
        let curve = Curve::new(max_update, final_lr, start)?;
        Ok(Self { curve })
    }
}

impl Schedule for Cosine {
    fn lr(&mut self, num_update: u32) -> f32 {
        self.curve.lr(num_update, |done| (1.0 + cos_pi(done)) * 0.5)
    }

    fn set_base_lr(&mut self, base_lr: f32) {
        self.curve.base_lr = base_lr;
    }

    fn base_lr(&self) -> f32 {
        self.curve.base_lr
    }
}

/// x^exponent.
fn power(x: f32, exponent: u32) -> f32 {
    let (mut result, mut square, mut left) = (1.0, x, exponent);
    while left != 0 {
        if left & 1 == 1 {
            result *= square;
        }
        square *= square;
        left >>= 1;
    }
    result
}

/// cos(pi x) for x from 0 to 1: Taylor's series on an eighth of the circle.
fn cos_pi(x: f32) -> f32 {
    if x > 0.5 {
        return -cos_pi_quarter(1.0 - x);
    }
    cos_pi_quarter(x)
}

/// cos(pi x) for x from 0 to 1/2.
fn cos_pi_quarter(x: f32) -> f32 {
    if x <= 0.25 {
        let z = x * x * (PI * PI);
        1.0 - z * (1.0 / 2.0 - z * (1.0 / 24.0 - z * (1.0 / 720.0 - z * (1.0 / 40320.0))))
    } else {
        // The sine of what is left to 1/2.
        let a = (0.5 - x) * PI;
        let z = a * a;
        a * (1.0 - z * (1.0 / 6.0 - z * (1.0 / 120.0 - z * (1.0 / 5040.0 - z * (1.0 / 362880.0)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_is_within_its_bound() {
        let worst = (0..=100_000)
            .map(|i| {
                let x = i as f32 / 100_000.0;
                let exact = (core::f64::consts::PI * f64::from(x)).cos();
                (f64::from(cos_pi(x)) - exact).abs()
            })
            .fold(0.0, f64::max);
        assert!(worst <= 1e-7, "{worst:e}");
        assert_eq!((cos_pi(0.0), cos_pi(0.5), cos_pi(1.0)), (1.0, 0.0, -1.0));
    }

    #[test]
    fn powers_are_products() {
        assert_eq!((power(0.0, 0), power(0.0, 2)), (1.0, 0.0));
        assert_eq!((power(3.0, 1), power(3.0, 5)), (3.0, 243.0));
    }
}
