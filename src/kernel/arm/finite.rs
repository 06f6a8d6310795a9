//! Whether values are numbers.

use core::arch::asm;

use super::text::add;
use crate::kernel::blas::portable;
use crate::kernel::finite::finite;

/// See [`all_finite`](crate::kernel::blas::portable::all_finite). A sum is finite only if every value is; where it is not, they are looked
/// at one by one.
#[inline(never)]
pub fn all_finite(values: &[f32]) -> bool {
    let sum: u32;
    // SAFETY: reads the values to their end, 8 and 1 at a time.
    unsafe {
        asm!(
            "vmov s8, {zero}",
            "vmov.f32 s9, s8",
            "subs {n}, {n}, #8",
            "blo 3f",
            "2:",
            "vldmia {at}!, {{s0-s7}}",
            add!(8 += 0, 9 += 1, 8 += 2, 9 += 3, 8 += 4, 9 += 5, 8 += 6, 9 += 7),
            "subs {n}, {n}, #8",
            "bhs 2b",
            "3:",
            "adds {n}, {n}, #8",
            "beq 5f",
            "4:",
            "vldmia {at}!, {{s0}}",
            "subs {n}, {n}, #1",
            add!(8 += 0),
            "bne 4b",
            "5:",
            add!(8 += 9),
            "vmov {zero}, s8",
            at = inout(reg) values.as_ptr() => _,
            n = inout(reg) values.len() => _,
            zero = inout(reg) 0 => sum,
            out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("d4") _,
            options(nostack, readonly),
        );
    }
    finite(f32::from_bits(sum)) || portable::all_finite(values)
}
