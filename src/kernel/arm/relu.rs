//! ReLU, by the bits as integers: to compare them takes a cycle, where a VCMP is asked for its flags by another instruction.

use super::text::{fpu_low, zero};

/// Bits up to -infinity's become 0 where their sign is set; those above are NaN.
macro_rules! cut {
    ($($value:literal)*) => {
        concat!($(
            "cmp ", $value, ", {infinity}\n",
            "it ls\n",
            "bicls ", $value, ", ", $value, ", ", $value, ", asr #31\n",
        )*)
    };
}

/// Slopes times what is in the register of the FPU: of all bits less 1, those below infinity's belong to numbers above 0.
macro_rules! slope {
    ($($value:literal $register:literal)*) => {
        concat!($(
            "subs ", $value, ", ", $value, ", #1\n",
            "cmp ", $value, ", {infinity}\n",
            "it hs\n",
            "vmulhs.f32 s", $register, ", s", $register, ", s8\n",
        )*)
    };
}

/// See [`relu`](crate::kernel::blas::portable::relu).
#[inline(never)]
pub fn relu(y: &mut [f32]) {
    // SAFETY: reads and writes the values to their end, 8 and 1 at a time.
    unsafe {
        core::arch::asm!(
            "subs {n}, {n}, #8",
            "blo 3f",
            "2:",
            "ldmia {y}, {{r0-r5, r8, r10}}",
            cut!("r0" "r1" "r2" "r3" "r4" "r5" "r8" "r10"),
            "stmia {y}!, {{r0-r5, r8, r10}}",
            "subs {n}, {n}, #8",
            "bhs 2b",
            "3:",
            "adds {n}, {n}, #8",
            "beq 5f",
            "4:",
            "ldr r0, [{y}]",
            cut!("r0"),
            "subs {n}, {n}, #1",
            "str r0, [{y}], #4",
            "bne 4b",
            "5:",
            y = inout(reg) y.as_mut_ptr() => _,
            n = inout(reg) y.len() => _,
            infinity = in(reg) f32::NEG_INFINITY.to_bits(),
            out("r0") _, out("r1") _, out("r2") _, out("r3") _,
            out("r4") _, out("r5") _, out("r8") _, out("r10") _,
            options(nostack),
        );
    }
}

/// See [`relu_backward`](crate::kernel::blas::portable::relu_backward).
#[inline(never)]
pub fn relu_backward(y: &[f32], dy: &mut [f32]) {
    // SAFETY: reads y and reads and writes dy, as many values as the shorter has, 8 and 1 at a time.
    unsafe {
        fpu_low!(
            zero!(8),
            "subs {n}, {n}, #8",
            "blo 3f",
            "2:",
            "ldmia {y}!, {{r0-r5, r8, r10}}",
            "vldmia {dy}, {{s0-s7}}",
            slope!("r0" 0 "r1" 1 "r2" 2 "r3" 3 "r4" 4 "r5" 5 "r8" 6 "r10" 7),
            "vstmia {dy}!, {{s0-s7}}",
            "subs {n}, {n}, #8",
            "bhs 2b",
            "3:",
            "adds {n}, {n}, #8",
            "beq 5f",
            "4:",
            "ldr r0, [{y}], #4",
            "vldr s0, [{dy}]",
            slope!("r0" 0),
            "vstmia {dy}!, {{s0}}",
            "subs {n}, {n}, #1",
            "bne 4b",
            "5:",
            y = inout(reg) y.as_ptr() => _,
            dy = inout(reg) dy.as_mut_ptr() => _,
            n = inout(reg) y.len().min(dy.len()) => _,
            infinity = in(reg) f32::INFINITY.to_bits(),
            out("r0") _, out("r1") _, out("r2") _, out("r3") _,
            out("r4") _, out("r5") _, out("r8") _, out("r10") _,
        );
    }
}
