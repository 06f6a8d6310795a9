//! A panic ends the run with a status of its own.
#![no_std]
#![no_main]

use board::println;

board::entry!(run);

fn run() {
    println!("before");
    panic!("on purpose");
}
