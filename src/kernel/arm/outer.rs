//! Sums of outer products, a tile of four by four at a time; and the outer product of two vectors, given to SGD as it is formed.

use super::text::{add, fpu, mul, sub, zero};
use crate::kernel::blas::{Outer, Rates, all_finite};
use crate::kernel::finite::finite;

/// A tile of [`outer_sum`]; distances in bytes.
#[repr(C)]
struct Tile {
    delta: *const f32,
    delta_stride: usize,
    x: *const f32,
    x_stride: usize,
    rows: usize,
    more_x: *const f32,
    more_stride: usize,
    more_rows: usize,
    sum: *mut f32,
    sum_stride: usize,
    /// Not 0: onto the values present.
    add: usize,
}

/// See [`outer_sum`](crate::kernel::blas::portable::outer_sum).
#[inline(never)]
pub fn outer_sum(outer: Outer<'_>, sum: &mut [f32], stride: usize, width: usize, add: bool) {
    if !outer.fits(sum.len(), stride, width) {
        return;
    }
    let Outer { delta, x, more, .. } = outer;
    let mut tile = Tile {
        delta: delta.values.as_ptr(),
        delta_stride: delta.stride.wrapping_mul(4),
        x: x.values.as_ptr(),
        x_stride: x.stride.wrapping_mul(4),
        rows: outer.x_rows,
        more_x: more.values.as_ptr(),
        more_stride: more.stride.wrapping_mul(4),
        more_rows: outer.more_rows,
        sum: sum.as_mut_ptr(),
        sum_stride: stride.wrapping_mul(4),
        add: add.into(),
    };
    let mut o = 0;
    while o < outer.outputs {
        let high = if outer.outputs - o >= 4 { 4 } else { 1 };
        let first = tile.sum;
        let mut k = 0;
        while k < width {
            let wide = if high == 4 && width - k >= 4 { 4 } else { 1 };
            // SAFETY: `fits` says that the rows of delta hold `outputs` values and those of x, more and sum `width`, and the tile
            // takes `high` and `wide` of them, from `o` and `k` on.
            unsafe {
                if wide == 4 {
                    tile.four_by_four();
                } else {
                    let (delta, sum) = (tile.delta, tile.sum);
                    for at in 0..high {
                        tile.delta = delta.wrapping_add(at);
                        tile.sum = sum.wrapping_add(at.wrapping_mul(stride));
                        tile.one();
                    }
                    (tile.delta, tile.sum) = (delta, sum);
                }
            }
            tile.x = tile.x.wrapping_add(wide);
            tile.more_x = tile.more_x.wrapping_add(wide);
            tile.sum = tile.sum.wrapping_add(wide);
            k += wide;
        }
        tile.x = tile.x.wrapping_sub(width);
        tile.more_x = tile.more_x.wrapping_sub(width);
        tile.delta = tile.delta.wrapping_add(high);
        tile.sum = first.wrapping_add(stride.wrapping_mul(high));
        o += high;
    }
}

/// Where the rows of a tile begin; how many; a step from one to the next.
macro_rules! segments {
    ($($step:tt)*) => {
        concat!(
            "ldr {delta}, [{tile}]\n",
            "ldr {x}, [{tile}, #8]\n",
            "ldr {n}, [{tile}, #16]\n",
            "ldr {delta_stride}, [{tile}, #4]\n",
            "ldr {x_stride}, [{tile}, #12]\n",
            "ldr {more}, [{tile}, #28]\n",
            "3:\n",
            "subs {n}, {n}, #2\n",
            "blo 7f\n",
            "6:\n",
            $($step)*,
            $($step)*,
            "subs {n}, {n}, #2\n",
            "bhs 6b\n",
            "7:\n",
            "adds {n}, {n}, #2\n",
            "beq 4f\n",
            $($step)*,
            "4:\n",
            "movs {n}, {more}\n",
            "beq 5f\n",
            "ldr {x}, [{tile}, #20]\n",
            "ldr {x_stride}, [{tile}, #24]\n",
            "mov {more}, #0\n",
            "b 3b\n",
            "5:\n",
        )
    };
}

