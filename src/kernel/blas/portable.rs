//! In Rust: what every other version is held to. P says how products join sums.

use super::{Matrix, Outer, Rates, Tile, Window3};
use crate::kernel::activation::{self, sigmoid_slope, tanh_slope};
use crate::kernel::finite::finite;
use crate::kernel::rows::{Strided, rows, rows_mut, split, strided_mut};
use crate::products::MulAdd;

/// y = w x + b, or y += w x + b: each output is +0 + w\[0\] x\[0\] + w\[1\] x\[1\] + ..., then its bias, then what was there.
pub fn gemv<P: MulAdd>(
    inputs: usize,
    x: &[f32],     // [K]
    w: &[f32],     // [O, K]
    b: &[f32],     // [O] or empty
    y: &mut [f32], // [O]
    add: bool,
) {
    let mut w = rows(w, inputs);
    let mut b = b.iter();
    // Adding -0 for a missing bias changes no bit.
    let mut store = |y: &mut f32, sum: f32| {
        let value = sum + b.next().copied().unwrap_or(-0.0);
        *y = if add { *y + value } else { value };
    };
    let (tiles, last) = y.as_chunks_mut::<4>();
    for tile in tiles {
        let Some(w) = w.next_four() else { return };
        for (y, sum) in tile.iter_mut().zip(dot_four::<P>(x, w)) {
            store(y, sum);
        }
    }
    for (y, w) in last.iter_mut().zip(w) {
        store(y, dot::<P>(x, w, 0.0));
    }
}

/// The products with the rows of two matrices that lie one behind the other: y += the first's, then = the second's.
pub fn gemv_two<P: MulAdd>(
    inputs: usize,
    x: &[f32],        // [K]
    w: &[f32],        // [O + P, K]
    b: &[f32],        // [O + P] or empty
    y: &mut [f32],    // [O]
    then: &mut [f32], // [P]
) {
    one_by_one(inputs, w, b, y, then, |w, b, y, add| {
        gemv::<P>(inputs, x, w, b, y, add);
    });
}

/// [`gemv_two`] by a version of [`gemv`].
#[inline]
pub fn one_by_one(
    inputs: usize,
    w: &[f32],
    b: &[f32],
    y: &mut [f32],
    then: &mut [f32],
    mut gemv: impl FnMut(&[f32], &[f32], &mut [f32], bool),
) {
    let (w, then_w) = split(w, inputs.saturating_mul(y.len()));
    let (b, then_b) = split(b, y.len());
    gemv(w, b, y, true);
    gemv(then_w, then_b, then, false);
}

/// As [`gemv`], for as many rows as `x` and `y` have; those of `y` lie `stride` apart.
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

/// `sum` + x\[0\] w\[0\] + x\[1\] w\[1\] + ...
pub fn dot<P: MulAdd>(x: &[f32], w: &[f32], sum: f32) -> f32 {
    let pairs = x.iter().zip(w);
    pairs.fold(sum, |sum, (x, w)| P::mul_add(*x, *w, sum))
}

/// Four of [`dot`] from +0, so that x is read once for the four.
fn dot_four<P: MulAdd>(x: &[f32], [w0, w1, w2, w3]: [&[f32]; 4]) -> [f32; 4] {
    let (x, x_last) = x.as_chunks::<4>();
    let (w0, w0_last) = w0.as_chunks::<4>();
    let (w1, w1_last) = w1.as_chunks::<4>();
    let (w2, w2_last) = w2.as_chunks::<4>();
    let (w3, w3_last) = w3.as_chunks::<4>();
    let mut s = [0.0; 4];
    for ((((x, w0), w1), w2), w3) in x.iter().zip(w0).zip(w1).zip(w2).zip(w3) {
        let [s0, s1, s2, s3] = s;
        s = [
            four_more::<P>(s0, x, w0),
            four_more::<P>(s1, x, w1),
            four_more::<P>(s2, x, w2),
            four_more::<P>(s3, x, w3),
        ];
    }
    let last = x_last.iter().zip(w0_last).zip(w1_last).zip(w2_last);
    for ((((x, w0), w1), w2), w3) in last.zip(w3_last) {
        let [s0, s1, s2, s3] = s;
        s = [
            P::mul_add(*x, *w0, s0),
            P::mul_add(*x, *w1, s1),
            P::mul_add(*x, *w2, s2),
            P::mul_add(*x, *w3, s3),
        ];
    }
    s
}

