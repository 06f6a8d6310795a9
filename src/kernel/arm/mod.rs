//! Assembly for Arm cores with a single-precision FPU, written for the Cortex-M4: by its Technical Reference Manual a
//! multiplication and an addition take a cycle each and a fused one three, a result takes a cycle more where the very next instruction
//! needs it, and N registers load in 1 + N cycles. So several sums run side by side, operands come by VLDM, and one tile of
//! loads serves as many multiplications as the 32 registers hold.
//!
//! With `kernel/riscv` the only place of unsafe code. Each function checks its slices first and is safe to call with any; its twin is
//! the function of the same name in [`portable`](super::blas::portable), of the loops in `gates` that of [`own`](crate::math), and of a GRU's cell what
//! [`gru_cell`](super::blas::gru_cell) does without it.

mod axpy;
mod cells;
mod copy;
mod exceptions;
mod finite;
#[cfg(feature = "fma")]
mod fma;
#[cfg(feature = "libm")]
mod gates;
mod gemm;
mod gemv;
mod gemv_transposed;
#[cfg(mve)]
pub mod mve;
mod outer;
mod outer_sum;
mod relu;
mod rows;
mod sgd;
mod text;
mod window;

pub use axpy::{axpy, dot};
pub use cells::{lstm_deltas, lstm_state};
pub use copy::copy;
pub use finite::all_finite;
#[cfg(feature = "fma")]
pub use fma::fmaf;
#[cfg(feature = "libm")]
pub use gates::{gru_cell, sigmoid_all, tanh_all};
pub use gemm::gemm;
pub use gemv::{gemv, gemv_two};
pub use gemv_transposed::gemv_transposed;
pub use outer::{outer_momentum, outer_plain};
pub use outer_sum::{outer_sum, outer_sum_momentum};
pub use relu::{relu, relu_backward};
pub use rows::add_rows;
pub use sgd::{sgd_momentum, sgd_plain};
pub use window::window3;

pub use super::blas::portable::{gru_new, gru_state};
