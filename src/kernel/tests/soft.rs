//! The loops for cores without an FPU against the portable ones, whose arithmetic is the hardware's: random sizes, equal to the last bit.

use super::{Values, config};
use crate::kernel::blas::{Matrix, Outer, Rates, Tile, Window3, portable, soft};
use crate::products::{Products, Separate};
use proptest::prelude::*;
use std::vec::Vec;

/// Between -1 and 1; now and then a zero of either sign, something subnormal, huge or infinite.
pub(super) fn floats(v: &mut Values, len: usize) -> Vec<f32> {
    let mut floats = v.floats(len);
    for value in &mut floats {
        match v.next() % 40 {
            0 | 1 => *value = 0.0,
            2 => *value = -0.0,
            3 => *value *= 1e-40,
            4 => *value *= 1e-22,
            5 => *value *= 1e22,
            6 if v.next().is_multiple_of(8) => *value = f32::INFINITY,
            _ => {}
        }
    }
    floats
}

/// The bits; of a NaN that it is one.
pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    let bits = |value: &f32| match value.is_nan() {
        true => f32::NAN.to_bits(),
        false => value.to_bits(),
    };
    values.iter().map(bits).collect()
}

pub(super) fn rates(v: &mut Values) -> Rates {
    let [lr, momentum, scale] = v.floats(3)[..] else {
        unreachable!()
    };
    Rates {
        lr: if v.next().is_multiple_of(4) {
            lr * 1e38
        } else {
            lr
        },
        momentum,
        scale: if v.next().is_multiple_of(2) {
            1.0
        } else {
            scale
        },
    }
}

