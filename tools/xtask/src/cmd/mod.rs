//! The subcommands, one a file.

pub mod demo;
pub mod setup;
pub mod test;
