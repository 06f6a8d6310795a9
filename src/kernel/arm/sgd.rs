//! The updates of SGD, eight weights at a time.

use super::text::{add, fpu, mul, sub, zero};
use crate::kernel::blas::Rates;
use crate::kernel::finite::{all_finite, finite};

/// The rates, and the sum of the new weights: finite only if all of them are.
#[repr(C)]
struct Run {
    lr: f32,
    momentum: f32,
    scale: f32,
    sum: f32,
}

impl Run {
    fn new(rates: Rates) -> Self {
        Self {
            lr: rates.lr,
            momentum: rates.momentum,
            scale: rates.scale,
            sum: 0.0,
        }
    }
}

/// See [`sgd_momentum`](crate::kernel::blas::portable::sgd_momentum).
#[inline(never)]
pub fn sgd_momentum(rates: Rates, w: &mut [f32], g: &[f32], m: &mut [f32]) -> bool {
    let len = w.len().min(g.len()).min(m.len());
    let mut run = Run::new(rates);
    // SAFETY: reads `len` values of g and reads and writes `len` of m and of w, 8 and 1 at a time.
    unsafe {
        fpu!(
            zero!(29),
            "vldmia {run}, {{s24-s27}}",
            "subs {n}, {n}, #8",
            "blo 3f",
            "2:",
            "vldmia {g}!, {{s16-s23}}",
            mul!(16 = 26 * 16, 17 = 26 * 17, 18 = 26 * 18, 19 = 26 * 19, 20 = 26 * 20, 21 = 26 * 21, 22 = 26 * 22, 23 = 26 * 23),
            "vldmia {m}, {{s0-s7}}",
            mul!(16 = 24 * 16, 17 = 24 * 17, 18 = 24 * 18, 19 = 24 * 19, 20 = 24 * 20, 21 = 24 * 21, 22 = 24 * 22, 23 = 24 * 23),
            mul!(0 = 25 * 0, 1 = 25 * 1, 2 = 25 * 2, 3 = 25 * 3, 4 = 25 * 4, 5 = 25 * 5, 6 = 25 * 6, 7 = 25 * 7),
            "vldmia {w}, {{s8-s15}}",
            sub!(0 -= 16, 1 -= 17, 2 -= 18, 3 -= 19, 4 -= 20, 5 -= 21, 6 -= 22, 7 -= 23),
            add!(8 += 0, 9 += 1, 10 += 2, 11 += 3, 12 += 4, 13 += 5, 14 += 6, 15 += 7),
            "vstmia {m}!, {{s0-s7}}",
            add!(27 += 8, 29 += 9, 27 += 10, 29 += 11, 27 += 12, 29 += 13, 27 += 14, 29 += 15),
            "vstmia {w}!, {{s8-s15}}",
            "subs {n}, {n}, #8",
            "bhs 2b",
            "3:",
            "adds {n}, {n}, #8",
            "beq 5f",
            "4:",
            "vldmia {g}!, {{s16}}",
            "vldr s0, [{m}]",
            "vldr s8, [{w}]",
            mul!(16 = 26 * 16, 0 = 25 * 0, 16 = 24 * 16),
            sub!(0 -= 16),
            add!(8 += 0),
            "vstmia {m}!, {{s0}}",
            "vstmia {w}!, {{s8}}",
            "subs {n}, {n}, #1",
            add!(27 += 8),
            "bne 4b",
            "5:",
            add!(27 += 29),
            "vstr s27, [{run}, #12]",
            run = in(reg) &mut run,
            g = inout(reg) g.as_ptr() => _,
            m = inout(reg) m.as_mut_ptr() => _,
            w = inout(reg) w.as_mut_ptr() => _,
            n = inout(reg) len => _,
        );
    }
    finite(run.sum) || all_finite(w)
}

/// See [`sgd_plain`](crate::kernel::blas::portable::sgd_plain).
#[inline(never)]
pub fn sgd_plain(rates: Rates, w: &mut [f32], g: &[f32]) -> bool {
    let len = w.len().min(g.len());
    let mut run = Run::new(rates);
    // SAFETY: reads `len` values of g and reads and writes `len` of w, 8 and 1 at a time.
    unsafe {
        fpu!(
            zero!(29),
            "vldmia {run}, {{s24-s27}}",
            "subs {n}, {n}, #8",
            "blo 3f",
            "2:",
            "vldmia {g}!, {{s16-s23}}",
            mul!(16 = 26 * 16, 17 = 26 * 17, 18 = 26 * 18, 19 = 26 * 19, 20 = 26 * 20, 21 = 26 * 21, 22 = 26 * 22, 23 = 26 * 23),
            mul!(16 = 24 * 16, 17 = 24 * 17, 18 = 24 * 18, 19 = 24 * 19, 20 = 24 * 20, 21 = 24 * 21, 22 = 24 * 22, 23 = 24 * 23),
            "vldmia {w}, {{s8-s15}}",
            sub!(8 -= 16, 9 -= 17, 10 -= 18, 11 -= 19, 12 -= 20, 13 -= 21, 14 -= 22, 15 -= 23),
            add!(27 += 8, 29 += 9, 27 += 10, 29 += 11, 27 += 12, 29 += 13, 27 += 14, 29 += 15),
            "vstmia {w}!, {{s8-s15}}",
            "subs {n}, {n}, #8",
            "bhs 2b",
            "3:",
            "adds {n}, {n}, #8",
            "beq 5f",
            "4:",
            "vldmia {g}!, {{s16}}",
            "vldr s8, [{w}]",
            mul!(16 = 26 * 16, 16 = 24 * 16),
            sub!(8 -= 16),
            "vstmia {w}!, {{s8}}",
            "subs {n}, {n}, #1",
            add!(27 += 8),
            "bne 4b",
            "5:",
            add!(27 += 29),
            "vstr s27, [{run}, #12]",
            run = in(reg) &mut run,
            g = inout(reg) g.as_ptr() => _,
            w = inout(reg) w.as_mut_ptr() => _,
            n = inout(reg) len => _,
        );
    }
    finite(run.sum) || all_finite(w)
}
