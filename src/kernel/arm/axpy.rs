//! One row times a factor, and the sum of the products of two rows: what convolutions do where their windows are not three wide.

use super::text::{add, either, fma, fpu, mul, step};
use crate::products::MulAdd;

/// See [`axpy`](crate::kernel::blas::portable::axpy).
#[inline(never)]
pub fn axpy<P: MulAdd>(a: f32, x: &[f32], y: &mut [f32]) {
    let len = x.len().min(y.len());
    if len == 0 {
        return;
    }
    // SAFETY: reads `len` values of x and of y, 8 and 1 at a time, and writes those of y.
    unsafe {
        fpu!(
            "vldr s24, [{a}]",
            "subs {n}, {n}, #8",
            "blo 3f",
            "2:",
            "vldmia {x}!, {{s0-s7}}",
            "vldmia {y}, {{s8-s15}}",
            step!(
                8 += 0 * 24 by 0, 9 += 1 * 24 by 1, 10 += 2 * 24 by 2, 11 += 3 * 24 by 3,
                12 += 4 * 24 by 4, 13 += 5 * 24 by 5, 14 += 6 * 24 by 6, 15 += 7 * 24 by 7
            ),
            "subs {n}, {n}, #8",
            "vstmia {y}!, {{s8-s15}}",
            "bhs 2b",
            "3:",
            "adds {n}, {n}, #8",
            "beq 5f",
            "4:",
            "vldmia {x}!, {{s0}}",
            "vldr s8, [{y}]",
            step!(8 += 0 * 24 by 0),
            "subs {n}, {n}, #1",
            "vstmia {y}!, {{s8}}",
            "bne 4b",
            "5:",
            a = in(reg) &raw const a,
            x = inout(reg) x.as_ptr() => _,
            y = inout(reg) y.as_mut_ptr() => _,
            n = inout(reg) len => _,
            fused = const P::FUSED as u32,
        );
    }
}

/// See [`dot`](crate::kernel::blas::portable::dot).
#[inline(never)]
pub fn dot<P: MulAdd>(x: &[f32], w: &[f32], sum: f32) -> f32 {
    let len = x.len().min(w.len());
    let mut sum = sum;
    if len == 0 {
        return sum;
    }
    // SAFETY: reads `len` values of x and of w, 8 and 1 at a time, and reads and writes the sum.
    unsafe {
        fpu!(
            "vldr s24, [{sum}]",
            "subs {n}, {n}, #8",
            "blo 3f",
            "2:",
            "vldmia {x}!, {{s0-s7}}",
            "vldmia {w}!, {{s8-s15}}",
            either!(
                separate: [
                    mul!(0 = 0 * 8, 1 = 1 * 9),
                    add!(24 += 0),
                    mul!(2 = 2 * 10),
                    add!(24 += 1),
                    mul!(3 = 3 * 11),
                    add!(24 += 2),
                    mul!(4 = 4 * 12),
                    add!(24 += 3),
                    mul!(5 = 5 * 13),
                    add!(24 += 4),
                    mul!(6 = 6 * 14),
                    add!(24 += 5),
                    mul!(7 = 7 * 15),
                    add!(24 += 6),
                    "subs {n}, {n}, #8\n",
                    add!(24 += 7),
                ],
                fused: [
                    fma!(24 += 0 * 8, 24 += 1 * 9, 24 += 2 * 10, 24 += 3 * 11),
                    fma!(24 += 4 * 12, 24 += 5 * 13, 24 += 6 * 14, 24 += 7 * 15),
                    "subs {n}, {n}, #8\n",
                ]
            ),
            "bhs 2b",
            "3:",
            "adds {n}, {n}, #8",
            "beq 5f",
            "4:",
            "vldmia {x}!, {{s0}}",
            "vldmia {w}!, {{s8}}",
            step!(24 += 0 * 8 by 0),
            "subs {n}, {n}, #1",
            "bne 4b",
            "5:",
            "vstr s24, [{sum}]",
            x = inout(reg) x.as_ptr() => _,
            w = inout(reg) w.as_ptr() => _,
            n = inout(reg) len => _,
            sum = in(reg) &raw mut sum,
            fused = const P::FUSED as u32,
        );
    }
    sum
}
