//! What can be wrong with a network or with what it is given.

/// Why a network could not be evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InterpError {
    /// A node or a head refers to what does not exist or does not come earlier.
    #[error("{0} refers to a symbol that is not there")]
    Graph(String),
    /// A variable that the heads depend on has no value.
    #[error("no value for {0}")]
    MissingArg(String),
    /// A tensor whose data and shape disagree.
    #[error("{name}: {len} elements for shape {shape:?}")]
    BadTensor {
        name: String,
        shape: Vec<usize>,
        len: usize,
    },
    /// An operator cannot take its inputs.
    #[error("{op} {node}: {what}")]
    Op {
        op: &'static str,
        node: String,
        what: String,
    },
    /// Head gradients do not fit the heads.
    #[error("head gradients: {0}")]
    HeadGrads(String),
}