impl Tile {
    /// Sixteen sums side by side.
    ///
    /// # Safety
    /// `rows + more_rows` rows of four values at `delta`, `rows` at `x`, `more_rows` at `more_x`; four at `sum`.
    #[inline(always)]
    unsafe fn four_by_four(&self) {
        // SAFETY: reads what the caller vouches for, and writes the four rows of sum.
        unsafe {
            fpu!(
                zero!(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                "ldr {n}, [{tile}, #40]",
                "ldr {x}, [{tile}, #32]",
                "ldr {x_stride}, [{tile}, #36]",
                "cmp {n}, #0",
                "beq 2f",
                "vldmia {x}, {{s0-s3}}",
                "add {x}, {x}, {x_stride}",
                "vldmia {x}, {{s4-s7}}",
                "add {x}, {x}, {x_stride}",
                "vldmia {x}, {{s8-s11}}",
                "add {x}, {x}, {x_stride}",
                "vldmia {x}, {{s12-s15}}",
                "2:",
                segments!(
                    "vldmia {delta}, {{s16-s19}}\n",
                    "vldmia {x}, {{s20-s23}}\n",
                    mul!(24 = 20 * 16, 25 = 21 * 16, 26 = 22 * 16, 27 = 23 * 16),
                    mul!(28 = 20 * 17, 29 = 21 * 17, 30 = 22 * 17, 31 = 23 * 17),
                    add!(0 += 24, 1 += 25, 2 += 26, 3 += 27, 4 += 28, 5 += 29, 6 += 30, 7 += 31),
                    "add {delta}, {delta}, {delta_stride}\n",
                    mul!(24 = 20 * 18, 25 = 21 * 18, 26 = 22 * 18, 27 = 23 * 18),
                    mul!(28 = 20 * 19, 29 = 21 * 19, 30 = 22 * 19, 31 = 23 * 19),
                    "add {x}, {x}, {x_stride}\n",
                    add!(8 += 24, 9 += 25, 10 += 26, 11 += 27, 12 += 28, 13 += 29, 14 += 30, 15 += 31)
                ),
                "ldr {x}, [{tile}, #32]",
                "ldr {x_stride}, [{tile}, #36]",
                "vstmia {x}, {{s0-s3}}",
                "add {x}, {x}, {x_stride}",
                "vstmia {x}, {{s4-s7}}",
                "add {x}, {x}, {x_stride}",
                "vstmia {x}, {{s8-s11}}",
                "add {x}, {x}, {x_stride}",
                "vstmia {x}, {{s12-s15}}",
                tile = in(reg) self,
                delta = out(reg) _,
                delta_stride = out(reg) _,
                x = out(reg) _,
                x_stride = out(reg) _,
                n = out(reg) _,
                more = out(reg) _,
            );
        }
    }

    /// The sum at the tile's corner.
    ///
    /// # Safety
    /// As for [`Self::four_by_four`], with one value in place of four.
    #[inline(always)]
    unsafe fn one(&self) {
        // SAFETY: reads what the caller vouches for, and writes one value of sum.
        unsafe {
            fpu!(
                zero!(0),
                "ldr {n}, [{tile}, #40]",
                "ldr {x}, [{tile}, #32]",
                "cmp {n}, #0",
                "beq 2f",
                "vldr s0, [{x}]",
                "2:",
                segments!(
                    "vldr s16, [{delta}]\n",
                    "vldr s20, [{x}]\n",
                    mul!(24 = 20 * 16),
                    "add {delta}, {delta}, {delta_stride}\n",
                    "add {x}, {x}, {x_stride}\n",
                    add!(0 += 24)
                ),
                "ldr {x}, [{tile}, #32]",
                "vstr s0, [{x}]",
                tile = in(reg) self,
                delta = out(reg) _,
                delta_stride = out(reg) _,
                x = out(reg) _,
                x_stride = out(reg) _,
                n = out(reg) _,
                more = out(reg) _,
            );
        }
    }
}

/// What a row of weights is moved by, and the sum of the new weights: finite only if all of them are.
#[repr(C)]
struct Rank1 {
    delta: [f32; 4],
    lr: f32,
    momentum: f32,
    sum: f32,
}

/// See [`outer_momentum`](crate::kernel::blas::portable::outer_momentum).
#[inline(never)]
pub fn outer_momentum(
    rates: Rates,
    delta: &[f32],
    x: &[f32],
    w: &mut [f32],
    m: &mut [f32],
) -> bool {
    let width = x.len();
    let fits = |len: usize| {
        width
            .checked_mul(delta.len())
            .is_some_and(|need| need <= len)
    };
    if width == 0 || !fits(w.len()) || !fits(m.len()) {
        return true;
    }
    let mut rank1 = Rank1::new(rates);
    let (mut at_w, mut at_m) = (w.as_mut_ptr(), m.as_mut_ptr());
    let (fours, rest) = delta.as_chunks::<4>();
    // SAFETY: w and m have a row of `width` values for each delta, and each turn moves past the rows that it used.
    unsafe {
        for four in fours {
            rank1.delta = *four;
            rank1.momentum_four(x, at_w, at_m);
            at_w = at_w.add(4 * width);
            at_m = at_m.add(4 * width);
        }
        for one in rest {
            rank1.delta[0] = *one;
            rank1.momentum_one(x, at_w, at_m);
            at_w = at_w.add(width);
            at_m = at_m.add(width);
        }
    }
    finite(rank1.sum) || all_finite(w)
}

/// See [`outer_plain`](crate::kernel::blas::portable::outer_plain).
#[inline(never)]
pub fn outer_plain(rates: Rates, delta: &[f32], x: &[f32], w: &mut [f32]) -> bool {
    let width = x.len();
    let need = width.checked_mul(delta.len());
    if width == 0 || need.is_none_or(|need| need > w.len()) {
        return true;
    }
    let mut rank1 = Rank1::new(rates);
    let mut at = w.as_mut_ptr();
    let (fours, rest) = delta.as_chunks::<4>();
    // SAFETY: w has a row of `width` values for each delta, and each turn moves past the rows that it used.
    unsafe {
        for four in fours {
            rank1.delta = *four;
            rank1.plain_four(x, at);
            at = at.add(4 * width);
        }
        for one in rest {
            rank1.delta[0] = *one;
            rank1.plain_one(x, at);
            at = at.add(width);
        }
    }
    finite(rank1.sum) || all_finite(w)
}

/// Eight weights of a row: m = mu m - lr (delta x), w += m, and w joins the sum s30. m in s0 to s7, w in s8 to s15, x in s16 to
/// s23, lr and mu in s28 and s29; no instruction waits for the one before it.
macro_rules! eight_with_momentum {
    ($delta:literal, $m:literal, $w:literal) => {
        concat!(
            "vldmia ",
            $m,
            ", {{s0-s7}}\n",
            "vldmia ",
            $w,
            ", {{s8-s15}}\n",
            mul!(31 = $delta * 16, 0 = 29 * 0, 31 = 28 * 31, 1 = 29 * 1),
            sub!(0 -= 31),
            mul!(31 = $delta * 17, 2 = 29 * 2),
            add!(8 += 0),
            mul!(31 = 28 * 31, 3 = 29 * 3),
            sub!(1 -= 31),
            mul!(31 = $delta * 18, 4 = 29 * 4),
            add!(9 += 1),
            mul!(31 = 28 * 31),
            add!(30 += 8),
            sub!(2 -= 31),
            mul!(31 = $delta * 19, 5 = 29 * 5),
            add!(10 += 2),
            mul!(31 = 28 * 31),
            add!(30 += 9),
            sub!(3 -= 31),
            mul!(31 = $delta * 20, 6 = 29 * 6),
            add!(11 += 3),
            mul!(31 = 28 * 31),
            add!(30 += 10),
            sub!(4 -= 31),
            mul!(31 = $delta * 21, 7 = 29 * 7),
            add!(12 += 4),
            mul!(31 = 28 * 31),
            add!(30 += 11),
            sub!(5 -= 31),
            mul!(31 = $delta * 22),
            add!(13 += 5),
            mul!(31 = 28 * 31),
            add!(30 += 12),
            sub!(6 -= 31),
            mul!(31 = $delta * 23),
            add!(14 += 6),
            mul!(31 = 28 * 31),
            add!(30 += 13),
            sub!(7 -= 31),
            add!(30 += 14, 15 += 7),
            "vstmia ",
            $m,
            "!, {{s0-s7}}\n",
            "vstmia ",
            $w,
            "!, {{s8-s15}}\n",
            add!(30 += 15),
        )
    };
}

/// As [`eight_with_momentum`], one weight, x in s16.
macro_rules! one_with_momentum {
    ($delta:literal, $m:literal, $w:literal) => {
        concat!(
            "vldr s0, [",
            $m,
            "]\n",
            "vldr s8, [",
            $w,
            "]\n",
            mul!(31 = $delta * 16, 0 = 29 * 0, 31 = 28 * 31),
            "vsub.f32 s0, s0, s31\n",
            add!(8 += 0),
            "vstmia ",
            $m,
            "!, {{s0}}\n",
            "vstmia ",
            $w,
            "!, {{s8}}\n",
            add!(30 += 8),
        )
    };
}

/// Eight weights of a row: w -= lr (delta x), and w joins the sums s30 and s31. w in s8 to s15, x in s16 to s23, lr in s28.
macro_rules! eight_plain {
    ($delta:literal, $w:literal) => {
        concat!(
            "vldmia ",
            $w,
            ", {{s8-s15}}\n",
            mul!(
                0 = $delta * 16,
                1 = $delta * 17,
                2 = $delta * 18,
                3 = $delta * 19
            ),
            mul!(
                4 = $delta * 20,
                5 = $delta * 21,
                6 = $delta * 22,
                7 = $delta * 23
            ),
            mul!(
                0 = 28 * 0,
                1 = 28 * 1,
                2 = 28 * 2,
                3 = 28 * 3,
                4 = 28 * 4,
                5 = 28 * 5,
                6 = 28 * 6,
                7 = 28 * 7
            ),
            sub!(
                8 -= 0,
                9 -= 1,
                10 -= 2,
                11 -= 3,
                12 -= 4,
                13 -= 5,
                14 -= 6,
                15 -= 7
            ),
            add!(
                30 += 8,
                31 += 9,
                30 += 10,
                31 += 11,
                30 += 12,
                31 += 13,
                30 += 14,
                31 += 15
            ),
            "vstmia ",
            $w,
            "!, {{s8-s15}}\n",
        )
    };
}

/// As [`eight_plain`], one weight, x in s16.
macro_rules! one_plain {
    ($delta:literal, $w:literal) => {
        concat!(
            "vldr s8, [",
            $w,
            "]\n",
            mul!(0 = $delta * 16, 0 = 28 * 0),
            sub!(8 -= 0),
            "vstmia ",
            $w,
            "!, {{s8}}\n",
            add!(30 += 8),
        )
    };
}

/// Columns by eights and then singly.
macro_rules! columns {
    ([$($eight:tt)*], [$($one:tt)*]) => {
        concat!(
            "vldmia {rank1}, {{s24-s30}}\n",
            "subs {n}, {n}, #8\n",
            "blo 3f\n",
            "2:\n",
            "vldmia {x}!, {{s16-s23}}\n",
            $($eight)*,
            "subs {n}, {n}, #8\n",
            "bhs 2b\n",
            "3:\n",
            "adds {n}, {n}, #8\n",
            "beq 5f\n",
            "4:\n",
            "vldmia {x}!, {{s16}}\n",
            $($one)*,
            "subs {n}, {n}, #1\n",
            "bne 4b\n",
            "5:\n",
        )
    };
}

impl Rank1 {
    fn new(rates: Rates) -> Self {
        Self {
            delta: [0.0; 4],
            lr: rates.lr,
            momentum: rates.momentum,
            sum: 0.0,
        }
    }

