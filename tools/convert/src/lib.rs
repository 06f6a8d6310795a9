//! Trained parameters, read on the host.
//!
//! ```text
//! MXNet .params  --params::read-------.
//!                                      >--> Weights --NameMap::apply--> Weights --blob::blob--> blob
//! .safetensors   --safetensors::read--'
//! ```
//!
//! | module | subject |
//! | --- | --- |
//! | [`weights`] | [`Weights`], [`Tensor`], [`Kind`]: what every reader returns |
//! | [`params`] | MXNet's `.params`: formats V0 to V3 read, V2 written |
//! | [`safetensors`] | `.safetensors` |
//! | [`names`] | renaming by a map, for checkpoints whose names are not the network's |
//! | [`blob`](mod@blob) | weights as the device's blob |
//! | [`header`] | a blob's header read without its plan, damaged or not: what `tinpail inspect` prints |
//! | [`read_file`] | any of these files, told apart by their extension |
//!
//! All values become `f32`: `f16` and `bf16` exactly, `f64` rounded to the nearest (one that would become infinite is an
//! error). Whether a value is finite is not judged here. Every reader takes any bytes: what it cannot read is a typed error, never a
//! panic, and no length is believed before the file is known to be that long.
#![forbid(unsafe_code)]

pub mod blob;
mod dtype;
mod file;
pub mod header;
pub mod names;
pub mod params;
pub mod safetensors;
pub mod weights;

pub use blob::{AlignedBlob, BlobError, blob};
pub use dtype::Overflow;
pub use file::{FileError, list_file, read_file};
pub use names::NameMap;
pub use weights::{Entry, Kind, Listed, Tensor, Weights};