/// sum + x\[0\] w\[0\] + .. + x\[3\] w\[3\]
#[inline(always)]
fn four_more<P: MulAdd>(sum: f32, [x0, x1, x2, x3]: &[f32; 4], [w0, w1, w2, w3]: &[f32; 4]) -> f32 {
    let sum = P::mul_add(*x0, *w0, sum);
    let sum = P::mul_add(*x1, *w1, sum);
    let sum = P::mul_add(*x2, *w2, sum);
    P::mul_add(*x3, *w3, sum)
}

/// y = +0, or what was there, + f\[0\] w\[0\] + f\[1\] w\[1\] + ..., row after row of w.
pub fn gemv_transposed<P: MulAdd>(
    factors: &[f32], // [R]
    w: Matrix<'_>,   // [R, K]
    y: &mut [f32],   // [K]
    add: bool,
) {
    let width = y.len();
    if !w.holds(factors.len(), width) {
        return;
    }
    if !add {
        y.fill(0.0);
    }
    let (tiles, last) = factors.as_chunks::<4>();
    let mut at = 0;
    let mut row = || {
        let row = w.row(at, width);
        at += 1;
        row
    };
    for factors in tiles {
        axpy_four::<P>(*factors, [row(), row(), row(), row()], y);
    }
    for factor in last {
        axpy::<P>(*factor, row(), y);
    }
}

/// y += the first `rows` rows of w, one after the other.
pub fn add_rows(rows: usize, w: Matrix<'_>, y: &mut [f32]) {
    let width = y.len();
    if !w.holds(rows, width) {
        return;
    }
    for at in 0..rows {
        for (y, w) in y.iter_mut().zip(w.row(at, width)) {
            *y += *w;
        }
    }
}

/// y = x, as far as both go.
pub fn copy(x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = *x;
    }
}

/// y += a x
pub fn axpy<P: MulAdd>(a: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = P::mul_add(a, *x, *y);
    }
}

/// Four of [`axpy`] after each other, so that y is read and written once for the four.
fn axpy_four<P: MulAdd>(a: [f32; 4], [x0, x1, x2, x3]: [&[f32]; 4], y: &mut [f32]) {
    let (x0, x0_last) = x0.as_chunks::<4>();
    let (x1, x1_last) = x1.as_chunks::<4>();
    let (x2, x2_last) = x2.as_chunks::<4>();
    let (x3, x3_last) = x3.as_chunks::<4>();
    let (y, y_last) = y.as_chunks_mut::<4>();
    for ((((y, x0), x1), x2), x3) in y.iter_mut().zip(x0).zip(x1).zip(x2).zip(x3) {
        let [y0, y1, y2, y3] = *y;
        *y = [
            four_more::<P>(y0, &a, &[x0[0], x1[0], x2[0], x3[0]]),
            four_more::<P>(y1, &a, &[x0[1], x1[1], x2[1], x3[1]]),
            four_more::<P>(y2, &a, &[x0[2], x1[2], x2[2], x3[2]]),
            four_more::<P>(y3, &a, &[x0[3], x1[3], x2[3], x3[3]]),
        ];
    }
    let last = x0_last.iter().zip(x1_last).zip(x2_last).zip(x3_last);
    for (y, (((x0, x1), x2), x3)) in y_last.iter_mut().zip(last) {
        *y = four_more::<P>(*y, &a, &[*x0, *x1, *x2, *x3]);
    }
}