/// Gives the same buffers to both and compares what they leave there and return.
#[track_caller]
pub(super) fn same<R: PartialEq + core::fmt::Debug, const N: usize>(
    buffers: [Vec<f32>; N],
    ours: impl FnOnce(&mut [Vec<f32>; N]) -> R,
    theirs: impl FnOnce(&mut [Vec<f32>; N]) -> R,
) {
    let (mut left, mut right) = (buffers.clone(), buffers);
    assert_eq!(ours(&mut left), theirs(&mut right));
    for (left, right) in left.iter().zip(&right) {
        assert_eq!(bits(left), bits(right));
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn products(
        r in 1..4usize, k in 1..20usize, o in 1..12usize, gap in 0..4usize, biased: bool, add: bool, seed: u64,
    ) {
        let mut v = Values(seed);
        let (x, w) = (floats(&mut v, r * k), floats(&mut v, o * k));
        let (b, y) = (floats(&mut v, if biased { o } else { 0 }), floats(&mut v, r * (o + gap)));
        same([y.clone()],
            |[y]| soft::gemm::<Separate>(k, o, &x, &w, &b, y, o + gap),
            |[y]| portable::gemm::<Separate>(k, o, &x, &w, &b, y, o + gap));
        let (x, y) = (&x[..k], &y[..o]);
        same([y.to_vec()],
            |[y]| soft::gemv::<Separate>(k, x, &w, &b, y, add),
            |[y]| portable::gemv::<Separate>(k, x, &w, &b, y, add));

        let (factors, y) = (floats(&mut v, o), floats(&mut v, k));
        let values = floats(&mut v, o * (k + gap));
        let w = Matrix { values: &values, stride: k + gap };
        same([y.clone()],
            |[y]| soft::gemv_transposed::<Separate>(&factors, w, y, add),
            |[y]| portable::gemv_transposed::<Separate>(&factors, w, y, add));
        same([y],
            |[y]| soft::add_rows(o, w, y),
            |[y]| portable::add_rows(o, w, y));

        // As far as both go.
        let (left, right) = (floats(&mut v, k), floats(&mut v, o));
        same([], |[]| bits(&[soft::dot::<Separate>(&left, &right, b.first().copied().unwrap_or(0.5))]),
            |[]| bits(&[portable::dot::<Separate>(&left, &right, b.first().copied().unwrap_or(0.5))]));
        same([right],
            |[y]| soft::axpy::<Separate>(factors[0], &left, y),
            |[y]| portable::axpy::<Separate>(factors[0], &left, y));
    }

    #[test]
    fn outer_products(
        first in 0..3usize, more in 0..6usize, o in 1..9usize, k in 1..80usize, gap in 0..3usize, add: bool, seed: u64,
    ) {
        let mut v = Values(seed);
        let rows = first + more;
        let delta = floats(&mut v, rows * (o + gap));
        let (x, more_x) = (floats(&mut v, first * (k + gap)), floats(&mut v, more * k));
        let matrix = |values, stride| Matrix { values, stride };
        let outer = Outer {
            products: Products::Separate,
            delta: matrix(&delta[..], o + gap),
            outputs: o,
            x: matrix(&x[..], k + gap),
            x_rows: first,
            more: matrix(&more_x[..], k),
            more_rows: more,
        };
        let (w, m, rates) = (floats(&mut v, o * (k + gap)), floats(&mut v, o * k), rates(&mut v));
        same([w.clone()],
            |[y]| soft::outer_sum::<Separate>(outer, y, k + gap, k, add),
            |[y]| portable::outer_sum::<Separate>(outer, y, k + gap, k, add));
        let w = w[..o * k].to_vec();
        same([w.clone(), m.clone()],
            |[w, m]| soft::outer_sum_momentum::<Separate>(rates, outer, k, w, m),
            |[w, m]| portable::outer_sum_momentum::<Separate>(rates, outer, k, w, m));
        let (delta, x) = (floats(&mut v, o), floats(&mut v, k));
        same([w.clone(), m],
            |[w, m]| soft::outer_momentum(rates, &delta, &x, w, m),
            |[w, m]| portable::outer_momentum(rates, &delta, &x, w, m));
        same([w],
            |[y]| soft::outer_plain(rates, &delta, &x, y),
            |[y]| portable::outer_plain(rates, &delta, &x, y));
    }

    #[test]
    fn updates(rows in 0..5usize, width in 1..20usize, gap in 0..4usize, g_gap in 0..4usize, seed: u64) {
        let mut v = Values(seed);
        let tile = Tile { rows, width, stride: width + gap, g_stride: width + g_gap };
        let (len, rates) = (rows * tile.stride, rates(&mut v));
        let [w, m] = [len; 2].map(|len| floats(&mut v, len));
        let g = floats(&mut v, rows * tile.g_stride);
        same([w.clone(), m],
            |[w, m]| soft::sgd_momentum(rates, tile, w, &g, m),
            |[w, m]| portable::sgd_momentum(rates, tile, w, &g, m));
        same([w],
            |[y]| soft::sgd_plain(rates, tile, y, &g),
            |[y]| portable::sgd_plain(rates, tile, y, &g));
    }

    #[test]
    fn cells(h in 0..20usize, seed: u64) {
        let mut v = Values(seed);
        let [a, b, c] = [h; 3].map(|h| floats(&mut v, h));
        let written = [h; 5].map(|h| floats(&mut v, h));
        let [x, y, ..] = written.clone();
        same([x.clone(), y],
            |[x, y]| soft::lstm_state([&a, &b, &c], x, y),
            |[x, y]| portable::lstm_state([&a, &b, &c], x, y));
        same(written,
            |[i, f, g, o, dc]| soft::lstm_deltas([&a, &b, &c], [i, f, g, o], dc),
            |[i, f, g, o, dc]| portable::lstm_deltas([&a, &b, &c], [i, f, g, o], dc));
        same([x.clone()], |[x]| soft::gru_new(x, &a, &b), |[x]| portable::gru_new(x, &a, &b));
        same([x], |[x]| soft::gru_state(x, &a, &b), |[x]| portable::gru_state(x, &a, &b));
    }

    #[test]
    fn windows(
        height in 1..4usize, width in 3..20usize, channels in 1..4usize, pad in 0..2usize, skipped in 0..2usize, seed: u64,
    ) {
        let mut v = Values(seed);
        let skipped = skipped.min(height - 1);
        let window = Window3 {
            x: &floats(&mut v, channels * 5 * width),
            w: &floats(&mut v, channels * height * 3),
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
        same([floats(&mut v, width + 2 * pad - 2)],
            |[y]| soft::window3::<Separate>(window, y),
            |[y]| portable::window3::<Separate>(window, y));
    }
}
