//! The subcommands, one a file.

pub mod bench;
pub mod demo;
pub mod setup;
pub mod test;
