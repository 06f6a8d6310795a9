//! Whether values are numbers: by their bits, so that it costs the same with and without an FPU.

const EXPONENT: u32 = 0x7f80_0000;

/// Neither infinite nor NaN.
#[inline]
pub fn finite(value: f32) -> bool {
    value.to_bits() & EXPONENT != EXPONENT
}

pub use super::blas::all_finite;
