//! Every optimizer in a module: that it gives the same bits however the plan holds gradients, what it refuses, how it is
//! saved. (MXNet's numbers are in `tests/conformance`.)

#[path = "../common/mod.rs"]
mod common;
mod every;
#[path = "../bad_input/flash.rs"]
#[allow(dead_code)]
mod flash;
mod grad_req;
mod held;
mod init;
#[path = "../bad_input/net.rs"]
#[allow(dead_code)]
mod net;
mod same_bits;
mod saving;
