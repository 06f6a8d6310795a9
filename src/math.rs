//! The functions that activations need, from libm or micromath: the one place that names either.
//!
//! With one of the two features, [`Math`] has one variant and choosing costs nothing; with both, the plan's
//! recipe chooses. libm is pinned, so that host and device compute the same bits.
//!
//! Error of micromath, measured against f64 by this file's tests (the bounds are asserted there):
//!
//! | function | range | bound |
//! | --- | --- | --- |
//! | exp | -80 to 80 | 5e-3 relative |
//! | tanh | all | 2.5e-3 absolute |
//! | sigmoid | all | 1.5e-3 absolute |
//! | ln | 1e-30 to 1e30 | 2e-3 absolute |
//! | sqrt | 1e-30 to 1e30 | 1e-3 relative |

#[cfg(not(any(feature = "libm", feature = "micromath")))]
compile_error!(
    "tinpail needs exp and tanh from somewhere: enable the feature `libm` (the default) or `micromath`"
);

/// Where exp, tanh, ln and sqrt come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Math {
    /// The pinned libm: within one or two units in the last place.
    #[cfg(feature = "libm")]
    #[default]
    Libm,
    /// Short series: smaller and faster, with the errors of the module's table.
    #[cfg(feature = "micromath")]
    #[cfg_attr(not(feature = "libm"), default)]
    Micromath,
}

impl Math {
    /// e^x; +inf where it overflows.
    pub fn exp(self, x: f32) -> f32 {
        match self {
            #[cfg(feature = "libm")]
            Self::Libm => libm::expf(x),
            #[cfg(feature = "micromath")]
            Self::Micromath => approx::exp(x),
        }
    }

    pub fn tanh(self, x: f32) -> f32 {
        match self {
            #[cfg(feature = "libm")]
            Self::Libm => libm::tanhf(x),
            #[cfg(feature = "micromath")]
            Self::Micromath => approx::tanh(x),
        }
    }

    /// The natural logarithm; -inf at 0, NaN below.
    pub fn ln(self, x: f32) -> f32 {
        match self {
            #[cfg(feature = "libm")]
            Self::Libm => libm::logf(x),
            #[cfg(feature = "micromath")]
            Self::Micromath => approx::ln(x),
        }
    }

    pub fn sqrt(self, x: f32) -> f32 {
        match self {
            #[cfg(feature = "libm")]
            Self::Libm => libm::sqrtf(x),
            #[cfg(feature = "micromath")]
            Self::Micromath => approx::sqrt(x),
        }
    }

    /// 1 / (1 + e^-x)
    #[inline]
    pub fn sigmoid(self, x: f32) -> f32 {
        1.0 / (1.0 + self.exp(-x))
    }
}

/// micromath's functions, with the arguments that it does not handle taken out first.
#[cfg(feature = "micromath")]
mod approx {
    use micromath::F32Ext;

    /// Above this e^x is beyond f32's range.
    const EXP_MAX: f32 = 88.72;
    /// Below this e^x is subnormal.
    const EXP_MIN: f32 = -87.33;

    pub fn exp(x: f32) -> f32 {
        if x.is_nan() {
            x
        } else if x > EXP_MAX {
            f32::INFINITY
        } else if x < EXP_MIN {
            0.0
        } else {
            F32Ext::exp(x)
        }
    }

    /// 1 - 2 / (e^2x + 1), which loses its digits near 0: there x - x^3/3.
    pub fn tanh(x: f32) -> f32 {
        let size = f32::from_bits(x.to_bits() & 0x7fff_ffff);
        if size < 0.125 {
            x - x * x * x * (1.0 / 3.0)
        } else {
            let value = 1.0 - 2.0 / (exp(2.0 * size) + 1.0);
            if x < 0.0 { -value } else { value }
        }
    }

    pub fn ln(x: f32) -> f32 {
        if x.is_nan() || x < 0.0 {
            f32::NAN
        } else if x == 0.0 {
            f32::NEG_INFINITY
        } else if x == f32::INFINITY {
            x
        } else {
            F32Ext::ln(x)
        }
    }

    /// micromath's estimate, then one step of Newton's.
    pub fn sqrt(x: f32) -> f32 {
        if x.is_nan() || x < 0.0 {
            f32::NAN
        } else if x == 0.0 || x == f32::INFINITY {
            x
        } else {
            let estimate = F32Ext::sqrt(x);
            0.5 * (estimate + x / estimate)
        }
    }
}
