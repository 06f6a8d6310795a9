//! The fused multiplication and addition.

use core::arch::asm;

/// a b + `sum`, rounded once.
#[inline(always)]
pub fn fmaf(a: f32, b: f32, sum: f32) -> f32 {
    let result;
    // SAFETY: reads and writes the registers named, and the flags of the FPU, which nothing reads.
    unsafe {
        asm!(
            "fmadd.s {result}, {a}, {b}, {sum}",
            result = lateout(freg) result,
            a = in(freg) a,
            b = in(freg) b,
            sum = in(freg) sum,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    result
}
