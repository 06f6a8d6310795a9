//! For cores without an FPU, where an addition or a multiplication is a call that takes more than everything around it: with
//! [`Soft`], and in loops with so few values that they stay in the registers a call leaves alone (four of a Cortex-M0+). Sums side by side,
//! which hide an FPU's latency in the other version, would be on the stack here. Rows go by four values at a time, so that pointers and
//! counts move once for the four.
//!
//! Sums that round once (the recipe `fma`) have the portable loops: `fmaf` in integers takes more than all around it.

use super::{Matrix, Outer, Rates, Tile, Window3};
use crate::kernel::finite::finite;
use crate::kernel::rows::{Strided, rows, rows_mut, strided_mut};
use crate::math::soft::Soft;
use crate::products::MulAdd;

use super::portable;
pub use super::portable::{all_finite, copy, relu, relu_backward};

/// As [`portable::gemv`].
pub fn gemv<P: MulAdd>(
    inputs: usize,
    x: &[f32],     // [K]
    w: &[f32],     // [O, K]
    b: &[f32],     // [O] or empty
    y: &mut [f32], // [O]
    add: bool,
) {
    if P::FUSED {
        return portable::gemv::<P>(inputs, x, w, b, y, add);
    }
    let mut b = b.iter();
    for (y, w) in y.iter_mut().zip(rows(w, inputs)) {
        let mut value = sum_of_products(x, w);
        if let Some(b) = b.next() {
            value = value + Soft(*b);
        }
        if add {
            value = Soft(*y) + value;
        }
        *y = value.0;
    }
}

/// As [`portable::gemv_two`].
pub fn gemv_two<P: MulAdd>(
    inputs: usize,
    x: &[f32],        // [K]
    w: &[f32],        // [O + P, K]
    b: &[f32],        // [O + P] or empty
    y: &mut [f32],    // [O]
    then: &mut [f32], // [P]
) {
    portable::one_by_one(inputs, w, b, y, then, |w, b, y, add| {
        gemv::<P>(inputs, x, w, b, y, add);
    });
}

/// As [`portable::gemm`].
pub fn gemm<P: MulAdd>(
    inputs: usize,
    outputs: usize,
    x: &[f32],     // [R, K]
    w: &[f32],     // [O, K]
    b: &[f32],     // [O] or empty
    y: &mut [f32], // [R, O]
    stride: usize,
) {
    for (x, y) in rows(x, inputs).zip(strided_mut(y, 0, stride, outputs)) {
        gemv::<P>(inputs, x, w, b, y, false);
    }
}

/// +0 + x\[0\] w\[0\] + x\[1\] w\[1\] + ...
#[inline(never)]
fn sum_of_products(x: &[f32], w: &[f32]) -> Soft {
    let (Some((x0, x)), Some((w0, w))) = (x.split_first(), w.split_first()) else {
        return Soft(0.0);
    };
    let first = onto_zero(Soft(*x0) * Soft(*w0));
    more_products(x, w, first)
}

/// As [`portable::dot`].
pub fn dot<P: MulAdd>(x: &[f32], w: &[f32], sum: f32) -> f32 {
    if P::FUSED {
        return portable::dot::<P>(x, w, sum);
    }
    more_products(x, w, Soft(sum)).0
}

/// sum + x\[0\] w\[0\] + x\[1\] w\[1\] + ...
#[inline(always)]
fn more_products(x: &[f32], w: &[f32], sum: Soft) -> Soft {
    let len = x.len().min(w.len());
    let (Some(x), Some(w)) = (x.get(..len), w.get(..len)) else {
        return sum;
    };
    let more = |sum: Soft, (x, w): (&f32, &f32)| sum.plus(Soft(*x), Soft(*w));
    let ((x, x_last), (w, w_last)) = (x.as_chunks::<4>(), w.as_chunks::<4>());
    let sum = x
        .iter()
        .zip(w)
        .fold(sum, |sum, (x, w)| x.iter().zip(w).fold(sum, more));
    x_last.iter().zip(w_last).fold(sum, more)
}

