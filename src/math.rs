//! The functions that kernels need, from [`own`], libm or micromath: the one place that names any.
//!
//! With one of the two features, [`Math`] has one variant and choosing costs nothing; with both, the plan's
//! recipe chooses. The feature `libm` is tinpail's own exp, tanh and sigmoid and, for the rest, libm, which is pinned: so host and
//! device compute the same bits.
//!
//! Largest errors against f64, measured and asserted by this file's tests:
//!
//! | function | range | own, libm | micromath |
//! | --- | --- | --- | --- |
//! | exp | -80 to 80 | 8e-8 relative | 2.5e-3 relative |
//! | tanh | all | 1.1e-7 absolute | 3.5e-4 absolute |
//! | sigmoid | all | 9e-8 absolute | 5.5e-4 absolute |
//! | ln | 1e-30 to 1e30 | 4e-6 absolute | 7e-5 absolute |
//! | sqrt | 1e-30 to 1e30 | 6e-8 relative | 1.6e-6 relative |
//! | expm1 | -30 to 30 | 1.2e-7 relative | 4e-3 relative |
//! | erf | all | 1.2e-7 absolute | 1.2e-3 absolute |

#[cfg(feature = "libm")]
mod number;
#[cfg(feature = "libm")]
pub mod own;
pub mod soft;

#[cfg(all(
    feature = "libm",
    target_arch = "arm",
    target_abi = "eabihf",
    target_os = "none"
))]
use crate::kernel::arm as chosen;
#[cfg(all(
    feature = "libm",
    not(all(target_arch = "arm", target_abi = "eabihf", target_os = "none"))
))]
use own as chosen;

#[cfg(not(any(feature = "libm", feature = "micromath")))]
compile_error!(
    "tinpail needs exp and tanh from somewhere: enable the feature `libm` (the default) or `micromath`"
);

