//! What can be wrong with a network, with the names of what is wrong.

use std::fmt;

/// A shape as error messages print it: `(1, 29, 12)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dims(pub Vec<usize>);

impl fmt::Display for Dims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.0.iter().map(usize::to_string).collect();
        match dims.as_slice() {
            [one] => write!(f, "({one},)"),
            _ => write!(f, "({})", dims.join(", ")),
        }
    }
}

impl From<&[usize]> for Dims {
    fn from(dims: &[usize]) -> Self {
        Dims(dims.to_vec())
    }
}

/// Why a network could not be planned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two shapes that must agree do not.
    #[error("{symbol}: {what}: {left} against {right}")]
    Shape {
        symbol: String,
        what: String,
        left: Dims,
        right: Dims,
    },
    /// A symbol cannot take a shape like this.
    #[error("{symbol}: {what}: {shape}")]
    BadShape {
        symbol: String,
        what: String,
        shape: Dims,
    },
    /// A dimension that nothing determines.
    #[error("{symbol}: shape {shape} cannot be completed (0 is unknown)")]
    Unknown { symbol: String, shape: Dims },
    /// A symbol's attributes or inputs are wrong.
    #[error("{symbol}: {what}")]
    Symbol { symbol: String, what: String },
    /// An operator that tinpail does not have.
    #[error("operator {op} of node {node} is not supported")]
    UnsupportedOp { op: String, node: String },
    /// `symbol.json` is not what MXNet writes.
    #[error("symbol.json: {0}")]
    Json(String),
    /// A name that the network does not have.
    #[error("{role} {name}: no such argument; the network has {known}")]
    UnknownName {
        role: &'static str,
        name: String,
        known: String,
    },
    /// A parameter whose shape differs from the default bucket's.
    #[error(
        "parameter {name}: {here} in bucket {bucket}, but {default_shape} in the default bucket {default_bucket}"
    )]
    ParameterShape {
        name: String,
        bucket: u32,
        here: Dims,
        default_bucket: u32,
        default_shape: Dims,
    },
    /// A parameter that the default bucket does not have.
    #[error("parameter {name} of bucket {bucket} is not in the default bucket {default_bucket}")]
    ParameterMissing {
        name: String,
        bucket: u32,
        default_bucket: u32,
    },
    /// The configuration of [`crate::Bucketing`] contradicts itself.
    #[error("{0}")]
    Config(String),
    /// The smallest plan that was found needs more RAM than `ram_limit_bytes` grants.
    #[error("the plan needs {needed} B of RAM, ram_limit_bytes grants {limit}\n{table}")]
    RamLimit {
        needed: usize,
        limit: usize,
        table: String,
    },
    /// The validator refuses the plan: a fault of the planner, never of the network.
    #[error("the planner made an invalid plan: {0}")]
    Invalid(String),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        path: String,
        source: std::io::Error,
    },
}

impl Error {
    /// A symbol that is wrong in itself.
    pub fn symbol(symbol: &str, what: impl Into<String>) -> Self {
        Error::Symbol {
            symbol: symbol.into(),
            what: what.into(),
        }
    }

    /// Two shapes that should agree.
    pub fn shapes(symbol: &str, what: &str, left: &[usize], right: &[usize]) -> Self {
        Error::Shape {
            symbol: symbol.into(),
            what: what.into(),
            left: left.into(),
            right: right.into(),
        }
    }

    /// One shape that is not acceptable.
    pub fn shape(symbol: &str, what: &str, shape: &[usize]) -> Self {
        Error::BadShape {
            symbol: symbol.into(),
            what: what.into(),
            shape: shape.into(),
        }
    }
}