/// +0 + x
#[inline(always)]
fn onto_zero(x: Soft) -> Soft {
    if x.0.to_bits() == (-0.0f32).to_bits() {
        Soft(0.0)
    } else {
        x
    }
}

/// As [`portable::gemv_transposed`].
pub fn gemv_transposed<P: MulAdd>(
    factors: &[f32], // [R]
    w: Matrix<'_>,   // [R, K]
    y: &mut [f32],   // [K]
    add: bool,
) {
    if P::FUSED {
        return portable::gemv_transposed::<P>(factors, w, y, add);
    }
    if !w.holds(factors.len(), y.len()) {
        return;
    }
    if !add {
        y.fill(0.0);
    }
    for (at, factor) in factors.iter().enumerate() {
        axpy::<P>(*factor, w.row(at, y.len()), y);
    }
}

/// As [`portable::add_rows`].
pub fn add_rows(count: usize, w: Matrix<'_>, y: &mut [f32]) {
    let width = y.len();
    if !w.holds(count, width) {
        return;
    }
    for at in 0..count {
        for (y, w) in y.iter_mut().zip(w.row(at, width)) {
            *y = (Soft(*y) + Soft(*w)).0;
        }
    }
}

/// As [`portable::axpy`].
#[inline(never)]
pub fn axpy<P: MulAdd>(a: f32, x: &[f32], y: &mut [f32]) {
    if P::FUSED {
        return portable::axpy::<P>(a, x, y);
    }
    let len = x.len().min(y.len());
    let (Some(x), Some(y)) = (x.get(..len), y.get_mut(..len)) else {
        return;
    };
    let more = |(y, x): (&mut f32, &f32)| Soft(a).product_onto(Soft(*x), y);
    let ((x, x_last), (y, y_last)) = (x.as_chunks::<4>(), y.as_chunks_mut::<4>());
    for (y, x) in y.iter_mut().zip(x) {
        y.iter_mut().zip(x).for_each(more);
    }
    y_last.iter_mut().zip(x_last).for_each(more);
}

/// y = +0 + a x
fn scaled(a: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = onto_zero(Soft(a) * Soft(*x)).0;
    }
}

/// As [`portable::outer_sum`].
pub fn outer_sum<P: MulAdd>(
    outer: Outer<'_>,
    sum: &mut [f32],
    stride: usize,
    width: usize,
    add: bool,
) {
    if P::FUSED {
        return portable::outer_sum::<P>(outer, sum, stride, width, add);
    }
    if !outer.fits(sum.len(), stride, width) {
        return;
    }
    let sums = strided_mut(sum, 0, stride, width).take(outer.outputs);
    for (o, sum) in sums.enumerate() {
        let deltas = Strided {
            values: outer.delta.values,
            first: o,
            stride: outer.delta.stride,
        };
        let inputs = [(outer.x, outer.x_rows), (outer.more, outer.more_rows)];
        let inputs = inputs
            .into_iter()
            .flat_map(|(x, rows)| (0..rows).map(move |at| x.row(at, width)));
        let mut is_first = !add;
        for (delta, x) in deltas.column(0).zip(inputs) {
            match is_first {
                true => scaled(delta, x, sum),
                false => axpy::<P>(delta, x, sum),
            }
            is_first = false;
        }
        if is_first {
            sum.fill(0.0);
        }
    }
}

/// As [`portable::outer_sum_momentum`].
pub fn outer_sum_momentum<P: MulAdd>(
    rates: Rates,
    outer: Outer<'_>,
    width: usize,
    w: &mut [f32], // [O, K]
    m: &mut [f32], // [O, K]
) -> bool {
    if !outer.fits(w.len().min(m.len()), width, width) {
        return true;
    }
    let mut g = [0.0; COLUMNS];
    let mut ok = true;
    let rows = rows_mut(w, width).zip(rows_mut(m, width));
    for (o, (mut w, mut m)) in rows.take(outer.outputs).enumerate() {
        let mut k = 0;
        while k < width {
            let here = width.saturating_sub(k).min(COLUMNS);
            let part = outer.part(o..o.saturating_add(1), k);
            outer_sum::<P>(part, &mut g, COLUMNS, here, false);
            let (Some(w), Some(m)) = (w.split_off_mut(..here), m.split_off_mut(..here)) else {
                return ok;
            };
            ok &= sgd_momentum(rates, Tile::row(here), w, &g, m);
            k = k.saturating_add(COLUMNS);
        }
    }
    ok
}

