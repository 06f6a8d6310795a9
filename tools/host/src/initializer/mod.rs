//! Initializers: how a parameter gets its first value, by its name, as in MXNet's `mx.init`.
//!
//! A variable's `__init__` attribute comes first. Without one the name decides:
//!
//! | the name ends in | value |
//! | --- | --- |
//! | `weight` | the initializer's |
//! | `bias`, `beta`, `min`, `moving_mean` | 0 |
//! | `gamma`, `max`, `moving_var` | 1 |
//! | anything else | an error that names it |
//!
//! Formulas: `python/mxnet/initializer.py` of tag 1.9.1. Its random streams are not reproduced.

mod attribute;
mod random;

use regex::Regex;
use tinpail_convert::Weights;
use tinpail_plan::plan_file::Named;

pub use random::{Distribution, Factor, Random};

/// An initializer, with MXNet's arguments.
#[derive(Clone, Debug)]
pub enum Initializer {
    Zero,
    One,
    Constant {
        value: f32,
    },
    /// From -scale to scale.
    Uniform {
        scale: f32,
    },
    /// Mean 0, standard deviation sigma.
    Normal {
        sigma: f32,
    },
    /// See [`tinpail::init`].
    Xavier {
        rnd_type: Distribution,
        factor_type: Factor,
        magnitude: f32,
    },
    MsraPrelu {
        factor_type: Factor,
        slope: f32,
    },
    /// Orthogonal rows, or columns where they are fewer, times scale.
    Orthogonal {
        scale: f32,
        rand_type: Distribution,
    },
    /// Zeros, and `forget_bias` for the second quarter: the forget gate.
    LstmBias {
        forget_bias: f32,
    },
    /// Upsampling by interpolation, for weights of four axes.
    Bilinear,
    /// The first whose pattern is found in the name. It may name parameters whose names end in nothing of the table: for
    /// them it is taken as for a weight. (MXNet refuses those.)
    Mixed(Vec<(Regex, Initializer)>),
    /// The parameter of that name, else `default`.
    Load {
        params: Weights,
        default: Option<Box<Initializer>>,
    },
}

/// A parameter has no first value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InitializerError {
    /// A name that says nothing, without an `__init__` attribute.
    #[error(
        "no initializer for parameter {name}: its name ends neither in weight, bias, gamma nor beta; give it an __init__ attribute, or a pattern of Mixed"
    )]
    Name { name: String },
    /// No pattern of Mixed is found in the name.
    #[error("parameter {name}: no pattern of Mixed matches; add \".*\" at its end")]
    NoPattern { name: String },
    /// The parameters of Load lack it, and there is no default.
    #[error("parameter {name} is not among those to load, and there is no default initializer")]
    NotLoaded { name: String },
    /// A shape that the initializer cannot fill.
    #[error("parameter {name} of shape {shape:?}: {initializer} needs {needed}")]
    Shape {
        name: String,
        shape: Vec<usize>,
        initializer: &'static str,
        needed: &'static str,
    },
    /// An `__init__` attribute that is not `["name", {arguments}]`, or of an initializer that tinpail does not have.
    #[error("parameter {name}: __init__ = {attribute:?}: {what}")]
    Attribute {
        name: String,
        attribute: String,
        what: String,
    },
}

/// What a name's end says.
enum Suffix {
    Weight,
    Value(f32),
    Unknown,
}

impl Suffix {
    fn of(name: &str) -> Self {
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
        if name.ends_with("weight") {
            Suffix::Weight
        } else if ends(&["bias", "beta", "min", "moving_mean"]) {
            Suffix::Value(0.0)
        } else if ends(&["gamma", "max", "moving_var"]) {
            Suffix::Value(1.0)
        } else {
            Suffix::Unknown
        }
    }
}

