//! What functions compute with: an f32, and where there is no FPU one whose operators are [`soft`](super::soft)'s.

#[cfg(not(any(
    all(target_arch = "arm", target_abi = "eabi", target_os = "none"),
    all(target_arch = "riscv32", not(riscv_f))
)))]
mod chosen {
    pub type Number = f32;

    #[inline(always)]
    pub fn number(value: f32) -> Number {
        value
    }

    #[inline(always)]
    pub fn value(number: Number) -> f32 {
        number
    }
}

// `riscv_f` is build.rs's: the compiler does not say whether a RISC-V has an FPU.
#[cfg(any(
    all(target_arch = "arm", target_abi = "eabi", target_os = "none"),
    all(target_arch = "riscv32", not(riscv_f))
))]
mod chosen {
    use crate::math::soft::Soft;

    pub type Number = Soft;

    #[inline(always)]
    pub fn number(value: f32) -> Number {
        Soft(value)
    }

    #[inline(always)]
    pub fn value(number: Number) -> f32 {
        number.0
    }
}

pub use chosen::{Number, number, value};
