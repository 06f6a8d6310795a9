//! What the FPU remembers of its operations: it sets a flag where one overflows or has no result, and leaves it set.

use core::arch::asm;

/// IOC, the first bit, and OFC, the third, of FPSCR: an operation was invalid, or its result too large.
const INVALID_OR_OVERFLOW: u32 = 0b101;

/// The flags, cleared for a while.
///
/// An interrupt leaves them alone: FPSCR is saved and restored with the registers. Operations of the compiler's between the two calls
/// may set them as well, so that they say more than they should and never less.
pub struct Exceptions {
    before: u32,
}

impl Exceptions {
    /// Clears them.
    #[inline(always)]
    pub fn watch() -> Self {
        let before = fpscr();
        set_fpscr(before & !INVALID_OR_OVERFLOW);
        Self { before }
    }

    /// Whether no operation since was invalid or overflowed. Flags that were set before are again.
    #[inline(always)]
    pub fn none(self) -> bool {
        let now = fpscr();
        set_fpscr(now | self.before & INVALID_OR_OVERFLOW);
        now & INVALID_OR_OVERFLOW == 0
    }
}

#[inline(always)]
fn fpscr() -> u32 {
    let value;
    // SAFETY: reads the register.
    unsafe { asm!("vmrs {}, fpscr", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

#[inline(always)]
fn set_fpscr(value: u32) {
    // SAFETY: the callers change flags that no code of the compiler's reads.
    unsafe { asm!("vmsr fpscr, {}", in(reg) value, options(nomem, nostack)) };
}
