//! [`portable`](super::portable)'s loops written out over tiles that stay in registers: for RISC-V with F, whose FPU has 32 of them, and whose
//! loads and stores move no pointer, so that a short loop is mostly its own counting. In Rust: what assembly would add is little.

use super::{Matrix, Rates, Window3};
use crate::kernel::finite::finite;
use crate::kernel::rows::{Strided, rows, rows_mut, strided_mut};
use crate::products::MulAdd;

pub use super::portable::{
    add_rows, all_finite, axpy, copy, dot, gemv, gemv_two, gru_new, gru_state, lstm_deltas,
    lstm_state, outer_sum, outer_sum_momentum, relu, relu_backward, sgd_momentum, sgd_plain,
};

/// As [`portable::gemm`](super::portable::gemm), two rows of x by four of w at a time.
pub fn gemm<P: MulAdd>(
    inputs: usize,
    outputs: usize,
    x: &[f32],     // [R, K]
    w: &[f32],     // [O, K]
    b: &[f32],     // [O] or empty
    y: &mut [f32], // [R, O]
    stride: usize,
) {
    let mut x = rows(x, inputs);
    let mut y = strided_mut(y, 0, stride, outputs);
    while let (Some(x0), Some(y0)) = (x.next(), y.next()) {
        match (x.next(), y.next()) {
            (Some(x1), Some(y1)) => two_rows::<P>([x0, x1], w, b, [y0, y1]),
            _ => gemv::<P>(inputs, x0, w, b, y0, false),
        }
    }
}

fn two_rows<P: MulAdd>(x: [&[f32]; 2], w: &[f32], b: &[f32], [y0, y1]: [&mut [f32]; 2]) {
    let mut w = rows(w, x[0].len());
    let mut b = b.iter();
    // Adding -0 for a missing bias changes no bit.
    let mut bias = || b.next().copied().unwrap_or(-0.0);
    let (fours0, last0) = y0.as_chunks_mut::<4>();
    let (fours1, last1) = y1.as_chunks_mut::<4>();
    for (y0, y1) in fours0.iter_mut().zip(fours1) {
        let Some(four) = w.next_four() else { return };
        let [sums0, sums1] = products::<P>(x, four);
        for (((y0, y1), sum0), sum1) in y0.iter_mut().zip(y1).zip(sums0).zip(sums1) {
            let bias = bias();
            (*y0, *y1) = (sum0 + bias, sum1 + bias);
        }
    }
    for ((y0, y1), w) in last0.iter_mut().zip(last1).zip(w) {
        let bias = bias();
        *y0 = dot::<P>(x[0], w, 0.0) + bias;
        *y1 = dot::<P>(x[1], w, 0.0) + bias;
    }
}

/// Each row of x times each of w.
#[inline(always)]
fn products<P: MulAdd>(x: [&[f32]; 2], w: [&[f32]; 4]) -> [[f32; 4]; 2] {
    let [x0, x1] = x.map(<[f32]>::as_chunks::<2>);
    let [w0, w1, w2, w3] = w.map(<[f32]>::as_chunks::<2>);
    let mut sums = [[0.0; 4]; 2];
    let mut add = |x: [f32; 2], w: [f32; 4]| {
        for (sums, x) in sums.iter_mut().zip(x) {
            for (sum, w) in sums.iter_mut().zip(w) {
                *sum = P::mul_add(x, w, *sum);
            }
        }
    };
    let twos = x0.0.iter().zip(x1.0);
    let twos = twos.zip(w0.0.iter().zip(w1.0).zip(w2.0).zip(w3.0));
    for ((x0, x1), (((w0, w1), w2), w3)) in twos {
        add([x0[0], x1[0]], [w0[0], w1[0], w2[0], w3[0]]);
        add([x0[1], x1[1]], [w0[1], w1[1], w2[1], w3[1]]);
    }
    let last = x0.1.iter().zip(x1.1);
    let last = last.zip(w0.1.iter().zip(w1.1).zip(w2.1).zip(w3.1));
    for ((x0, x1), (((w0, w1), w2), w3)) in last {
        add([*x0, *x1], [*w0, *w1, *w2, *w3]);
    }
    sums
}

/// As [`portable::gemv_transposed`](super::portable::gemv_transposed), sixteen columns at a time.
pub fn gemv_transposed<P: MulAdd>(
    factors: &[f32], // [R]
    w: Matrix<'_>,   // [R, K]
    y: &mut [f32],   // [K]
    add: bool,
) {
    if !w.holds(factors.len(), y.len()) {
        return;
    }
    if !add {
        y.fill(0.0);
    }
    let (sixteens, rest) = y.as_chunks_mut::<16>();
    let (fours, last) = rest.as_chunks_mut::<4>();
    let mut at = 0usize;
    for y in sixteens {
        columns::<P, 16>(factors, w, at, y);
        at = at.saturating_add(16);
    }
    for y in fours {
        columns::<P, 4>(factors, w, at, y);
        at = at.saturating_add(4);
    }
    for y in last {
        columns::<P, 1>(factors, w, at, core::array::from_mut(y));
        at = at.saturating_add(1);
    }
}

