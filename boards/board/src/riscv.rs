//! RISC-V on QEMU's virt machine.

use core::arch::asm;

pub use riscv_rt as rt;
use riscv_rt::TrapFrame;
use semihosting::{eprintln, process};

unsafe extern "C" {
    // Addresses only, from riscv-rt's linker script, in which the stack ends where it is lowest.
    static __estack: u32;
    static __sstack: u32;
}

/// The CSR that counts retired instructions is always on.
pub fn start_counter() {}

#[inline(always)]
pub fn counter() -> u32 {
    let retired: u32;
    // SAFETY: reads a counter. Without `nomem`, so that the compiler does not move accesses to memory across it.
    unsafe { asm!("csrr {}, minstret", out(reg) retired, options(nostack, preserves_flags)) }
    retired
}

/// Not inlined, as on Arm.
#[inline(never)]
pub fn instructions_between(before: u32, after: u32) -> u32 {
    // Reading the counter is an instruction too.
    after.wrapping_sub(before) - 1
}

/// The lowest address of the stack's region and the one past its highest.
pub fn stack_bounds() -> (usize, usize) {
    (
        (&raw const __estack).expose_provenance(),
        (&raw const __sstack).expose_provenance(),
    )
}

#[inline(always)]
pub fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mv {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags)) }
    sp
}

#[unsafe(export_name = "ExceptionHandler")]
extern "C" fn exception(_frame: &TrapFrame) -> ! {
    let (cause, at): (usize, usize);
    // SAFETY: reads two registers.
    unsafe {
        asm!("csrr {}, mcause", out(reg) cause, options(nomem, nostack));
        asm!("csrr {}, mepc", out(reg) at, options(nomem, nostack));
    }
    eprintln!("exception {cause} at {at:#010x}");
    process::abort()
}
