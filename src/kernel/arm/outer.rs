//! The outer product of two vectors, given to SGD as it is formed. Of finite operands a result is not finite only where an operation has
//! overflowed, or was invalid after one, which the FPU remembers.

use super::exceptions::Exceptions;
use super::finite::all_finite;
use super::text::{add, fpu, mul, sub};
use crate::kernel::blas::Rates;

/// The rates, and what the rows that are left are moved by.
#[repr(C)]
struct Run {
    lr: f32,
    momentum: f32,
    x: *const f32,
    width: usize,
    delta: *const f32,
    /// How often, by four rows or by one.
    turns: usize,
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
    let mut run = Run::new(rates, delta, x);
    let mut at = [w.as_mut_ptr(), m.as_mut_ptr()];
    let exceptions = Exceptions::watch();
    // SAFETY: w and m have a row of `width` values for each delta, and each run moves past the rows that it used.
    unsafe {
        if run.takes(delta.len() / 4) {
            at = run.momentum_fours(at);
        }
        if run.takes(delta.len() % 4) {
            run.momentum_ones(at);
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
    let mut run = Run::new(rates, delta, x);
    let mut at = w.as_mut_ptr();
    let exceptions = Exceptions::watch();
    // SAFETY: w has a row of `width` values for each delta, and each run moves past the rows that it used.
    unsafe {
        if run.takes(delta.len() / 4) {
            at = run.plain_fours(at);
        }
        if run.takes(delta.len() % 4) {
            run.plain_ones(at);
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

/// All rows, as many at a time as there are deltas in `$delta`; columns by eights and then singly. lr and mu in s28 and s29. `$first`
/// finds the rows after the first, `$next` the first of the next turn, where the last row ended.
macro_rules! rows {
    ($delta:literal, first: [$($first:tt)*], eight: [$($eight:tt)*], one: [$($one:tt)*], next: [$($next:tt)*]) => {
        concat!(
            "vldmia {run}, {{s28-s29}}\n",
            "1:\n",
            "ldrd {x}, {n}, [{run}, #8]\n",
            "vldmia {delta}!, {{", $delta, "}}\n",
            $($first)*
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
            $($next)*
            "ldr {n}, [{run}, #20]\n",
            "subs {n}, {n}, #1\n",
            "str {n}, [{run}, #20]\n",
            "bne 1b\n",
        )
    };
}

impl Run {
    fn new(rates: Rates, delta: &[f32], x: &[f32]) -> Self {
        Self {
            lr: rates.lr,
            momentum: rates.momentum,
            delta: delta.as_ptr(),
            x: x.as_ptr(),
            width: x.len(),
            turns: 0,
        }
    }

    /// Whether there are any turns to take.
    #[inline(always)]
    fn takes(&mut self, turns: usize) -> bool {
        self.turns = turns;
        turns > 0
    }

    /// Four rows a turn, at least one turn; gives the rows after them.
    ///
    /// # Safety
    /// In each turn four deltas, and `width` > 0 values of x, in each of four rows of w and in each of four of m.
    #[inline(always)]
    unsafe fn momentum_fours(&mut self, [mut w, mut m]: [*mut f32; 2]) -> [*mut f32; 2] {
        // SAFETY: reads deltas and x, and reads and writes the rows, to their ends, 8 and 1 columns at a time.
        unsafe {
            fpu!(
                rows!(
                    "s24-s27",
                    first: [
                        "add {w1}, {w0}, {n}, lsl #2\n",
                        "add {w2}, {w1}, {n}, lsl #2\n",
                        "add {w3}, {w2}, {n}, lsl #2\n",
                        "add {m1}, {m0}, {n}, lsl #2\n",
                        "add {m2}, {m1}, {n}, lsl #2\n",
                        "add {m3}, {m2}, {n}, lsl #2\n",
                    ],
                    eight: [
                        eight_with_momentum!(24, "{m0}", "{w0}"),
                        eight_with_momentum!(25, "{m1}", "{w1}"),
                        eight_with_momentum!(26, "{m2}", "{w2}"),
                        eight_with_momentum!(27, "{m3}", "{w3}")
                    ],
                    one: [
                        one_with_momentum!(24, "{m0}", "{w0}"),
                        one_with_momentum!(25, "{m1}", "{w1}"),
                        one_with_momentum!(26, "{m2}", "{w2}"),
                        one_with_momentum!(27, "{m3}", "{w3}")
                    ],
                    next: ["mov {w0}, {w3}\n", "mov {m0}, {m3}\n",]
                ),
                run = in(reg) &raw mut *self,
                delta = inout(reg) self.delta,
                x = out(reg) _,
                n = out(reg) _,
                w0 = inout(reg) w,
                w1 = out(reg) _,
                w2 = out(reg) _,
                w3 = out(reg) _,
                m0 = inout(reg) m,
                m1 = out(reg) _,
                m2 = out(reg) _,
                m3 = out(reg) _,
            );
        }
        [w, m]
    }

    /// As [`Self::momentum_fours`], a row a turn.
    ///
    /// # Safety
    /// In each turn a delta, and `width` > 0 values of x, in a row of w and in one of m.
    #[inline(always)]
    unsafe fn momentum_ones(&mut self, [w, m]: [*mut f32; 2]) {
        // SAFETY: as in `momentum_fours`.
        unsafe {
            fpu!(
                rows!(
                    "s24",
                    first: [],
                    eight: [eight_with_momentum!(24, "{m0}", "{w0}")],
                    one: [one_with_momentum!(24, "{m0}", "{w0}")],
                    next: []
                ),
                run = in(reg) &raw mut *self,
                delta = inout(reg) self.delta,
                x = out(reg) _,
                n = out(reg) _,
                w0 = inout(reg) w => _,
                m0 = inout(reg) m => _,
            );
        }
    }

    /// Four rows a turn, at least one turn; gives the row after them.
    ///
    /// # Safety
    /// In each turn four deltas, and `width` > 0 values of x and in each of four rows of w.
    #[inline(always)]
    unsafe fn plain_fours(&mut self, mut w: *mut f32) -> *mut f32 {
        // SAFETY: as in `momentum_fours`.
        unsafe {
            fpu!(
                rows!(
                    "s24-s27",
                    first: [
                        "add {w1}, {w0}, {n}, lsl #2\n",
                        "add {w2}, {w1}, {n}, lsl #2\n",
                        "add {w3}, {w2}, {n}, lsl #2\n",
                    ],
                    eight: [
                        eight_plain!(24, "{w0}"),
                        eight_plain!(25, "{w1}"),
                        eight_plain!(26, "{w2}"),
                        eight_plain!(27, "{w3}")
                    ],
                    one: [
                        one_plain!(24, "{w0}"),
                        one_plain!(25, "{w1}"),
                        one_plain!(26, "{w2}"),
                        one_plain!(27, "{w3}")
                    ],
                    next: ["mov {w0}, {w3}\n",]
                ),
                run = in(reg) &raw mut *self,
                delta = inout(reg) self.delta,
                x = out(reg) _,
                n = out(reg) _,
                w0 = inout(reg) w,
                w1 = out(reg) _,
                w2 = out(reg) _,
                w3 = out(reg) _,
            );
        }
        w
    }

    /// As [`Self::plain_fours`], a row a turn.
    ///
    /// # Safety
    /// In each turn a delta, and `width` > 0 values of x and in a row of w.
    #[inline(always)]
    unsafe fn plain_ones(&mut self, w: *mut f32) {
        // SAFETY: as in `momentum_fours`.
        unsafe {
            fpu!(
                rows!(
                    "s24",
                    first: [],
                    eight: [eight_plain!(24, "{w0}")],
                    one: [one_plain!(24, "{w0}")],
                    next: []
                ),
                run = in(reg) &raw mut *self,
                delta = inout(reg) self.delta,
                x = out(reg) _,
                n = out(reg) _,
                w0 = inout(reg) w => _,
            );
        }
    }
}