/// The sum of outer products, or with `add` what was there and the sum: `width` columns of it from the inputs' first on, rows
/// `stride` apart. Each value is +0 (or the value present) + delta\[0,o\] x\[0,k\] + delta\[1,o\] x\[1,k\] + ...
pub fn outer_sum<P: MulAdd>(
    outer: Outer<'_>,
    sum: &mut [f32],
    stride: usize,
    width: usize,
    add: bool,
) {
    if !outer.fits(sum.len(), stride, width) {
        return;
    }
    let mut sums = strided_mut(sum, 0, stride, width).take(outer.outputs);
    let mut o = 0usize;
    while let Some(first) = sums.next() {
        let left = outer.outputs.saturating_sub(o);
        let four = MANY_REGISTERS && left >= 4;
        let second = if left >= 2 { sums.next() } else { None };
        let third = if four { sums.next() } else { None };
        let fourth = if four { sums.next() } else { None };
        o = match (second, third, fourth) {
            (Some(second), Some(third), Some(fourth)) => {
                outer_rows::<P, _>(outer, o, [first, second, third, fourth], width, add);
                o.saturating_add(4)
            }
            (Some(second), ..) => {
                outer_rows::<P, _>(outer, o, [first, second], width, add);
                o.saturating_add(2)
            }
            _ => {
                outer_rows::<P, _>(outer, o, [first], width, add);
                o.saturating_add(1)
            }
        };
    }
}

/// Whether sixteen sums and what they are made of fit into the registers of the FPU.
const MANY_REGISTERS: bool = cfg!(riscv_f);

/// The sums of `O` outputs from `o` on, four columns of each at a time: they stay in registers over all rows.
fn outer_rows<P: MulAdd, const O: usize>(
    outer: Outer<'_>,
    o: usize,
    mut sums: [&mut [f32]; O],
    width: usize,
    add: bool,
) {
    let mut column = 0;
    while width.saturating_sub(column) >= 4 {
        outer_tile::<P, O, 4>(outer, o, column, &mut sums, add);
        column = column.saturating_add(4);
    }
    while column < width {
        outer_tile::<P, O, 1>(outer, o, column, &mut sums, add);
        column = column.saturating_add(1);
    }
}

/// `W` columns of the sums of `O` outputs.
#[inline(always)]
fn outer_tile<P: MulAdd, const O: usize, const W: usize>(
    outer: Outer<'_>,
    o: usize,
    column: usize,
    sums: &mut [&mut [f32]; O],
    add: bool,
) {
    let mut tile = [[0.0; W]; O];
    let mut here = sums.each_mut().map(|sum| {
        let rest = sum.get_mut(column..).unwrap_or(&mut []);
        rest.first_chunk_mut::<W>()
    });
    if add {
        for (tile, here) in tile.iter_mut().zip(here.iter().flatten()) {
            *tile = **here;
        }
    }
    let delta = Strided {
        values: outer.delta.values,
        first: o,
        stride: outer.delta.stride,
    };
    let mut deltas = delta.rows(O);
    for (of, rows) in [(outer.x, outer.x_rows), (outer.more, outer.more_rows)] {
        let of = Strided {
            values: of.values,
            first: column,
            stride: of.stride,
        };
        for (x, delta) in of.rows(W).take(rows).zip(&mut deltas) {
            let (Some(x), Some(delta)) = (x.first_chunk::<W>(), delta.first_chunk::<O>()) else {
                return;
            };
            for (tile, delta) in tile.iter_mut().zip(delta) {
                for (sum, x) in tile.iter_mut().zip(x) {
                    *sum = P::mul_add(*delta, *x, *sum);
                }
            }
        }
    }
    for (here, tile) in here.iter_mut().flatten().zip(tile) {
        **here = tile;
    }
}

