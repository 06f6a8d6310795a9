//! Windows of known code, for the test of the counter: see tools/xtask/src/cmd/test/counter.rs.
#![no_std]
#![no_main]

use core::arch::asm;

use bench::{Checksum, measure};

bench::main!(run);

fn run() -> Checksum {
    measure(|| ());
    // SAFETY: does nothing.
    measure(|| unsafe { asm!(".rept 1000", "nop", ".endr") });
    // SAFETY: changes one register and the flags.
    measure(|| unsafe {
        #[cfg(target_arch = "arm")]
        asm!("movs {i}, #200", "2:", "subs {i}, #1", "bne 2b", i = out(reg) _);
        #[cfg(target_arch = "riscv32")]
        asm!("li {i}, 200", "2:", "addi {i}, {i}, -1", "bnez {i}, 2b", i = out(reg) _);
    });
    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    fpu();
    Checksum::default()
}

/// Loads, multiply and add, a store, a division, in a loop of 100 turns, over whatever lies on the stack.
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
fn fpu() {
    // SAFETY: reads and writes four words that it takes from the stack and gives back.
    measure(|| unsafe {
        asm!(
            "sub sp, #16",
            "movs {i}, #100",
            "2:",
            "vldr s0, [sp]",
            "vldr s1, [sp, #4]",
            "vldmia sp, {{s2-s5}}",
            "vmul.f32 s0, s0, s1",
            "vadd.f32 s0, s0, s2",
            "vfma.f32 s0, s3, s4",
            "vdiv.f32 s6, s0, s1",
            "vstr s6, [sp, #12]",
            "subs {i}, #1",
            "bne 2b",
            "add sp, #16",
            i = out(reg) _,
            out("s0") _, out("s1") _, out("s2") _, out("s3") _, out("s4") _, out("s5") _, out("s6") _,
        );
    });
}