    /// Four rows.
    ///
    /// # Safety
    /// `x.len()` values in each of four rows at `w` and at `m`.
    #[inline(always)]
    unsafe fn momentum_four(&mut self, x: &[f32], w: *mut f32, m: *mut f32) {
        let width = x.len();
        // SAFETY: reads and writes the rows to their ends, 8 and 1 columns at a time.
        unsafe {
            fpu!(
                columns!(
                    [
                        eight_with_momentum!(24, "{m0}", "{w0}"),
                        eight_with_momentum!(25, "{m1}", "{w1}"),
                        eight_with_momentum!(26, "{m2}", "{w2}"),
                        eight_with_momentum!(27, "{m3}", "{w3}")
                    ],
                    [
                        one_with_momentum!(24, "{m0}", "{w0}"),
                        one_with_momentum!(25, "{m1}", "{w1}"),
                        one_with_momentum!(26, "{m2}", "{w2}"),
                        one_with_momentum!(27, "{m3}", "{w3}")
                    ]
                ),
                "vstr s30, [{rank1}, #24]",
                rank1 = in(reg) self,
                x = inout(reg) x.as_ptr() => _,
                n = inout(reg) width => _,
                w0 = inout(reg) w => _,
                w1 = inout(reg) w.wrapping_add(width) => _,
                w2 = inout(reg) w.wrapping_add(2 * width) => _,
                w3 = inout(reg) w.wrapping_add(3 * width) => _,
                m0 = inout(reg) m => _,
                m1 = inout(reg) m.wrapping_add(width) => _,
                m2 = inout(reg) m.wrapping_add(2 * width) => _,
                m3 = inout(reg) m.wrapping_add(3 * width) => _,
            );
        }
    }

