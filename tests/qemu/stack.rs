//! The stack's high-water mark follows the deepest call, and stays.
#![no_std]
#![no_main]

use core::hint::black_box;

use board::{println, stack};

board::entry!(run);

fn run() {
    let before = stack::usage();
    deep::<8192>();
    let after = stack::usage();
    deep::<1024>();
    println!("little before: {}", before.used < 1024);
    println!(
        "at least 8192 more: {}",
        after.used >= before.used + 8192 - 512
    );
    println!("not much more: {}", after.used < before.used + 8192 + 512);
    println!("it stays: {}", stack::usage() == after);
    println!(
        "nearly all of the RAM is free: {}",
        after.available > 30 * 1024
    );
}

#[inline(never)]
fn deep<const N: usize>() {
    black_box([0u8; N]);
}
