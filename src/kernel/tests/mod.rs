//! Every kernel against a naive twin, and every gradient against finite differences in f64.
//!
//! The twins index their arrays, as the kernels must not; those in f32 must give the same bits. proptest chooses
//! the shapes, [`Values`] the numbers.

mod dense;
mod embedding;
#[cfg(feature = "ftz")]
mod flushed;
mod half;
mod loss;
mod recurrent;
mod shape;
#[cfg(feature = "exact")]
mod soft;
mod total;
#[cfg(all(feature = "exact", feature = "fma"))]
mod unrolled;
mod unsafe_code;
mod window;

use crate::optim::{At, Optimizer, Sgd, States, Update};
use crate::products::Products;
use proptest::test_runner::{Config, RngSeed};
use std::vec::Vec;

/// The same cases in every run.
fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(17),
        ..Config::default()
    }
}

/// Numbers that look random, from a seed.
struct Values(u64);

impl Values {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Between -1 and 1.
    fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len)
            .map(|_| (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0)
            .collect()
    }

    /// Below `end`.
    fn ints(&mut self, len: usize, end: usize) -> Vec<u16> {
        (0..len)
            .map(|_| (self.next() % end as u64) as u16)
            .collect()
    }
}

/// The bits, so that a difference in the sign of zero counts.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The ways in which products join sums that this build has.
const PRODUCTS: &[Products] = &[
    #[cfg(feature = "exact")]
    Products::Separate,
    #[cfg(feature = "fma")]
    Products::Fused,
    #[cfg(feature = "ftz")]
    Products::Flushed,
];

/// `sum` + a b; rounded once by std, or by integers.
fn mul_add(products: Products, a: f32, b: f32, sum: f32) -> f32 {
    match products {
        #[cfg(feature = "exact")]
        Products::Separate => sum + a * b,
        #[cfg(feature = "fma")]
        Products::Fused => a.mul_add(b, sum),
        #[cfg(feature = "ftz")]
        Products::Flushed => flushed::by_integers(a, b, sum),
    }
}

/// What a kernel updates weights with: momenta of a parameter of `len` elements.
fn update(mut sgd: Sgd, m: &mut [f32], len: usize) -> Update<'_, Sgd> {
    Update::new(sgd.begin(At::default()), States::new(m, len))
}

/// The same for a whole parameter at once; whether all weights are finite.
fn apply(sgd: Sgd, w: &mut [f32], g: &[f32], m: &mut [f32]) -> bool {
    let len = w.len();
    update(sgd, m, len).row(0, w, g).is_ok()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// Within `tolerance`, relative to values above 1.
#[track_caller]
fn assert_close(ours: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(ours.len(), expected.len(), "{what}");
    for (i, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        let error = (f64::from(*ours) - expected).abs();
        assert!(
            error <= tolerance * expected.abs().max(1.0),
            "{what}[{i}]: {ours}, expected {expected}"
        );
    }
}

/// df/dx by central differences.
fn gradient(x: &[f32], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let mut x = wide(x);
    (0..x.len())
        .map(|i| {
            let here = x[i];
            x[i] = here + STEP;
            let above = f(&x);
            x[i] = here - STEP;
            let below = f(&x);
            x[i] = here;
            (above - below) / (2.0 * STEP)
        })
        .collect()
}