#[inline(always)]
fn columns<P: MulAdd, const W: usize>(
    factors: &[f32],
    w: Matrix<'_>,
    first: usize,
    y: &mut [f32; W],
) {
    let rows = Strided {
        values: w.values,
        first,
        stride: w.stride,
    };
    let mut sums = *y;
    for (factor, w) in factors.iter().zip(rows.rows(W)) {
        let Some(w) = w.first_chunk::<W>() else {
            return;
        };
        for (sum, w) in sums.iter_mut().zip(w) {
            *sum = P::mul_add(*factor, *w, *sum);
        }
    }
    *y = sums;
}

/// As [`portable::outer_momentum`](super::portable::outer_momentum). The sum of the new weights is finite only if each is.
pub fn outer_momentum(
    rates: Rates,
    delta: &[f32], // [O]
    x: &[f32],     // [K]
    w: &mut [f32], // [O, K]
    m: &mut [f32], // [O, K]
) -> bool {
    let mut total = 0.0;
    let mut step = |delta: f32, x: f32, w: &mut f32, m: &mut f32| {
        *m = rates.momentum * *m - rates.lr * (delta * x);
        *w += *m;
        total += *w;
    };
    let (x_eights, x_last) = x.as_chunks::<8>();
    let rows = rows_mut(w, x.len()).zip(rows_mut(m, x.len()));
    for ((w, m), delta) in rows.zip(delta) {
        let (w_eights, w_last) = w.as_chunks_mut::<8>();
        let (m_eights, m_last) = m.as_chunks_mut::<8>();
        for ((w, m), x) in w_eights.iter_mut().zip(m_eights).zip(x_eights) {
            for ((w, m), x) in w.iter_mut().zip(m).zip(x) {
                step(*delta, *x, w, m);
            }
        }
        for ((w, m), x) in w_last.iter_mut().zip(m_last).zip(x_last) {
            step(*delta, *x, w, m);
        }
    }
    finite(total) || all_finite(w)
}

/// As [`portable::outer_plain`](super::portable::outer_plain).
pub fn outer_plain(
    rates: Rates,
    delta: &[f32], // [O]
    x: &[f32],     // [K]
    w: &mut [f32], // [O, K]
) -> bool {
    let mut total = 0.0;
    let mut step = |delta: f32, x: f32, w: &mut f32| {
        *w -= rates.lr * (delta * x);
        total += *w;
    };
    let (x_eights, x_last) = x.as_chunks::<8>();
    for (w, delta) in rows_mut(w, x.len()).zip(delta) {
        let (w_eights, w_last) = w.as_chunks_mut::<8>();
        for (w, x) in w_eights.iter_mut().zip(x_eights) {
            for (w, x) in w.iter_mut().zip(x) {
                step(*delta, *x, w);
            }
        }
        for (w, x) in w_last.iter_mut().zip(x_last) {
            step(*delta, *x, w);
        }
    }
    finite(total) || all_finite(w)
}

/// As [`portable::window3`](super::portable::window3), for finite weights, eight outputs at a time: their sums stay in registers over all
/// channels and rows. Zeros stand for what the padding leaves out; a sum that starts from +0 is never -0, so their products change no bit.
pub fn window3<P: MulAdd>(window: Window3<'_>, y: &mut [f32]) {
    if !window.fits(y.len()) {
        return;
    }
    let (eights, last) = y.as_chunks_mut::<8>();
    let mut at = 0usize;
    for y in eights {
        outputs::<P, 8>(window, at, y);
        at = at.saturating_add(8);
    }
    for y in last {
        outputs::<P, 1>(window, at, core::array::from_mut(y));
        at = at.saturating_add(1);
    }
}

/// The outputs from `at` on.
#[inline(always)]
fn outputs<P: MulAdd, const N: usize>(window: Window3<'_>, at: usize, y: &mut [f32; N]) {
    let (skipped, rows_seen) = window.taps;
    // What the middle tap of the first output reads.
    let middle = at.saturating_add(1).saturating_sub(window.pad);
    let mut sums = [0.0; N];
    let planes = rows(window.x, window.plane).take(window.channels);
    for (plane, w) in planes.zip(rows(window.w, window.height.saturating_mul(3))) {
        let mut from = window.first.saturating_mul(window.width);
        let (taps, _) = w.as_chunks::<3>();
        for [a, b, c] in taps.iter().skip(skipped).take(rows_seen) {
            let x = plane.get(from..from.saturating_add(window.width));
            let Some((left, right)) = x.and_then(|x| x.split_at_checked(middle)) else {
                return;
            };
            let Some((under, after)) = right.split_first_chunk::<N>() else {
                return;
            };
            let mut before = left.last().copied().unwrap_or(0.0);
            let after = after.first().copied().unwrap_or(0.0);
            let behind = under.iter().skip(1).chain([&after]);
            for ((sum, x), behind) in sums.iter_mut().zip(under).zip(behind) {
                *sum = P::mul_add(*a, before, *sum);
                *sum = P::mul_add(*b, *x, *sum);
                *sum = P::mul_add(*c, *behind, *sum);
                before = *x;
            }
            from = from.saturating_add(window.dilate.saturating_mul(window.width));
        }
    }
    for (y, sum) in y.iter_mut().zip(sums) {
        // A fused sum may be -0, where the padding's zeros make it +0.
        let sum = if P::FUSED { sum + 0.0 } else { sum };
        *y = sum + window.bias;
    }
}
