//! The demo's firmware: see the `speaker` crate, which is the same on every board.
#![no_std]
#![no_main]

board::entry!(speaker::firmware::run);
