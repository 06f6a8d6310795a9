//! Instructions of RISC-V cores with an FPU that Rust has no name for. With `kernel/arm` the only place of unsafe code.

mod fma;

pub use fma::fmaf;
