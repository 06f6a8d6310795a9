//! The arithmetic: one file per family of operators, forward beside backward, over plain slices.
//!
//! A kernel is total: it never panics, and on slices of the wrong length it computes less. The planner and `bind`
//! check lengths once, so no kernel checks them again. Sizes are letters, declared where a file begins; the shape
//! of a buffer stands beside it; a gradient is called `d` and the name of the value it belongs to.
//!
//! The order of every sum is part of the contract: one sequential sum per output, from +0, in the
//! order that the file's head gives, by separate multiplications and additions. Several outputs at a time are fine,
//! as each has its own accumulator. In the recipe `fma` the sums of dense layers, convolutions and recurrent layers take each product and
//! addition with one rounding ([`Products`](crate::products::Products)), in the same order; in `ftz` with zeros in place of subnormals besides.

pub mod activation;
#[cfg(all(target_arch = "arm", target_abi = "eabihf", target_os = "none"))]
#[allow(unsafe_code)]
pub mod arm;
#[cfg(all(target_arch = "arm", target_abi = "eabi", target_os = "none"))]
#[allow(unsafe_code)]
#[path = "arm/soft.rs"]
pub mod arm;
pub mod blas;
pub mod call;
pub mod compressed;
pub mod convolution;
pub mod dense;
pub mod dropout;
pub mod elementwise;
pub mod embedding;
pub mod finite;
pub mod global_norm;
pub mod gru;
pub mod half;
pub mod layout;
pub mod leaky;
pub mod lstm;
pub mod norm;
pub mod pooling;
pub mod recurrent;
pub mod reduce;
pub mod regression;
#[cfg(riscv_f)]
#[allow(unsafe_code)]
pub mod riscv;
pub mod rnn;
pub mod rows;
pub mod sequence;
pub mod softmax;
pub mod unary;
pub mod window;

#[cfg(test)]
mod tests;
