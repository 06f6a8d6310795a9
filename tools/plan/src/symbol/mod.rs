//! Networks as graphs of symbols, named and parameterised as in MXNet.
//!
//! [`Symbols`] builds a graph node by node; [`Symbols::net`] closes it into a [`Net`], which says which
//! variables are data and which are labels. All other variables are parameters, or states if
//! [`crate::Bucketing::state_names`] names them.
#![doc = include_str!("operators.md")]

mod build;
mod check;
mod norm;
mod op;
pub(crate) mod topo;
mod window;

pub use norm::{BatchNorm, LayerNorm, Lrn};
pub use op::{
    Act, Binary, Embedding, FullyConnected, Leaky, MakeLoss, Mode, Normalization, Op, Rnn,
    ScalarOp, Softmax, SoftmaxOutput, Unary,
};
pub use window::{Convolution, PoolType, Pooling, PoolingConvention};

/// Index of a node in [`Net::nodes`] or in the [`Symbols`] that make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// One output of one node: what symbols are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sym {
    pub node: NodeId,
    pub output: u32,
}

/// What a variable's `__shape__`, `__init__`, `__lr_mult__` and `__wd_mult__` attributes say. Empty on operators.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hints {
    /// A fixed shape; a 0 is the batch size.
    pub shape: Option<Vec<usize>>,
    /// Its initializer as MXNet writes it: `["lstmbias", {"forget_bias": 1.0}]`.
    pub init: Option<String>,
    pub lr_mult: Option<f32>,
    pub wd_mult: Option<f32>,
}

/// A node: an operator (or variable) and what it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub name: String,
    pub op: Op,
    pub inputs: Vec<Sym>,
    pub hints: Hints,
}

/// Symbols under construction. Nodes can only refer to earlier ones, so the order is topological.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Symbols {
    pub nodes: Vec<Node>,
}

/// A name and the shape bound to it; a 0 stands for the batch size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDesc {
    pub name: String,
    pub shape: Vec<usize>,
}

/// A network: a graph, its heads, its data and its labels. What `sym_gen` returns for a bucket key.
#[derive(Clone, Debug, PartialEq)]
pub struct Net {
    pub nodes: Vec<Node>,
    pub heads: Vec<Sym>,
    pub data: Vec<DataDesc>,
    pub labels: Vec<DataDesc>,
}

impl Net {
    /// Declares the variable `name` as data of `shape`; a dimension of 0 is the batch size.
    pub fn data(mut self, name: &str, shape: impl Into<Vec<usize>>) -> Self {
        self.data.push(DataDesc {
            name: name.into(),
            shape: shape.into(),
        });
        self
    }

    /// Declares the variable `name` as a label of `shape`; a dimension of 0 is the batch size.
    pub fn label(mut self, name: &str, shape: impl Into<Vec<usize>>) -> Self {
        self.labels.push(DataDesc {
            name: name.into(),
            shape: shape.into(),
        });
        self
    }

    /// The node that `sym` is an output of.
    pub fn node(&self, sym: Sym) -> &Node {
        &self.nodes[sym.node.0 as usize]
    }

    /// MXNet's name of an output: the node's name and `_output`, or `_output0`... where there are several.
    /// RNN has names of its own for its states.
    pub fn output_name(&self, sym: Sym) -> String {
        let node = self.node(sym);
        match node.op {
            Op::Variable => node.name.clone(),
            Op::Rnn(_) => match sym.output {
                0 => format!("{}_output", node.name),
                1 => format!("{}_state_output", node.name),
                _ => format!("{}_statecell_output", node.name),
            },
            _ if node.op.outputs() == 1 => format!("{}_output", node.name),
            _ => format!("{}_output{}", node.name, sym.output),
        }
    }
}