/// The sum of [`outer_sum`], onto zeros, given to [`sgd_momentum`] as it is formed. Whether all of `w` is finite then.
pub fn outer_sum_momentum<P: MulAdd>(
    rates: Rates,
    outer: Outer<'_>,
    width: usize,
    w: &mut [f32], // [O, K]
    m: &mut [f32], // [O, K]
) -> bool {
    by_tiles(outer, width, w, m, |part, tile, g, w, m| {
        outer_sum::<P>(part, g, tile.g_stride, tile.width, false);
        sgd_momentum(rates, tile, w, g, m)
    })
}

/// [`outer_sum_momentum`] by a step that forms a tile of the sum in a buffer and moves the weights, which begin where the tile does.
pub fn by_tiles(
    outer: Outer<'_>,
    width: usize,
    w: &mut [f32], // [O, K]
    m: &mut [f32], // [O, K]
    mut step: impl FnMut(Outer<'_>, Tile, &mut [f32], &mut [f32], &mut [f32]) -> bool,
) -> bool {
    if !outer.fits(w.len().min(m.len()), width, width) {
        return true;
    }
    let mut g = [0.0; ROWS * COLUMNS];
    let mut ok = true;
    let mut o = 0;
    while o < outer.outputs {
        let mut k = 0;
        while k < width {
            let part = outer.part(o..o.saturating_add(ROWS), k);
            let tile = Tile {
                rows: part.outputs,
                width: width.saturating_sub(k).min(COLUMNS),
                stride: width,
                g_stride: COLUMNS,
            };
            let at = o.saturating_mul(width).saturating_add(k);
            if let (Some(w), Some(m)) = (w.get_mut(at..), m.get_mut(at..)) {
                ok &= step(part, tile, &mut g, w, m);
            }
            k = k.saturating_add(COLUMNS);
        }
        o = o.saturating_add(ROWS);
    }
    ok
}

/// What [`outer_sum_momentum`] forms of a gradient at a time.
const ROWS: usize = 4;
const COLUMNS: usize = 32;

/// The gradient delta x^T given to [`sgd_momentum`] as it is formed, unscaled: m = mu m - lr (delta\[o\] x\[k\]), w += m.
/// Whether all of `w` is finite then, where all operands were before.
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
        for ((w, m), x) in w.iter_mut().zip(m).zip(x) {
            *m = rates.momentum * *m - rates.lr * (delta * x);
            *w += *m;
            ok &= finite(*w);
        }
    }
    ok
}

/// As [`outer_momentum`], without momentum: w -= lr (delta\[o\] x\[k\]).
pub fn outer_plain(
    rates: Rates,
    delta: &[f32], // [O]
    x: &[f32],     // [K]
    w: &mut [f32], // [O, K]
) -> bool {
    let mut ok = true;
    for (w, delta) in rows_mut(w, x.len()).zip(delta) {
        for (w, x) in w.iter_mut().zip(x) {
            *w -= rates.lr * (delta * x);
            ok &= finite(*w);
        }
    }
    ok
}

/// m = mu m - lr (s g), w += m for the tile's weights. Whether all of them are finite then.
pub fn sgd_momentum(rates: Rates, tile: Tile, w: &mut [f32], g: &[f32], m: &mut [f32]) -> bool {
    if !tile.fits(w.len().min(m.len()), g.len()) {
        return true;
    }
    let mut ok = true;
    let g = Strided::contiguous(g, tile.g_stride);
    let rows =
        strided_mut(w, 0, tile.stride, tile.width).zip(strided_mut(m, 0, tile.stride, tile.width));
    for ((w, m), g) in rows.zip(g.rows(tile.width)).take(tile.rows) {
        for ((w, g), m) in w.iter_mut().zip(g).zip(m) {
            *m = rates.momentum * *m - rates.lr * (rates.scale * g);
            *w += *m;
            ok &= finite(*w);
        }
    }
    ok
}

