//! Cortex-M on QEMU's mps2 machines.

use core::{arch::asm, ptr};

// Its critical section is what defmt's logger takes.
#[cfg(feature = "defmt")]
use cortex_m as _;
pub use cortex_m_rt as rt;
use cortex_m_rt::{ExceptionFrame, exception};
use semihosting::{eprintln, process};

unsafe extern "C" {
    // Addresses only, from cortex-m-rt's linker script.
    static _stack_end: u32;
    static _stack_start: u32;
}

/// The CMSDK APB timer 0: counts down at 25 MHz.
const TIMER0: usize = 0x4000_0000;
/// What reading it costs.
const COUNTER_INSTRUCTIONS: u32 = 3;
const CTRL: *mut u32 = ptr::without_provenance_mut(TIMER0);
const VALUE: *mut u32 = ptr::without_provenance_mut(TIMER0 + 4);
const RELOAD: *mut u32 = ptr::without_provenance_mut(TIMER0 + 8);

pub fn start_counter() {
    // SAFETY: the timer's registers, which nothing else uses.
    unsafe {
        CTRL.write_volatile(0);
        RELOAD.write_volatile(u32::MAX);
        VALUE.write_volatile(u32::MAX);
        CTRL.write_volatile(1);
    }
}

/// In ticks, downwards.
#[inline(always)]
pub fn counter() -> u32 {
    let value: u32;
    // SAFETY: reads the timer. As assembly that needs nothing from outside, so that it always takes the same three
    // instructions; it also keeps the compiler from moving accesses to memory across it.
    unsafe {
        asm!("movs {0}, #1", "lsls {0}, {0}, #30", "ldr {0}, [{0}, #4]", out(reg) value, options(nostack));
    }
    value
}

/// With `-icount shift=7` an instruction takes 128 ns and a tick 40 ns: 3.2 ticks an instruction. The two readings round
/// by less than a tick together, so the nearest whole number is exact (at shift=6, 1.6 ticks, it would not be).
///
/// Not inlined, or the compiler prepares its constants between the readings.
#[inline(never)]
pub fn instructions_between(before: u32, after: u32) -> u32 {
    let ticks = u64::from(before.wrapping_sub(after));
    ((ticks * 5 + 8) / 16) as u32 - COUNTER_INSTRUCTIONS
}

/// The lowest address of the stack's region and the one past its highest.
pub fn stack_bounds() -> (usize, usize) {
    (
        (&raw const _stack_end).expose_provenance(),
        (&raw const _stack_start).expose_provenance(),
    )
}

#[inline(always)]
pub fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags)) }
    sp
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    eprintln!("hard fault at {:#010x}", frame.pc());
    process::abort()
}