/// What [`outer_sum_momentum`] forms of a gradient at a time.
const COLUMNS: usize = 64;

/// As [`portable::outer_momentum`].
pub fn outer_momentum(
    rates: Rates,
    delta: &[f32], // [O]
    x: &[f32],     // [K]
    w: &mut [f32], // [O, K]
    m: &mut [f32], // [O, K]
) -> bool {
    let mut ok = true;
    let rows = rows_mut(w, x.len()).zip(rows_mut(m, x.len()));
    for ((w, m), delta) in rows.zip(delta) {
        ok &= momentum_row(rates, *delta, x, w, m);
    }
    ok
}

/// m = -lr (s x) + mu m, w += m. Whether all of w is finite then.
#[inline(never)]
fn momentum_row(rates: Rates, s: f32, x: &[f32], w: &mut [f32], m: &mut [f32]) -> bool {
    let (down, momentum) = (-Soft(rates.lr), Soft(rates.momentum));
    let mut ok = true;
    let mut more = |((w, m), x): ((&mut f32, &mut f32), &f32)| {
        let moved = down * (Soft(s) * Soft(*x));
        let kept = moved.plus(momentum, Soft(*m));
        *m = kept.0;
        *w = (Soft(*w) + kept).0;
        ok &= finite(*w);
    };
    let ((w, w_last), (m, m_last)) = (w.as_chunks_mut::<4>(), m.as_chunks_mut::<4>());
    let (x, x_last) = x.as_chunks::<4>();
    for ((w, m), x) in w.iter_mut().zip(m).zip(x) {
        w.iter_mut().zip(m).zip(x).for_each(&mut more);
    }
    w_last.iter_mut().zip(m_last).zip(x_last).for_each(more);
    ok
}

/// As [`portable::outer_plain`].
pub fn outer_plain(
    rates: Rates,
    delta: &[f32], // [O]
    x: &[f32],     // [K]
    w: &mut [f32], // [O, K]
) -> bool {
    let mut ok = true;
    for (w, delta) in rows_mut(w, x.len()).zip(delta) {
        ok &= plain_row(rates, *delta, x, w);
    }
    ok
}

/// w += -lr (s x). Whether all of w is finite then.
fn plain_row(rates: Rates, s: f32, x: &[f32], w: &mut [f32]) -> bool {
    let down = -Soft(rates.lr);
    let mut ok = true;
    for (w, x) in w.iter_mut().zip(x) {
        down.product_onto(Soft(s) * Soft(*x), w);
        ok &= finite(*w);
    }
    ok
}

/// As [`portable::sgd_momentum`].
pub fn sgd_momentum(rates: Rates, tile: Tile, w: &mut [f32], g: &[f32], m: &mut [f32]) -> bool {
    if !tile.fits(w.len().min(m.len()), g.len()) {
        return true;
    }
    let mut ok = true;
    let g = Strided::contiguous(g, tile.g_stride);
    let rows =
        strided_mut(w, 0, tile.stride, tile.width).zip(strided_mut(m, 0, tile.stride, tile.width));
    for ((w, m), g) in rows.zip(g.rows(tile.width)).take(tile.rows) {
        ok &= if rates.scale.to_bits() == 1f32.to_bits() {
            momentum_unscaled(rates, g, w, m)
        } else {
            momentum_row(rates, rates.scale, g, w, m)
        };
    }
    ok
}

/// [`momentum_row`] where s is 1.
fn momentum_unscaled(rates: Rates, g: &[f32], w: &mut [f32], m: &mut [f32]) -> bool {
    let (down, momentum) = (-Soft(rates.lr), Soft(rates.momentum));
    let mut ok = true;
    for ((w, m), g) in w.iter_mut().zip(m).zip(g) {
        let kept = (down * Soft(*g)).plus(momentum, Soft(*m));
        *m = kept.0;
        *w = (Soft(*w) + kept).0;
        ok &= finite(*w);
    }
    ok
}

