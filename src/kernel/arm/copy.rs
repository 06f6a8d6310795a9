//! A copy: by the M4's tables a VLDM and a VSTM of eight words take 18 cycles.

use super::text::fpu;

/// See [`copy`](crate::kernel::blas::portable::copy).
#[inline(never)]
pub fn copy(x: &[f32], y: &mut [f32]) {
    // SAFETY: reads x and writes y, as many values as the shorter has, 8 and 1 at a time.
    unsafe {
        fpu!(
            "subs {n}, {n}, #8",
            "blo 3f",
            "2:",
            "vldmia {x}!, {{s0-s7}}",
            "subs {n}, {n}, #8",
            "vstmia {y}!, {{s0-s7}}",
            "bhs 2b",
            "3:",
            "adds {n}, {n}, #8",
            "beq 5f",
            "4:",
            "vldmia {x}!, {{s0}}",
            "subs {n}, {n}, #1",
            "vstmia {y}!, {{s0}}",
            "bne 4b",
            "5:",
            x = inout(reg) x.as_ptr() => _,
            y = inout(reg) y.as_mut_ptr() => _,
            n = inout(reg) x.len().min(y.len()) => _,
        );
    }
}
