//! Building a graph by hand: one method for each symbol, named as in MXNet.

use super::{
    Act, Embedding, FullyConnected, Hints, Mode, Net, Node, NodeId, Op, Rnn, ScalarOp,
    SoftmaxOutput, Sym, Symbols,
};

impl Symbols {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a node and returns its first output. The methods below are made of it; use it for an
    /// operator with inputs of your own, such as a weight shared by two layers.
    pub fn push(&mut self, name: &str, op: Op, inputs: &[Sym]) -> Sym {
        let node = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node {
            name: name.into(),
            op,
            inputs: inputs.to_vec(),
            hints: Hints::default(),
        });
        Sym { node, output: 0 }
    }

    /// The named argument, made at its first mention: data, label, parameter or state.
    pub fn variable(&mut self, name: &str) -> Sym {
        let found = self
            .nodes
            .iter()
            .position(|node| node.op == Op::Variable && node.name == name);
        match found {
            Some(index) => Sym {
                node: NodeId(index as u32),
                output: 0,
            },
            None => self.push(name, Op::Variable, &[]),
        }
    }

    /// Zeros; a 0 in `shape` is the batch size.
    pub fn zeros(&mut self, name: &str, shape: impl Into<Vec<usize>>) -> Sym {
        let shape = shape.into();
        self.push(name, Op::Zeros { shape }, &[])
    }

    /// y = x W^T + b with the parameters `NAME_weight` and `NAME_bias`.
    pub fn fully_connected(&mut self, name: &str, data: Sym, attrs: FullyConnected) -> Sym {
        let mut inputs = vec![data, self.variable(&format!("{name}_weight"))];
        if !attrs.no_bias {
            inputs.push(self.variable(&format!("{name}_bias")));
        }
        self.push(name, Op::FullyConnected(attrs), &inputs)
    }

    /// Elementwise activation.
    pub fn activation(&mut self, name: &str, data: Sym, act: Act) -> Sym {
        self.push(name, Op::Activation(act), &[data])
    }

    /// Rows of the parameter `NAME_weight` looked up by token id.
    pub fn embedding(&mut self, name: &str, data: Sym, attrs: Embedding) -> Sym {
        let weight = self.variable(&format!("{name}_weight"));
        self.push(name, Op::Embedding(attrs), &[data, weight])
    }

    /// The fused RNN symbol over (T, N, I) with the parameter vector `NAME_parameters`, starting from
    /// zeros, or from `states` of shape (layers, N, H): h, and c for lstm.
    pub fn rnn(&mut self, name: &str, data: Sym, attrs: Rnn, states: &[Sym]) -> Sym {
        let shape = [attrs.num_layers, 0, attrs.state_size];
        let mut inputs = vec![data, self.variable(&format!("{name}_parameters"))];
        if states.is_empty() {
            inputs.push(self.zeros(&format!("{name}_begin_state_0"), shape));
            if attrs.mode == Mode::Lstm {
                inputs.push(self.zeros(&format!("{name}_begin_state_1"), shape));
            }
        } else {
            inputs.extend_from_slice(states);
        }
        self.push(name, Op::Rnn(attrs), &inputs)
    }

    /// The last time step of `data` along `axis` (0 or 1), or that of each sample's own length.
    pub fn sequence_last(
        &mut self,
        name: &str,
        data: Sym,
        lengths: Option<Sym>,
        axis: usize,
    ) -> Sym {
        let inputs: Vec<Sym> = [data].into_iter().chain(lengths).collect();
        let op = Op::SequenceLast {
            use_sequence_length: lengths.is_some(),
            axis,
        };
        self.push(name, op, &inputs)
    }

    /// `data` with the steps beyond each sample's length set to `value`.
    pub fn sequence_mask(
        &mut self,
        name: &str,
        data: Sym,
        lengths: Option<Sym>,
        value: f32,
        axis: usize,
    ) -> Sym {
        let inputs: Vec<Sym> = [data].into_iter().chain(lengths).collect();
        let op = Op::SequenceMask {
            use_sequence_length: lengths.is_some(),
            value,
            axis,
        };
        self.push(name, op, &inputs)
    }

    /// Mean over `axes`.
    pub fn mean(&mut self, name: &str, data: Sym, axes: &[i64], keepdims: bool) -> Sym {
        let axes = axes.to_vec();
        self.push(name, Op::Mean { axes, keepdims }, &[data])
    }

    /// Reshape with MXNet's codes.
    pub fn reshape(&mut self, name: &str, data: Sym, shape: &[i64]) -> Sym {
        let shape = shape.to_vec();
        let op = Op::Reshape {
            shape,
            reverse: false,
        };
        self.push(name, op, &[data])
    }

    /// An axis of size 1 before `axis`.
    pub fn expand_dims(&mut self, name: &str, data: Sym, axis: i64) -> Sym {
        self.push(name, Op::ExpandDims { axis }, &[data])
    }

    /// `data` with two axes exchanged.
    pub fn swap_axis(&mut self, name: &str, data: Sym, dim1: usize, dim2: usize) -> Sym {
        self.push(name, Op::SwapAxis { dim1, dim2 }, &[data])
    }

    /// The parts one after the other along `dim`.
    pub fn concat(&mut self, name: &str, parts: &[Sym], dim: i64) -> Sym {
        self.push(name, Op::Concat { dim }, parts)
    }

    /// `num_outputs` equal parts of `data` along `axis`.
    pub fn slice_channel(
        &mut self,
        name: &str,
        data: Sym,
        num_outputs: usize,
        axis: i64,
        squeeze_axis: bool,
    ) -> Vec<Sym> {
        let op = Op::SliceChannel {
            num_outputs,
            axis,
            squeeze_axis,
        };
        let first = self.push(name, op, &[data]);
        (0..num_outputs as u32)
            .map(|output| Sym { output, ..first })
            .collect()
    }

    /// lhs + rhs.
    pub fn elemwise_add(&mut self, name: &str, lhs: Sym, rhs: Sym) -> Sym {
        self.push(name, Op::ElemwiseAdd, &[lhs, rhs])
    }

    /// lhs - rhs.
    pub fn elemwise_sub(&mut self, name: &str, lhs: Sym, rhs: Sym) -> Sym {
        self.push(name, Op::ElemwiseSub, &[lhs, rhs])
    }

    /// lhs * rhs.
    pub fn elemwise_mul(&mut self, name: &str, lhs: Sym, rhs: Sym) -> Sym {
        self.push(name, Op::ElemwiseMul, &[lhs, rhs])
    }

    /// `data` and a constant.
    pub fn scalar(&mut self, name: &str, data: Sym, op: ScalarOp, scalar: f32) -> Sym {
        self.push(name, Op::Scalar(op, scalar), &[data])
    }

    /// Dropout of probability `p` in training; the identity otherwise.
    pub fn dropout(&mut self, name: &str, data: Sym, p: f32) -> Sym {
        self.push(name, Op::Dropout { p }, &[data])
    }

    /// The identity, through which no gradient passes.
    pub fn block_grad(&mut self, name: &str, data: Sym) -> Sym {
        self.push(name, Op::BlockGrad, &[data])
    }

    /// Softmax with the cross-entropy gradient against `label`.
    pub fn softmax_output(
        &mut self,
        name: &str,
        data: Sym,
        label: Sym,
        attrs: SoftmaxOutput,
    ) -> Sym {
        self.push(name, Op::SoftmaxOutput(attrs), &[data, label])
    }

    /// The identity with the squared-error gradient against `label`.
    pub fn linear_regression_output(
        &mut self,
        name: &str,
        data: Sym,
        label: Sym,
        grad_scale: f32,
    ) -> Sym {
        let op = Op::LinearRegressionOutput { grad_scale };
        self.push(name, op, &[data, label])
    }

    /// Closes the graph: `heads` become the outputs. Declare data and labels on what it returns.
    pub fn net(self, heads: impl Into<Vec<Sym>>) -> Net {
        Net {
            nodes: self.nodes,
            heads: heads.into(),
            data: Vec::new(),
            labels: Vec::new(),
        }
    }
}