    /// One row.
    ///
    /// # Safety
    /// `x.len()` values at `w` and at `m`.
    #[inline(always)]
    unsafe fn momentum_one(&mut self, x: &[f32], w: *mut f32, m: *mut f32) {
        // SAFETY: as in `momentum_four`.
        unsafe {
            fpu!(
                columns!(
                    [eight_with_momentum!(24, "{m0}", "{w0}")],
                    [one_with_momentum!(24, "{m0}", "{w0}")]
                ),
                "vstr s30, [{rank1}, #24]",
                rank1 = in(reg) self,
                x = inout(reg) x.as_ptr() => _,
                n = inout(reg) x.len() => _,
                w0 = inout(reg) w => _,
                m0 = inout(reg) m => _,
            );
        }
    }

    /// Four rows.
    ///
    /// # Safety
    /// `x.len()` values in each of four rows at `w`.
    #[inline(always)]
    unsafe fn plain_four(&mut self, x: &[f32], w: *mut f32) {
        let width = x.len();
        // SAFETY: as in `momentum_four`.
        unsafe {
            fpu!(
                zero!(31),
                columns!(
                    [
                        eight_plain!(24, "{w0}"),
                        eight_plain!(25, "{w1}"),
                        eight_plain!(26, "{w2}"),
                        eight_plain!(27, "{w3}")
                    ],
                    [
                        one_plain!(24, "{w0}"),
                        one_plain!(25, "{w1}"),
                        one_plain!(26, "{w2}"),
                        one_plain!(27, "{w3}")
                    ]
                ),
                add!(30 += 31),
                "vstr s30, [{rank1}, #24]",
                rank1 = in(reg) self,
                x = inout(reg) x.as_ptr() => _,
                n = inout(reg) width => _,
                w0 = inout(reg) w => _,
                w1 = inout(reg) w.wrapping_add(width) => _,
                w2 = inout(reg) w.wrapping_add(2 * width) => _,
                w3 = inout(reg) w.wrapping_add(3 * width) => _,
            );
        }
    }

    /// One row.
    ///
    /// # Safety
    /// `x.len()` values at `w`.
    #[inline(always)]
    unsafe fn plain_one(&mut self, x: &[f32], w: *mut f32) {
        // SAFETY: as in `momentum_four`.
        unsafe {
            fpu!(
                zero!(31),
                columns!([eight_plain!(24, "{w0}")], [one_plain!(24, "{w0}")]),
                add!(30 += 31),
                "vstr s30, [{rank1}, #24]",
                rank1 = in(reg) self,
                x = inout(reg) x.as_ptr() => _,
                n = inout(reg) x.len() => _,
                w0 = inout(reg) w => _,
            );
        }
    }
}
