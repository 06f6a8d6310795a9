//! The module by names, its files against MXNet's own bytes, initializers against MXNet's numbers.

mod checkpoint;
mod common;
mod fit;
mod initializers;
mod life;
mod params;
