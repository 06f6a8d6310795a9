//! The outer product of two vectors, given to SGD as it is formed. Of finite operands a result is not finite only where an operation has
//! overflowed, or was invalid after one, which the FPU remembers.

use super::exceptions::Exceptions;
use super::finite::all_finite;
use super::text::{add, fpu, mul, sub};
use crate::kernel::blas::Rates;

/// What a row of weights is moved by.
#[repr(C)]
struct Rank1 {
    delta: [f32; 4],
    lr: f32,
    momentum: f32,
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
    let exceptions = Exceptions::watch();
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
    exceptions.none() && rates.are_finite() || all_finite(w)
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
    let exceptions = Exceptions::watch();
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
    exceptions.none() && rates.are_finite() || all_finite(w)
}

/// Two weights: m = mu m - lr (delta x), w += m; no instruction waits for the one before it. lr and mu in s28 and s29.
macro_rules! two_with_momentum {
    ($delta:literal: $m0:literal $w0:literal $x0:literal, $m1:literal $w1:literal $x1:literal) => {
        concat!(
            mul!(30 = $delta * $x0, 31 = $delta * $x1),
            mul!($m0 = 29 * $m0, $m1 = 29 * $m1),
            mul!(30 = 28 * 30, 31 = 28 * 31),
            sub!($m0 -= 30, $m1 -= 31),
            add!($w0 += $m0, $w1 += $m1),
        )
    };
}

/// Eight weights of a row. m in s0 to s7, w in s8 to s15, x in s16 to s23.
macro_rules! eight_with_momentum {
    ($delta:literal, $m:literal, $w:literal) => {
        concat!(
            "vldmia ",
            $m,
            ", {{s0-s7}}\n",
            "vldmia ",
            $w,
            ", {{s8-s15}}\n",
            two_with_momentum!($delta: 0 8 16, 1 9 17),
            two_with_momentum!($delta: 2 10 18, 3 11 19),
            two_with_momentum!($delta: 4 12 20, 5 13 21),
            two_with_momentum!($delta: 6 14 22, 7 15 23),
            "vstmia ",
            $m,
            "!, {{s0-s7}}\n",
            "vstmia ",
            $w,
            "!, {{s8-s15}}\n",
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
        )
    };
}

/// Eight weights of a row: w -= lr (delta x). w in s8 to s15, x in s16 to s23, lr in s28.
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
        )
    };
}

/// Columns by eights and then singly.
macro_rules! columns {
    ([$($eight:tt)*], [$($one:tt)*]) => {
        concat!(
            "vldmia {rank1}, {{s24-s29}}\n",
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
        }
    }

    /// Four rows.
    ///
    /// # Safety
    /// `x.len()` values in each of four rows at `w` and at `m`.
    #[inline(always)]
    unsafe fn momentum_four(&self, x: &[f32], w: *mut f32, m: *mut f32) {
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
                rank1 = in(reg) &raw const *self,
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
    unsafe fn momentum_one(&self, x: &[f32], w: *mut f32, m: *mut f32) {
        // SAFETY: as in `momentum_four`.
        unsafe {
            fpu!(
                columns!(
                    [eight_with_momentum!(24, "{m0}", "{w0}")],
                    [one_with_momentum!(24, "{m0}", "{w0}")]
                ),
                rank1 = in(reg) &raw const *self,
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
    unsafe fn plain_four(&self, x: &[f32], w: *mut f32) {
        let width = x.len();
        // SAFETY: as in `momentum_four`.
        unsafe {
            fpu!(
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
                rank1 = in(reg) &raw const *self,
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
    unsafe fn plain_one(&self, x: &[f32], w: *mut f32) {
        // SAFETY: as in `momentum_four`.
        unsafe {
            fpu!(
                columns!([eight_plain!(24, "{w0}")], [one_plain!(24, "{w0}")]),
                rank1 = in(reg) &raw const *self,
                x = inout(reg) x.as_ptr() => _,
                n = inout(reg) x.len() => _,
                w0 = inout(reg) w => _,
            );
        }
    }
}