/// w -= lr (s g) for the tile's weights. Whether all of them are finite then.
pub fn sgd_plain(rates: Rates, tile: Tile, w: &mut [f32], g: &[f32]) -> bool {
    if !tile.fits(w.len(), g.len()) {
        return true;
    }
    let mut ok = true;
    let g = Strided::contiguous(g, tile.g_stride);
    let rows = strided_mut(w, 0, tile.stride, tile.width);
    for (w, g) in rows.zip(g.rows(tile.width)).take(tile.rows) {
        for (w, g) in w.iter_mut().zip(g) {
            *w -= rates.lr * (rates.scale * g);
            ok &= finite(*w);
        }
    }
    ok
}

/// c = f c + i g, and a copy of it in h.
pub fn lstm_state([i, f, g]: [&[f32]; 3], c: &mut [f32], h: &mut [f32]) {
    for ((((i, f), g), c), h) in i.iter().zip(f).zip(g).zip(c).zip(h) {
        *c = f * *c + i * g;
        *h = *c;
    }
}

/// The deltas of an LSTM's gates, by the formulas of [`lstm::backward`](crate::kernel::lstm::backward); t is tanh(c).
pub fn lstm_deltas(
    [c_before, t, dh]: [&[f32]; 3],
    [i, f, g, o]: [&mut [f32]; 4], // activated in, deltas out
    dc: &mut [f32],                // of this step in, of the one before out
) {
    let read = c_before.iter().zip(t).zip(dh);
    let written = i.iter_mut().zip(f).zip(g).zip(o).zip(dc);
    for (((c_before, t), dh), ((((i, f), g), o), dc)) in read.zip(written) {
        let now = *dc + dh * *o * tanh_slope(*t);
        let (di, df, dg) = (
            now * *g * sigmoid_slope(*i),
            now * c_before * sigmoid_slope(*f),
            now * *i * tanh_slope(*g),
        );
        *dc = now * *f;
        *o = dh * t * sigmoid_slope(*o);
        (*i, *f, *g) = (di, df, dg);
    }
}

/// n += r q: what a GRU's new value is the tanh of.
pub fn gru_new(n: &mut [f32], r: &[f32], q: &[f32]) {
    for ((n, r), q) in n.iter_mut().zip(r).zip(q) {
        *n += r * q;
    }
}

/// h = (1 - z) n + z h
pub fn gru_state(h: &mut [f32], z: &[f32], n: &[f32]) {
    for ((h, z), n) in h.iter_mut().zip(z).zip(n) {
        *h = (1.0 - z) * n + z * *h;
    }
}

/// Whether every value is finite; true for none.
pub fn all_finite(values: &[f32]) -> bool {
    values
        .iter()
        .fold(true, |so_far, value| so_far & finite(*value))
}

/// A row of outputs: +0, then channel by channel and row by row of the kernel the products of its three weights, from left to
/// right; then the bias. Inputs beyond the row's ends are left out.
pub fn window3<P: MulAdd>(window: Window3<'_>, y: &mut [f32]) {
    window3_by(window, y, axpy::<P>, P::FUSED);
}

/// [`window3`] by a version of [`axpy`].
pub fn window3_by(
    window: Window3<'_>,
    y: &mut [f32],
    axpy: impl Fn(f32, &[f32], &mut [f32]),
    fused: bool,
) {
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
                axpy(*w, x, y);
            }
            at = at.saturating_add(window.dilate);
        }
    }
    for y in y {
        // A fused sum may be -0, and a version that multiplies the padding's zeros has +0 then.
        let sum = if fused { *y + 0.0 } else { *y };
        *y = sum + window.bias;
    }
}

/// y = max(y, 0); NaN stays, -0 becomes +0.
pub fn relu(y: &mut [f32]) {
    for y in y {
        *y = activation::relu(*y);
    }
}

/// dy = dy (1 if y > 0, else 0)
pub fn relu_backward(y: &[f32], dy: &mut [f32]) {
    for (dy, y) in dy.iter_mut().zip(y) {
        if !activation::is_positive(*y) {
            *dy *= 0.0;
        }
    }
}
