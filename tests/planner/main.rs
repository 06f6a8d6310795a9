//! The planner over networks and problems that nobody wrote by hand, and what it refuses.

mod ahead;
mod buckets;
mod clip;
#[path = "../common/mod.rs"]
mod common;
mod convolutional;
mod file;
mod graph;
mod limit;
mod optimizer;
mod order;
mod placement;
mod random;
mod refused;
mod rolled;
mod saved;
mod schema;
