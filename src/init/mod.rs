//! Initial values of parameters: MXNet 1.9.1's `mx.init`, over a seeded generator.
//!
//! An [`Initializer`] fills a slice for a given shape, on the host and on the device alike, and to the same bits.
//! [`BucketingModule::init_params`](crate::BucketingModule::init_params) asks it for the weights; what is no weight gets MXNet's
//! fixed values by the last part of its name ([`Role`]).
//!
//! ```
//! use tinpail::init::{Initializer, Pcg32, Xavier};
//!
//! let (mut weight, mut rng) = ([0.0; 6], Pcg32::new(7));
//! Xavier::default().fill(&[2, 3], &mut rng, &mut weight)?; // two outputs of three inputs
//! assert!(weight.iter().all(|value| value.abs() <= (3.0f32 / 2.5).sqrt()));
//! # Ok::<(), tinpail::init::InitError>(())
//! ```
//!
//! # Formulas
//!
//! From `python/mxnet/initializer.py` of tag 1.9.1. For a shape (s0, s1, ..): fan in = s1 s2 .., fan out = s0 s2 s3 ..
//!
//! | initializer | values |
//! | --- | --- |
//! | [`Zero`], [`One`], [`Constant`] | the value |
//! | [`Uniform`] | uniform in -scale to scale |
//! | [`Normal`] | normal, of mean 0 and deviation sigma |
//! | [`Xavier`] | s = sqrt(magnitude / factor), factor = fan in, fan out, or their mean; uniform in -s to s, or normal of deviation s |
//! | [`MsraPrelu`] | [`Xavier`], normal, magnitude 2 / (1 + slope^2) |
//! | [`Orthogonal`] | scale Q; the rows of Q (the columns, if there are more rows) are orthonormal |
//! | [`LstmBias`] | 0; `forget_bias` in the second quarter, the forget gate's |
//! | [`Bilinear`] | the kernel of bilinear upsampling |
//!
//! MXNet's `Mixed` and `Load` go by names, which the host has.
//!
//! # Differences from MXNet
//!
//! The random streams are [`Pcg32`]'s. [`Orthogonal`] makes its rows orthonormal one after the other (Gram and Schmidt), where
//! MXNet takes a factor of an SVD: another orthogonal matrix of the same law. Frozen parameters lie in flash and keep
//! the blob's values.

mod fixed;
mod orthogonal;
mod random;
mod rng;

pub use fixed::{Bilinear, Constant, LstmBias, One, Zero};
pub use orthogonal::Orthogonal;
pub use random::{Factor, MsraPrelu, Normal, Rnd, Uniform, Xavier};
pub use rng::Pcg32;

/// A rule for initial values.
pub trait Initializer {
    /// Whether the rule has values for this shape. A refused shape is an error of `fill`, before it writes.
    ///
    /// # Errors
    ///
    /// [`InitError`].
    fn check(&self, shape: &[u32]) -> Result<(), InitError> {
        let _ = shape;
        Ok(())
    }

    /// Writes the values of a parameter of this shape, which has been checked and has as many elements as `values`.
    fn draw(&self, shape: &[u32], rng: &mut Pcg32, values: &mut [f32]);

    /// Writes the values of a parameter of this shape.
    ///
    /// # Errors
    ///
    /// [`InitError`]; nothing is written then.
    fn fill(&self, shape: &[u32], rng: &mut Pcg32, values: &mut [f32]) -> Result<(), InitError> {
        let needed = elements(shape);
        if needed != values.len() {
            return Err(InitError::Len {
                needed,
                found: values.len(),
            });
        }
        self.check(shape)?;
        self.draw(shape, rng, values);
        Ok(())
    }
}

/// Initial values are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum InitError {
    /// The slice has another number of elements than the shape.
    #[error("the shape has {needed} elements, the slice {found}")]
    Len { needed: usize, found: usize },
    /// The rule needs more axes.
    #[error("{needed} axes are needed, the shape has {found}")]
    Axes { needed: usize, found: usize },
    /// The first axis is no multiple of `of`.
    #[error("the first axis is {found}, no multiple of {of}")]
    Multiple { of: u32, found: u32 },
    /// Another number of shapes than there are parameters.
    #[error("there are {needed} parameters, and {found} shapes")]
    Count { needed: usize, found: usize },
    /// Parameter `index` has a name that says nothing: it needs a rule of its own.
    #[error("the name of parameter {index} says nothing about its values")]
    Role { index: usize },
    /// No parameter of this index lies in the arena.
    #[error("no parameter {index} lies in the arena")]
    Index { index: usize },
    /// A training step still reads the parameters: finish it, or drop the session, first.
    #[error("a training step still reads the parameters")]
    StepPending,
}

/// What a parameter is, by the last part of its name, as MXNet tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Role {
    /// `weight`: the initializer's.
    Weight,
    /// `bias`, `beta`, `min`, `moving_mean`: 0.
    Zero,
    /// `gamma`, `max`, `moving_var`: 1.
    One,
    /// MXNet does not know what to do either.
    Unknown,
}

impl Role {
    /// Of a name. (MXNet knows `moving_mean` and `moving_var` by an attribute that BatchNorm gives them.)
    pub fn of(name: &str) -> Role {
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if ends(&["weight"]) {
            Role::Weight
        } else if ends(&["bias", "beta", "min", "moving_mean"]) {
            Role::Zero
        } else if ends(&["gamma", "max", "moving_var"]) {
            Role::One
        } else {
            Role::Unknown
        }
    }
}

/// What `init_params` needs to know of a parameter; generated modules have the table `shapes::PARAMS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamShape<'s> {
    pub role: Role,
    pub shape: &'s [u32],
}

pub(crate) fn elements(shape: &[u32]) -> usize {
    let sizes = shape.iter().map(|size| *size as usize);
    sizes.fold(1, usize::saturating_mul)
}
