//! How deep the stack went: the free part is painted before the application starts, and what lost its paint was used.

use core::ptr;

use crate::arch;

const PAINT: u32 = 0x5AFE_57AC;
/// Left unpainted below the stack pointer: the frames of what `paint` itself calls in an unoptimised build.
const MARGIN_BYTES: usize = 256;

/// In bytes; `used` is the deepest so far, and at `available` the stack may have run into the statics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub used: usize,
    pub available: usize,
}

#[inline(never)]
pub(crate) fn paint() {
    let (low, _) = arch::stack_bounds();
    let end = arch::stack_pointer() - MARGIN_BYTES;
    for address in (low..end).step_by(4) {
        // SAFETY: between the end of the statics and the stack pointer nothing lives; `low` is a multiple of 4.
        unsafe { ptr::with_exposed_provenance_mut::<u32>(address).write_volatile(PAINT) }
    }
}

/// The deepest that the stack has been since the program started.
#[inline(never)]
pub fn usage() -> Usage {
    let (low, high) = arch::stack_bounds();
    let deepest = (low..high)
        .step_by(4)
        // SAFETY: reads words of RAM that the linker script gives to the stack.
        .find(|&address| unsafe { ptr::with_exposed_provenance::<u32>(address).read_volatile() } != PAINT)
        .unwrap_or(high);
    Usage {
        used: high - deepest,
        available: high - low,
    }
}