/// Where exp, tanh, ln, sqrt, expm1 and erf come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Math {
    /// tinpail's own exp, tanh and sigmoid, and the pinned libm for the rest: within two units in the last place.
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
            Self::Libm => own::exp(x),
            #[cfg(feature = "micromath")]
            Self::Micromath => approx::exp(x),
        }
    }

    pub fn tanh(self, x: f32) -> f32 {
        match self {
            #[cfg(feature = "libm")]
            Self::Libm => own::tanh(x),
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

    /// e^x - 1, exact near 0.
    pub fn expm1(self, x: f32) -> f32 {
        match self {
            #[cfg(feature = "libm")]
            Self::Libm => libm::expm1f(x),
            #[cfg(feature = "micromath")]
            Self::Micromath => approx::expm1(x),
        }
    }

    /// The error function: 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x.
    pub fn erf(self, x: f32) -> f32 {
        match self {
            #[cfg(feature = "libm")]
            Self::Libm => libm::erff(x),
            #[cfg(feature = "micromath")]
            Self::Micromath => approx::erf(x),
        }
    }

    /// 1 / (1 + e^-x)
    pub fn sigmoid(self, x: f32) -> f32 {
        match self {
            #[cfg(feature = "libm")]
            Self::Libm => own::sigmoid(x),
            #[cfg(feature = "micromath")]
            Self::Micromath => approx::sigmoid(x),
        }
    }

    /// [`Self::exp`] of each value.
    #[inline]
    pub fn exp_all(self, values: &mut [f32]) {
        match self {
            #[cfg(feature = "libm")]
            Self::Libm => own::exp_all(values),
            #[cfg(feature = "micromath")]
            Self::Micromath => approx::each(values, approx::exp),
        }
    }

    /// [`Self::tanh`] of each value.
    #[inline]
    pub fn tanh_all(self, values: &mut [f32]) {
        match self {
            #[cfg(feature = "libm")]
            Self::Libm => chosen::tanh_all(values),
            #[cfg(feature = "micromath")]
            Self::Micromath => approx::each(values, approx::tanh),
        }
    }

    /// [`Self::sigmoid`] of each value.
    #[inline]
    pub fn sigmoid_all(self, values: &mut [f32]) {
        match self {
            #[cfg(feature = "libm")]
            Self::Libm => chosen::sigmoid_all(values),
            #[cfg(feature = "micromath")]
            Self::Micromath => approx::each(values, approx::sigmoid),
        }
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

    pub fn sigmoid(x: f32) -> f32 {
        1.0 / (1.0 + exp(-x))
    }

    pub fn each(values: &mut [f32], f: fn(f32) -> f32) {
        for value in values {
            *value = f(*value);
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

    /// e^x - 1 loses its digits near 0: there x + x^2/2 + x^3/6.
    pub fn expm1(x: f32) -> f32 {
        let size = f32::from_bits(x.to_bits() & 0x7fff_ffff);
        if size < 0.25 {
            x * (1.0 + x * (0.5 + x * (1.0 / 6.0)))
        } else {
            exp(x) - 1.0
        }
    }

    /// 1 - (a1 t + .. + a5 t^5) e^(-x^2), t = 1 / (1 + p x): Abramowitz and Stegun, 7.1.26. Near 0 the first terms of the
    /// series.
    pub fn erf(x: f32) -> f32 {
        let size = f32::from_bits(x.to_bits() & 0x7fff_ffff);
        if size < 0.125 {
            return core::f32::consts::FRAC_2_SQRT_PI * (x - x * x * x * (1.0 / 3.0));
        }
        let t = 1.0 / (1.0 + 0.327_591_1 * size);
        let sum = 1.061_405_4 * t - 1.453_152_1;
        let sum = (sum * t + 1.421_413_8) * t - 0.284_496_74;
        let sum = (sum * t + 0.254_829_6) * t;
        let value = 1.0 - sum * exp(-size * size);
        if x < 0.0 { -value } else { value }
    }

    pub fn ln(x: f32) -> f32 {
        if x.is_nan() || x < 0.0 {
            f32::NAN
        } else if x == 0.0 {
            f32::NEG_INFINITY
        } else if x == f32::INFINITY {
            x
        } else if x < 1.0 {
            // micromath would take its estimate of 1 / x, which is off by 12 percent.
            -F32Ext::ln(1.0 / x)
        } else {
            F32Ext::ln(x)
        }
    }

    /// micromath's estimate, which is off by 6 percent, then two steps of Newton's.
    pub fn sqrt(x: f32) -> f32 {
        if x.is_nan() || x < 0.0 {
            f32::NAN
        } else if x == 0.0 || x == f32::INFINITY {
            x
        } else {
            let estimate = F32Ext::sqrt(x);
            let estimate = 0.5 * (estimate + x / estimate);
            0.5 * (estimate + x / estimate)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `from` to `to`, 20001 of them.
    fn steps(from: f64, to: f64) -> impl Iterator<Item = f32> {
        (0..=20_000).map(move |i| (from + (to - from) * f64::from(i) / 20_000.0) as f32)
    }

    /// The integral by Simpson's rule, to 1e-11 or so.
    fn erf(x: f64) -> f64 {
        let (count, f) = (400, |t: f64| (-t * t).exp());
        let step = x / f64::from(count);
        let inner = (1..count).map(|i| f64::from(2 + 2 * (i % 2)) * f(f64::from(i) * step));
        (f(0.0) + f(x) + inner.sum::<f64>()) * step / 3.0 * core::f64::consts::FRAC_2_SQRT_PI
    }

    /// The largest difference from f64's function, divided by the value if `relative`.
    fn worst(
        xs: impl Iterator<Item = f32>,
        ours: impl Fn(f32) -> f32,
        exact: impl Fn(f64) -> f64,
        relative: bool,
    ) -> f64 {
        xs.map(|x| {
            let exact = exact(f64::from(x));
            let error = (f64::from(ours(x)) - exact).abs();
            if relative { error / exact.abs() } else { error }
        })
        .fold(0.0, f64::max)
    }

    /// exp relative, tanh, sigmoid, ln absolute, sqrt, expm1 relative, erf absolute.
    fn errors(math: Math) -> [f64; 7] {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let wide = || steps(-30.0, 30.0).map(|x| 10f32.powf(x));
        let not_zero = || steps(-30.0, 30.0).filter(|x| *x != 0.0);
        [
            worst(steps(-80.0, 80.0), |x| math.exp(x), f64::exp, true),
            worst(steps(-30.0, 30.0), |x| math.tanh(x), f64::tanh, false),
            worst(steps(-30.0, 30.0), |x| math.sigmoid(x), sigmoid, false),
            worst(wide(), |x| math.ln(x), f64::ln, false),
            worst(wide(), |x| math.sqrt(x), f64::sqrt, true),
            worst(not_zero(), |x| math.expm1(x), f64::exp_m1, true),
            worst(steps(-6.0, 6.0), |x| math.erf(x), erf, false),
        ]
    }

    fn check(math: Math, bounds: [f64; 7]) {
        let errors = errors(math);
        for (error, bound) in errors.iter().zip(bounds) {
            assert!(*error <= bound, "{math:?}: {errors:?}, bounds {bounds:?}");
        }
        assert_eq!(math.exp(0.0), 1.0);
        assert_eq!(math.exp(100.0), f32::INFINITY);
        assert_eq!(math.exp(-200.0), 0.0);
        assert_eq!(math.exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(
            (math.tanh(1e30), math.tanh(-1e30), math.tanh(0.0)),
            (1.0, -1.0, 0.0)
        );
        assert_eq!(
            (math.sigmoid(1e30), math.sigmoid(-1e30), math.sigmoid(0.0)),
            (1.0, 0.0, 0.5)
        );
        assert_eq!((math.ln(0.0), math.ln(1.0)), (f32::NEG_INFINITY, 0.0));
        assert_eq!(
            (math.sqrt(0.0), math.sqrt(f32::INFINITY)),
            (0.0, f32::INFINITY)
        );
        assert_eq!((math.expm1(0.0), math.expm1(-200.0)), (0.0, -1.0));
        assert_eq!(
            (math.erf(0.0), math.erf(9.0), math.erf(-9.0)),
            (0.0, 1.0, -1.0)
        );
        assert!(math.ln(-1.0).is_nan() && math.sqrt(-1.0).is_nan());
        let all = [
            Math::exp,
            Math::tanh,
            Math::ln,
            Math::sqrt,
            Math::sigmoid,
            Math::expm1,
            Math::erf,
        ];
        for f in all {
            assert!(f(math, f32::NAN).is_nan());
        }
    }

    #[test]
    #[cfg(feature = "libm")]
    fn libm_is_within_its_bounds() {
        check(Math::Libm, [8e-8, 1.1e-7, 9e-8, 4e-6, 6e-8, 1.2e-7, 1.2e-7]);
    }

    #[test]
    #[cfg(feature = "micromath")]
    fn micromath_is_within_its_bounds() {
        check(
            Math::Micromath,
            [2.5e-3, 3.5e-4, 5.5e-4, 7e-5, 1.6e-6, 4e-3, 1.2e-3],
        );
    }
}
