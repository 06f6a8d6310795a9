//! MXNet's `.params` files: what `save_params`, `save_checkpoint` and `nd.save` write.
//!
//! All numbers are little endian.
//!
//! ```text
//! file    u64 0x112 | u64 reserved | u64 n | n x array | u64 k | k x name       k is n, or 0 if nothing is named
//! name    u64 length | UTF-8 bytes, no terminator                               "arg:fc_bias", "aux:bn_moving_mean"
//!
//! array   V2   u32 0xF993FAC9 | i32 stype | [sparse: shape of the stored values] | shape | rest
//!         V3   u32 0xF993FACA | as V2, but rank 0 is a scalar and rank -1 is no array
//!         V1   u32 0xF993FAC8 | shape | rest
//!         V0   u32 rank | rank x u32 | rest
//! shape   i32 rank | rank x i64
//! rest    i32 device type | i32 device id | i32 dtype | [sparse: per index array: i32 dtype, shape] |
//!         values, row-major | [sparse: index arrays]
//! ```
//!
//! In V0 to V2 an array of rank 0 is "none" and ends after its shape. The device is ignored: a file saved from a GPU loads
//! like any other. Names come after all arrays, so reading goes over the arrays first and turns them into tensors only when
//! their names are known: an error can then say which tensor it means.

mod cursor;
mod read;
mod write;

pub use read::{Dtype, ReadError, list, read};
pub use write::{WriteError, write};

const FILE_MAGIC: u64 = 0x112;
const V1: u32 = 0xF993_FAC8;
const V2: u32 = 0xF993_FAC9;
const V3: u32 = 0xF993_FACA;
/// MXNet's device type of a tensor that lies in main memory.
const CPU: i32 = 1;
/// A V0 array begins with its rank: a first word above this (MXNet's own arrays stop at 32 dimensions) is no magic at all.
const MAX_RANK: usize = 32;
