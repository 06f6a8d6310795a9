//! The fused multiplication and addition.

use core::arch::asm;

/// a b + `sum`, rounded once. For what is not worth a loop in assembly: rustc lets no value into a register of the FPU (for it `vfp2` is no
/// feature of the target), so all three come and one goes by the core's.
#[inline(always)]
pub fn fmaf(a: f32, b: f32, sum: f32) -> f32 {
    let mut result = sum;
    // SAFETY: writes the registers named, and the cumulative flags of the FPU, at which `exceptions` looks: one more makes it doubt, and no more.
    unsafe {
        asm!(
            "vmov s0, {result}",
            "vmov s1, {a}",
            "vmov s2, {b}",
            "vfma.f32 s0, s1, s2",
            "vmov {result}, s0",
            result = inout(reg) result,
            a = in(reg) a,
            b = in(reg) b,
            out("s0") _,
            out("s1") _,
            out("s2") _,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    result
}
