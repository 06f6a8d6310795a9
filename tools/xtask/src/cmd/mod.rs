//! The subcommands, one a file.

pub mod bench;
pub mod cost;
pub mod demo;
pub mod memory;
pub mod setup;
pub mod test;
