//! The numeric recipe: what a plan fixes about arithmetic, so that the host computes the device's bits.
//!
//! | choice | `exact`, version 2 |
//! | --- | --- |
//! | products | one sequential sum in index order from +0, separate multiply and add |
//! | bias | added after the sum; input and hidden products are two sums, each with its bias, then added |
//! | dW | rows in time order (t ascending, then the batch), onto zero or the held gradient |
//! | subnormals | kept |
//! | exp, tanh, sigmoid | [`Math`]: [`own`](crate::math::own) (version 1: libm's, sigmoid by exp) or micromath |
//! | ln, sqrt, expm1, erf | [`Math`]: libm (pinned version) or micromath |

use serde::{Deserialize, Serialize};

use crate::math::Math;

/// The version of the table above. Another order of sums anywhere is another version.
pub const VERSION: u8 = 2;

/// The recipe of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    pub version: u8,
    pub math: MathKind,
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
