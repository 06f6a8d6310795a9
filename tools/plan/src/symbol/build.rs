//! Building a graph by hand: one method for each symbol, named as in MXNet.

use super::{
    Act, Binary, Embedding, FullyConnected, Hints, Leaky, MakeLoss, Mode, Net, Node, NodeId, Op,
    Rnn, ScalarOp, Softmax, SoftmaxOutput, Sym, Symbols, Unary,
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

    /// LeakyReLU or one of its relatives; prelu has the parameter `NAME_gamma`.
    pub fn leaky_relu(&mut self, name: &str, data: Sym, leaky: Leaky) -> Sym {
        let mut inputs = vec![data];
        if leaky == Leaky::Prelu {
            inputs.push(self.variable(&format!("{name}_gamma")));
        }
        self.push(name, Op::LeakyRelu(leaky), &inputs)
    }

    /// A function of each value.
    pub fn unary(&mut self, name: &str, data: Sym, op: Unary) -> Sym {
        self.push(name, Op::Unary(op), &[data])
    }

    /// Softmax over one axis, with its own gradient (no loss).
    pub fn softmax(&mut self, name: &str, data: Sym, attrs: Softmax) -> Sym {
        self.push(name, Op::Softmax(attrs), &[data])
    }

    /// The logarithm of softmax over one axis.
    pub fn log_softmax(&mut self, name: &str, data: Sym, attrs: Softmax) -> Sym {
        self.push(name, Op::LogSoftmax(attrs), &[data])
    }

    /// Rows of the parameter `NAME_weight` looked up by token id.
    pub fn embedding(&mut self, name: &str, data: Sym, attrs: Embedding) -> Sym {
        let weight = self.variable(&format!("{name}_weight"));
        self.push(name, Op::Embedding(attrs), &[data, weight])
    }

    /// The fused RNN symbol over (T, N, I) with the parameter vector `NAME_parameters`, starting from
    /// zeros, or from `states` of shape (layers D, N, H): h, and c for lstm. D is 2 if bidirectional, else 1.
    pub fn rnn(&mut self, name: &str, data: Sym, attrs: Rnn, states: &[Sym]) -> Sym {
        let shape = [attrs.num_layers * attrs.directions(), 0, attrs.state_size];
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

    /// `data` with the time steps in reverse, all or each sample's own.
    pub fn sequence_reverse(
        &mut self,
        name: &str,
        data: Sym,
        lengths: Option<Sym>,
        axis: usize,
    ) -> Sym {
        let inputs: Vec<Sym> = [data].into_iter().chain(lengths).collect();
        let op = Op::SequenceReverse {
            use_sequence_length: lengths.is_some(),
            axis,
        };
        self.push(name, op, &inputs)
    }

    /// Sum over `axes`.
    pub fn sum(&mut self, name: &str, data: Sym, axes: &[i64], keepdims: bool) -> Sym {
        let axes = axes.to_vec();
        self.push(name, Op::Sum { axes, keepdims }, &[data])
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

    /// `data` with its axes in the order `axes`; none: reversed.
    pub fn transpose(&mut self, name: &str, data: Sym, axes: &[i64]) -> Sym {
        let axes = axes.to_vec();
        self.push(name, Op::Transpose { axes }, &[data])
    }

    /// Places `begin` to `end` of `axis`.
    pub fn slice_axis(
        &mut self,
        name: &str,
        data: Sym,
        axis: i64,
        begin: i64,
        end: Option<i64>,
    ) -> Sym {
        self.push(name, Op::SliceAxis { axis, begin, end }, &[data])
    }

    /// The parts along a new axis.
    pub fn stack(&mut self, name: &str, parts: &[Sym], axis: i64) -> Sym {
        self.push(name, Op::Stack { axis }, parts)
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

    /// lhs / rhs.
    pub fn elemwise_div(&mut self, name: &str, lhs: Sym, rhs: Sym) -> Sym {
        self.push(name, Op::ElemwiseDiv, &[lhs, rhs])
    }

    /// lhs and rhs, repeated where an axis is 1.
    pub fn broadcast(&mut self, name: &str, op: Binary, lhs: Sym, rhs: Sym) -> Sym {
        self.push(name, Op::Broadcast(op), &[lhs, rhs])
    }

    /// The sum of the parts.
    pub fn add_n(&mut self, name: &str, parts: &[Sym]) -> Sym {
        self.push(name, Op::AddN, parts)
    }

    /// x where `condition` is not 0, else y.
    pub fn choose(&mut self, name: &str, condition: Sym, x: Sym, y: Sym) -> Sym {
        self.push(name, Op::Where, &[condition, x, y])
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

    /// The sigmoid with the cross-entropy gradient against `label`.
    pub fn logistic_regression_output(
        &mut self,
        name: &str,
        data: Sym,
        label: Sym,
        grad_scale: f32,
    ) -> Sym {
        let op = Op::LogisticRegressionOutput { grad_scale };
        self.push(name, op, &[data, label])
    }

    /// The identity with the absolute-error gradient against `label`.
    pub fn mae_regression_output(
        &mut self,
        name: &str,
        data: Sym,
        label: Sym,
        grad_scale: f32,
    ) -> Sym {
        let op = Op::MaeRegressionOutput { grad_scale };
        self.push(name, op, &[data, label])
    }

    /// `data` as a loss of its own.
    pub fn make_loss(&mut self, name: &str, data: Sym, attrs: MakeLoss) -> Sym {
        self.push(name, Op::MakeLoss(attrs), &[data])
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
