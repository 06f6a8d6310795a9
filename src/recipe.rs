//! The numeric recipe: what a plan fixes about arithmetic, so that the host computes the device's bits.
//!
//! Version 2, with [`ProductsKind::Separate`] (the recipe `exact`), [`ProductsKind::Fused`] (`fma`) or [`ProductsKind::Flushed`] (`ftz`):
//!
//! | choice | `exact` | `fma` | `ftz` |
//! | --- | --- | --- | --- |
//! | products | one sequential sum in index order from +0, separate multiply and add | the same sum, each product and addition rounded once | as `fma`, by Arm's standard arithmetic: subnormal operands count as zeros of their sign, and so does a result that is below the smallest normal number before it is rounded |
//! | bias | added after the sum; input and hidden products are two sums, each with its bias, then added | the same | the same |
//! | dW | rows in time order (t ascending, then the batch), onto zero or the held gradient, separate multiply and add | the same order, rounded once; the product of a single row is rounded as it is | as `fma`, each sum as above, of a single row too |
//! | convolution | separate multiply and add | rounded once; where windows are three wide and slide by one, +0 is added before the bias | as `fma`, each sum as above |
//! | everything else: gates, activations, norms, poolings, losses, the optimizer, clipping's norm | separate multiply and add | the same | the same |
//! | subnormals | kept | kept | zeros in sums of products, kept elsewhere |
//! | exp, tanh, sigmoid | [`Math`]: [`own`](crate::math::own) (version 1: libm's, sigmoid by exp) or micromath | the same | the same |
//! | ln, sqrt, expm1, erf | [`Math`]: libm (pinned version) or micromath | the same | the same |

use serde::{Deserialize, Serialize};

use crate::math::Math;
use crate::products::Products;

/// The version of the table above. Another order of sums anywhere is another version.
pub const VERSION: u8 = 2;

/// The recipe of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    pub version: u8,
    pub math: MathKind,
    pub products: ProductsKind,
}

/// Which functions a plan was made for; [`MathKind::get`] says whether they are compiled in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MathKind {
    #[default]
    Libm,
    Micromath,
}

impl MathKind {
    /// The functions, if this build has them.
    pub const fn get(self) -> Option<Math> {
        match self {
            #[cfg(feature = "libm")]
            MathKind::Libm => Some(Math::Libm),
            #[cfg(feature = "micromath")]
            MathKind::Micromath => Some(Math::Micromath),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }
}

/// How the products of a plan join their sums; [`ProductsKind::get`] says whether that is compiled in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProductsKind {
    /// Two roundings: fewer cycles on a Cortex-M4, the same bits as portable code.
    #[default]
    Separate,
    /// One rounding, by a fused multiplication and addition: fewer instructions, for a Cortex-M7, M33 or M55 and RISC-V with F.
    Fused,
    /// As `Fused`, with zeros in place of subnormals: what the vector unit of a Cortex-M55 (MVE) computes.
    Flushed,
}

impl ProductsKind {
    /// The products, if this build has them.
    pub const fn get(self) -> Option<Products> {
        match self {
            #[cfg(feature = "exact")]
            ProductsKind::Separate => Some(Products::Separate),
            #[cfg(feature = "fma")]
            ProductsKind::Fused => Some(Products::Fused),
            #[cfg(feature = "ftz")]
            ProductsKind::Flushed => Some(Products::Flushed),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    /// The feature of tinpail that has them, which is what the recipe is called.
    pub const fn feature(self) -> &'static str {
        match self {
            ProductsKind::Separate => "exact",
            ProductsKind::Fused => "fma",
            ProductsKind::Flushed => "ftz",
        }
    }
}
