//! How a product joins a sum: the one place that says it.
//!
//! With one of the three features, [`Products`] has one variant and choosing costs nothing; with more, the plan's recipe chooses. The
//! feature `exact` rounds the product and then the sum; `fma` rounds once, by the target's instruction (Arm with an FPU, RISC-V
//! with F) or by libm's `fmaf`, which give the same bits; `ftz` rounds once as the vector unit of a Cortex-M55 does, which takes
//! subnormals for zeros, by its instruction or by [`flushed::fmaf`].

#[cfg(not(any(feature = "exact", feature = "fma", feature = "ftz")))]
compile_error!(
    "tinpail needs to know how products are added: enable the feature `exact` (the default), `fma` or `ftz`"
);

#[cfg(feature = "ftz")]
pub mod flushed;

#[cfg(all(feature = "ftz", not(mve)))]
use self::flushed::fmaf as fmaf_flushed;
#[cfg(all(
    feature = "fma",
    target_arch = "arm",
    target_abi = "eabihf",
    target_os = "none"
))]
use crate::kernel::arm::fmaf;
#[cfg(mve)]
use crate::kernel::arm::mve::fmaf_flushed;
#[cfg(all(feature = "fma", riscv_f))]
use crate::kernel::riscv::fmaf;
#[cfg(all(
    feature = "fma",
    not(any(
        riscv_f,
        all(target_arch = "arm", target_abi = "eabihf", target_os = "none")
    ))
))]
use libm::fmaf;

/// How products join sums, chosen by the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Products {
    /// [`Separate`]
    #[cfg(feature = "exact")]
    #[default]
    Separate,
    /// [`Fused`]
    #[cfg(feature = "fma")]
    #[cfg_attr(not(feature = "exact"), default)]
    Fused,
    /// [`Flushed`]
    #[cfg(feature = "ftz")]
    #[cfg_attr(not(any(feature = "exact", feature = "fma")), default)]
    Flushed,
}

impl Products {
    /// `sum` + a b, for loops that are not worth two versions.
    #[inline(always)]
    pub fn mul_add(self, a: f32, b: f32, sum: f32) -> f32 {
        by!(self, P => P::mul_add(a, b, sum))
    }
}

/// The same as a type, for loops that exist once for each.
pub trait MulAdd {
    /// Whether there is one rounding.
    const FUSED: bool;

    /// `sum` + a b
    fn mul_add(a: f32, b: f32, sum: f32) -> f32;
}

/// The product is rounded, and then the sum.
#[cfg(feature = "exact")]
#[derive(Clone, Copy, Debug)]
pub enum Separate {}

#[cfg(feature = "exact")]
impl MulAdd for Separate {
    const FUSED: bool = false;

    #[inline(always)]
    fn mul_add(a: f32, b: f32, sum: f32) -> f32 {
        sum + a * b
    }
}

/// One rounding, IEEE 754's fusedMultiplyAdd.
#[cfg(feature = "fma")]
#[derive(Clone, Copy, Debug)]
pub enum Fused {}

#[cfg(feature = "fma")]
impl MulAdd for Fused {
    const FUSED: bool = true;

    #[inline(always)]
    fn mul_add(a: f32, b: f32, sum: f32) -> f32 {
        fmaf(a, b, sum)
    }
}

/// One rounding, and zeros in place of subnormals: see [`flushed::fmaf`].
#[cfg(feature = "ftz")]
#[derive(Clone, Copy, Debug)]
pub enum Flushed {}

#[cfg(feature = "ftz")]
impl MulAdd for Flushed {
    const FUSED: bool = true;

    #[inline(always)]
    fn mul_add(a: f32, b: f32, sum: f32) -> f32 {
        fmaf_flushed(a, b, sum)
    }
}

/// `by!(products, P => f::<P>(..))`: the expression, with P the type of the products.
macro_rules! by {
    ($products:expr, $type:ident => $value:expr) => {
        match $products {
            #[cfg(feature = "exact")]
            $crate::products::Products::Separate => {
                type $type = $crate::products::Separate;
                $value
            }
            #[cfg(feature = "fma")]
            $crate::products::Products::Fused => {
                type $type = $crate::products::Fused;
                $value
            }
            #[cfg(feature = "ftz")]
            $crate::products::Products::Flushed => {
                type $type = $crate::products::Flushed;
                $value
            }
        }
    };
}

pub(crate) use by;
