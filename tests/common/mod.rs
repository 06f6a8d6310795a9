//! Networks with random values, planned, bound and stepped on the host; and the same in the interpreter.
//! Shared by the test crates `gradients`, `planner` and `bad_input`.

#![allow(dead_code)] // each test crate uses a part

pub mod masks;
pub mod operators;
pub mod rng;
pub mod run;
pub mod twin;
pub mod values;

/// How many cases a property test runs: `TINPAIL_CASES`, else `default`.
pub fn cases(default: u32) -> u32 {
    let given = std::env::var("TINPAIL_CASES").ok();
    given.map_or(default, |given| {
        given.parse().expect("TINPAIL_CASES is a number")
    })
}
