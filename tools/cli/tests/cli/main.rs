//! The command as a user runs it, on MXNet's own numbers and on bad input.

mod command;
mod convert;
mod errors;
mod golden;
mod inspect;
mod picture;
mod place;
mod plan;
mod profile;
mod speaker;
mod train;
