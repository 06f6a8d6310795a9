//! The methods around a step: loops, callbacks, monitors, profilers, initial values, ways to bind.

mod bind;
#[path = "../common/mod.rs"]
mod common;
#[path = "../bad_input/flash.rs"]
#[allow(dead_code)] // made for flashes that fail
mod flash;
mod init;
mod loops;
mod monitor;
mod net;
mod params;
mod profiler;
