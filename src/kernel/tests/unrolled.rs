//! The loops for many registers against the portable ones: random sizes, equal to the last bit.

use super::soft::{floats, rates, same};
use super::{Values, config};
use crate::kernel::blas::{Matrix, Window3, portable, unrolled};
use crate::products::{Fused, MulAdd, Separate};
use proptest::prelude::*;
use std::vec::Vec;

/// Sizes of a product: rows, inputs, outputs, and what lies between rows.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    r: usize,
    k: usize,
    o: usize,
    gap: usize,
}

fn products<P: MulAdd>(Sizes { r, k, o, gap }: Sizes, [biased, add]: [bool; 2], v: &mut Values) {
    let (x, w) = (floats(v, r * k), floats(v, o * k));
    let (b, y) = (
        floats(v, if biased { o } else { 0 }),
        floats(v, r * (o + gap)),
    );
    same(
        [y],
        |[y]| unrolled::gemm::<P>(k, o, &x, &w, &b, y, o + gap),
        |[y]| portable::gemm::<P>(k, o, &x, &w, &b, y, o + gap),
    );
    let (factors, y) = (floats(v, o), floats(v, k));
    let values = floats(v, o * (k + gap));
    let w = Matrix {
        values: &values,
        stride: k + gap,
    };
    same(
        [y],
        |[y]| unrolled::gemv_transposed::<P>(&factors, w, y, add),
        |[y]| portable::gemv_transposed::<P>(&factors, w, y, add),
    );
}

fn windows<P: MulAdd>(window: Window3<'_>, y: Vec<f32>) {
    same(
        [y],
        |[y]| unrolled::window3::<P>(window, y),
        |[y]| portable::window3::<P>(window, y),
    );
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn sums_of_products(r in 1..6usize, k in 1..45usize, o in 1..12usize, gap in 0..4usize, biased: bool, add: bool, seed: u64) {
        let (mut v, sizes) = (Values(seed), Sizes { r, k, o, gap });
        products::<Separate>(sizes, [biased, add], &mut v);
        products::<Fused>(sizes, [biased, add], &mut v);
    }

    #[test]
    fn updates(o in 1..9usize, k in 1..40usize, seed: u64) {
        let mut v = Values(seed);
        let [w, m] = [o * k; 2].map(|len| floats(&mut v, len));
        let (delta, x, rates) = (floats(&mut v, o), floats(&mut v, k), rates(&mut v));
        same([w.clone(), m],
            |[w, m]| unrolled::outer_momentum(rates, &delta, &x, w, m),
            |[w, m]| portable::outer_momentum(rates, &delta, &x, w, m));
        same([w],
            |[w]| unrolled::outer_plain(rates, &delta, &x, w),
            |[w]| portable::outer_plain(rates, &delta, &x, w));
    }

    #[test]
    fn outputs_of_windows(
        height in 1..4usize, width in 3..30usize, channels in 1..4usize, pad in 0..2usize, skipped in 0..2usize, seed: u64,
    ) {
        let mut v = Values(seed);
        let skipped = skipped.min(height - 1);
        // Parameters are finite.
        let mut w = floats(&mut v, channels * height * 3);
        w.iter_mut().filter(|w| w.is_infinite()).for_each(|w| *w = 1.0);
        let window = Window3 {
            x: &floats(&mut v, channels * 5 * width),
            w: &w,
            channels,
            plane: 5 * width,
            width,
            height,
            taps: (skipped, height - skipped),
            first: 1,
            dilate: 1,
            pad,
            bias: v.floats(1)[0],
        };
        let y = floats(&mut v, width + 2 * pad - 2);
        windows::<Separate>(window, y.clone());
        windows::<Fused>(window, y);
    }
}
