//! Boots and says so.
#![no_std]
#![no_main]

use board::println;
use tinpail as _;

board::entry!(run);

fn run() {
    let stack = board::stack::usage();
    println!("tinpail {} bytes of stack", stack.used);
}