/// As [`portable::sgd_plain`].
pub fn sgd_plain(rates: Rates, tile: Tile, w: &mut [f32], g: &[f32]) -> bool {
    if !tile.fits(w.len(), g.len()) {
        return true;
    }
    let mut ok = true;
    let g = Strided::contiguous(g, tile.g_stride);
    let rows = strided_mut(w, 0, tile.stride, tile.width);
    for (w, g) in rows.zip(g.rows(tile.width)).take(tile.rows) {
        ok &= plain_row(rates, rates.scale, g, w);
    }
    ok
}

/// As [`portable::lstm_state`].
pub fn lstm_state([i, f, g]: [&[f32]; 3], c: &mut [f32], h: &mut [f32]) {
    for ((((i, f), g), c), h) in i.iter().zip(f).zip(g).zip(c).zip(h) {
        *c = (Soft(*f) * Soft(*c)).plus(Soft(*i), Soft(*g)).0;
        *h = *c;
    }
}

/// As [`portable::lstm_deltas`].
pub fn lstm_deltas(
    [c_before, t, dh]: [&[f32]; 3],
    [i, f, g, o]: [&mut [f32]; 4], // activated in, deltas out
    dc: &mut [f32],                // of this step in, of the one before out
) {
    let sigmoid_slope = |y: Soft| y * (Soft(1.0) - y);
    let tanh_slope = |y: Soft| Soft(1.0).plus(-y, y);
    let read = c_before.iter().zip(t).zip(dh);
    let written = i.iter_mut().zip(f).zip(g).zip(o).zip(dc);
    for (((c_before, t), dh), ((((i, f), g), o), dc)) in read.zip(written) {
        let [vi, vf, vg, vo] = [*i, *f, *g, *o].map(Soft);
        let (t, dh) = (Soft(*t), Soft(*dh));
        let now = Soft(*dc).plus(dh * vo, tanh_slope(t));
        *i = (now * vg * sigmoid_slope(vi)).0;
        *f = (now * Soft(*c_before) * sigmoid_slope(vf)).0;
        *g = (now * vi * tanh_slope(vg)).0;
        *o = (dh * t * sigmoid_slope(vo)).0;
        *dc = (now * vf).0;
    }
}

/// As [`portable::gru_new`].
pub fn gru_new(n: &mut [f32], r: &[f32], q: &[f32]) {
    for ((n, r), q) in n.iter_mut().zip(r).zip(q) {
        *n = Soft(*n).plus(Soft(*r), Soft(*q)).0;
    }
}

/// As [`portable::gru_state`].
pub fn gru_state(h: &mut [f32], z: &[f32], n: &[f32]) {
    for ((h, z), n) in h.iter_mut().zip(z).zip(n) {
        let z = Soft(*z);
        *h = ((Soft(1.0) - z) * Soft(*n)).plus(z, Soft(*h)).0;
    }
}

/// As [`portable::window3`].
pub fn window3<P: MulAdd>(window: Window3<'_>, y: &mut [f32]) {
    if P::FUSED {
        return portable::window3::<P>(window, y);
    }
    if !window.fits(y.len()) {
        return;
    }
    let (skipped, rows_seen) = window.taps;
    y.fill(0.0);
    let planes = rows(window.x, window.plane).take(window.channels);
    for (plane, w) in planes.zip(rows(window.w, window.height.saturating_mul(3))) {
        let mut at = window.first;
        for w in rows(w, 3).skip(skipped).take(rows_seen) {
            let x = Matrix {
                values: plane,
                stride: window.width,
            };
            let x = x.row(at, window.width);
            for (tap, w) in w.iter().enumerate() {
                // Output 0 reads the input `tap - pad`.
                let (x, y) = match tap.checked_sub(window.pad) {
                    Some(from) => (x.get(from..).unwrap_or(&[]), &mut *y),
                    None => (x, y.get_mut(1..).unwrap_or(&mut [])),
                };
                axpy::<P>(*w, x, y);
            }
            at = at.saturating_add(window.dilate);
        }
    }
    for y in y {
        *y = (Soft(*y) + Soft(window.bias)).0;
    }
}