impl Initializer {
    /// MXNet's default arguments, by the name that `mx.init.create` takes.
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name.to_lowercase().as_str() {
            "zero" | "zeros" => Initializer::Zero,
            "one" | "ones" => Initializer::One,
            "constant" => Initializer::Constant { value: 0.0 },
            "uniform" => Initializer::Uniform { scale: 0.07 },
            "normal" => Initializer::Normal { sigma: 0.01 },
            "xavier" => Initializer::Xavier {
                rnd_type: Distribution::Uniform,
                factor_type: Factor::Avg,
                magnitude: 3.0,
            },
            "msraprelu" => Initializer::MsraPrelu {
                factor_type: Factor::Avg,
                slope: 0.25,
            },
            "orthogonal" => Initializer::Orthogonal {
                scale: 1.414,
                rand_type: Distribution::Uniform,
            },
            "lstmbias" => Initializer::LstmBias { forget_bias: 1.0 },
            "bilinear" => Initializer::Bilinear,
            _ => return None,
        })
    }

    /// The first value of the parameter `own`.
    ///
    /// # Errors
    ///
    /// [`InitializerError`].
    pub fn init(
        &self,
        own: &Named,
        attribute: Option<&str>,
        random: &mut Random,
        values: &mut [f32],
    ) -> Result<(), InitializerError> {
        if let Some(text) = attribute {
            let initializer =
                attribute::parse(text).map_err(|what| InitializerError::Attribute {
                    name: own.name.clone(),
                    attribute: text.into(),
                    what,
                })?;
            return initializer.fill(own, random, values);
        }
        let name = &own.name;
        match self {
            Initializer::Mixed(patterns) => {
                let found = patterns.iter().find(|(pattern, _)| pattern.is_match(name));
                let (_, initializer) =
                    found.ok_or_else(|| InitializerError::NoPattern { name: name.clone() })?;
                match Suffix::of(name) {
                    Suffix::Unknown => initializer.fill(own, random, values),
                    _ => initializer.init(own, None, random, values),
                }
            }
            Initializer::Load { params, default } => {
                let given = params.arg(name).or_else(|| params.aux(name));
                match (given, default) {
                    (Some(given), _) if given.shape() == own.shape => {
                        values.copy_from_slice(given.data());
                        Ok(())
                    }
                    (Some(_), _) => Err(own.refuse("Load", "a parameter of the same shape")),
                    (None, Some(default)) => default.init(own, None, random, values),
                    (None, None) => Err(InitializerError::NotLoaded { name: name.clone() }),
                }
            }
            _ => match Suffix::of(name) {
                Suffix::Weight => self.fill(own, random, values),
                Suffix::Value(value) => {
                    values.fill(value);
                    Ok(())
                }
                Suffix::Unknown => Err(InitializerError::Name { name: name.clone() }),
            },
        }
    }

    /// Fills a parameter whatever its name: as MXNet fills a weight.
    fn fill(
        &self,
        own: &Named,
        random: &mut Random,
        values: &mut [f32],
    ) -> Result<(), InitializerError> {
        match self {
            Initializer::Zero => values.fill(0.0),
            Initializer::One => values.fill(1.0),
            Initializer::Constant { value } => values.fill(*value),
            Initializer::LstmBias { forget_bias } => {
                let hidden = values.len() / 4;
                if values.len() != 4 * hidden {
                    return Err(own.refuse("LSTMBias", "four gates of one length"));
                }
                values.fill(0.0);
                values[hidden..2 * hidden].fill(*forget_bias);
            }
            Initializer::Mixed(_) | Initializer::Load { .. } => {
                return self.init(own, None, random, values);
            }
            random_or_shaped => return random_or_shaped.draw(own, random, values),
        }
        Ok(())
    }
}

/// What errors say of a parameter.
trait Refuse {
    fn refuse(&self, initializer: &'static str, needed: &'static str) -> InitializerError;
}

impl Refuse for Named {
    fn refuse(&self, initializer: &'static str, needed: &'static str) -> InitializerError {
        InitializerError::Shape {
            name: self.name.clone(),
            shape: self.shape.clone(),
            initializer,
            needed,
        }
    }
}
