//! `board::instructions` is exact: code of known length, from nothing to millions.
#![no_std]
#![no_main]

use core::{arch::asm, hint::black_box};

use board::println;

board::entry!(run);

fn run() {
    println!("nothing: {}", board::instructions(|| ()).1);
    println!("1: {}", straight::<1>());
    println!("2: {}", straight::<2>());
    println!("3: {}", straight::<3>());
    println!("1000: {}", straight::<1000>());
    println!("1 + 2 * 10: {}", count_down(10));
    println!("1 + 2 * 12345: {}", count_down(12_345));
    println!("1 + 2 * 10000000: {}", count_down(10_000_000));
}

/// N instructions.
fn straight<const N: usize>() -> u32 {
    // SAFETY: does nothing.
    board::instructions(|| unsafe { asm!(".rept {}", "nop", ".endr", const N) }).1
}

/// One instruction, and two for each turn.
fn count_down(turns: u32) -> u32 {
    // Loaded before the count starts.
    let turns = black_box(turns);
    // SAFETY: changes one register and the flags.
    board::instructions(|| unsafe {
        #[cfg(target_arch = "arm")]
        asm!("mov {i}, {n}", "2:", "subs {i}, #1", "bne 2b", n = in(reg) turns, i = out(reg) _);
        #[cfg(target_arch = "riscv32")]
        asm!("mv {i}, {n}", "2:", "addi {i}, {i}, -1", "bnez {i}, 2b", n = in(reg) turns, i = out(reg) _);
    })
    .1
}
