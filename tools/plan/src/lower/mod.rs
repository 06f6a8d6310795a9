//! From symbols to kernel calls: forward, backward (by reverse-mode differentiation) and update.
//!
//! One file for each family of operators holds its forward and its backward side by side. Values and
//! gradients are views; an operator that only reinterprets its input (Reshape, BlockGrad, a slice of
//! contiguous memory) emits nothing.

mod clip;
mod commit;
mod elementwise;
mod layer;
mod leaky;
mod loss;
mod norm;
mod rnn;
mod sequence;
mod shape;
mod shapes;
mod terms;
mod window;

use std::collections::HashMap;

use tinpail::plan::{Kernel, Train};

use crate::bucketing::{Compression, Saved};
use crate::error::Error;
use crate::infer::Shapes;
use crate::ir::{Buf, BufId, Code, Instr, Phase, Storage, View};
use crate::symbol::{Act, Binary, Net, Node, NodeId, Op, Sym};
pub(crate) use clip::norms;
pub(crate) use loss::ignore_label;
use terms::GradTerm;

/// What an argument of the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Data(usize),
    Label(usize),
    State(usize),
    Param(usize),
}

/// What lowering must know besides the network.
#[derive(Clone, Debug)]
pub struct Setting<'s> {
    /// The role of each argument, by name.
    pub roles: &'s HashMap<String, Role>,
    /// Whether each parameter is trainable, by index.
    pub trainable: &'s [bool],
    /// Whether each parameter is an auxiliary state, by index: backward moves it, update does not.
    pub auxiliary: &'s [bool],
    /// Elements of each parameter, by index.
    pub param_lens: &'s [usize],
    /// Arrays that the optimizer keeps for each parameter.
    pub state_arrays: usize,
    pub train: Train,
    /// Whether the held gradient of each parameter is added to instead of overwritten, by index.
    pub grad_add: &'s [bool],
    /// What update takes of held gradients.
    pub compression: Option<Compression>,
    pub inputs_need_grad: bool,
    /// The largest norm of all gradients together.
    pub clip_global_norm: Option<f32>,
    /// What recurrent layers store their gates and states as.
    pub saved: Saved,
    /// Whether the outputs of a training program outlive it.
    pub keep_outputs: bool,
    /// Under `Train::Fused`: whether backward sums gradients in transient buffers, so that neither deltas nor inputs must
    /// outlive it.
    pub sums: bool,
    /// Time steps whose products with the input a recurrent layer forms at a time where it keeps no gates; 0: those of one sequence
    /// in one step.
    pub ahead: usize,
}

/// Lowers one bucket. `training` makes the forward save what backward needs, and appends backward, checks
/// and update.
pub fn lower(
    net: &Net,
    shapes: &Shapes,
    setting: &Setting<'_>,
    training: bool,
) -> Result<Code, Error> {
    let mut lowering = Lowering::new(net, shapes, setting, training);
    lowering.forward()?;
    if training {
        lowering.backward()?;
        lowering.update();
    }
    lowering.finish()
}

/// Lowering in progress.
struct Lowering<'n> {
    net: &'n Net,
    shapes: &'n Shapes,
    setting: &'n Setting<'n>,
    training: bool,
    code: Code,
    phase: Phase,
    /// The symbol that calls are made for.
    node: String,
    values: HashMap<Sym, View>,
    grads: HashMap<Sym, View>,
    storages: HashMap<Storage, BufId>,
    terms: Vec<GradTerm>,
    /// Whether a gradient of each node's outputs is needed by a trainable argument.
    wants_grad: Vec<bool>,
    /// Whether any node reads each output.
    used: HashMap<Sym, usize>,
    /// What a layer's backward must find again: buffers its forward saved.
    saved: HashMap<NodeId, Vec<View>>,
}

impl<'n> Lowering<'n> {
    fn new(net: &'n Net, shapes: &'n Shapes, setting: &'n Setting<'n>, training: bool) -> Self {
        let mut used = HashMap::new();
        let reads = net.nodes.iter().flat_map(|node| &node.inputs);
        for sym in reads.chain(&net.heads) {
            *used.entry(*sym).or_insert(0) += 1;
        }
        let mut lowering = Lowering {
            net,
            shapes,
            setting,
            training,
            code: Code::default(),
            phase: Phase::Forward,
            node: String::new(),
            values: HashMap::new(),
            grads: HashMap::new(),
            storages: HashMap::new(),
            terms: Vec::new(),
            wants_grad: Vec::new(),
            used,
            saved: HashMap::new(),
        };
        if training {
            lowering.mark_wanted();
        } else {
            lowering.wants_grad = vec![false; net.nodes.len()];
        }
        lowering
    }

    /// Which nodes a gradient must pass: those that depend on a trainable argument.
    fn mark_wanted(&mut self) {
        for node in &self.net.nodes {
            let wanted = match &node.op {
                Op::Variable => match self.setting.roles.get(&node.name) {
                    Some(Role::Param(index)) => self.setting.trainable[*index],
                    Some(Role::Data(_)) => self.setting.inputs_need_grad,
                    _ => false,
                },
                Op::BlockGrad | Op::OnesLike => false,
                _ => node
                    .inputs
                    .iter()
                    .any(|input| self.wants_grad[input.node.0 as usize]),
            };
            self.wants_grad.push(wanted);
        }
    }

    fn wants(&self, sym: Sym) -> bool {
        self.wants_grad[sym.node.0 as usize]
    }

    fn shape(&self, sym: Sym) -> &'n [usize] {
        self.shapes.of(sym)
    }

    fn len(&self, sym: Sym) -> usize {
        self.shape(sym).iter().product()
    }

    /// The batch's value of `sym`.
    fn value(&mut self, sym: Sym) -> View {
        if let Some(view) = self.values.get(&sym) {
            return *view;
        }
        // Zeros are made where they are first read: most begin states never are.
        let len = self.len(sym);
        let name = self.net.node(sym).name.clone();
        let view = self.fill(&name, len, 0.0);
        self.values.insert(sym, view);
        view
    }

    /// Whether `sym` is known to be zeros, so that whoever reads it may leave it out.
    fn is_zeros(&self, sym: Sym) -> bool {
        let node = self.net.node(sym);
        match &node.op {
            Op::Zeros { .. } => true,
            Op::Reshape { .. }
            | Op::ExpandDims { .. }
            | Op::Identity
            | Op::SwapAxis { .. }
            | Op::SliceChannel { .. } => self.is_zeros(node.inputs[0]),
            _ => false,
        }
    }

    /// A new transient buffer.
    fn temp(&mut self, suffix: &str, len: usize) -> View {
        let name = if suffix.is_empty() {
            self.node.clone()
        } else {
            format!("{}.{suffix}", self.node)
        };
        let buf = BufId(self.code.bufs.len());
        self.code.bufs.push(Buf {
            name,
            len,
            storage: Storage::Transient,
        });
        View {
            buf,
            offset: 0,
            len,
        }
    }

    /// The buffer of something that lies outside of the transient part.
    fn stored(&mut self, storage: Storage, name: &str, len: usize) -> View {
        let next = BufId(self.code.bufs.len());
        let buf = *self.storages.entry(storage).or_insert(next);
        if buf == next {
            self.code.bufs.push(Buf {
                name: name.into(),
                len,
                storage,
            });
        }
        View {
            buf,
            offset: 0,
            len,
        }
    }

    fn call(&mut self, kernel: Kernel, operands: &[Option<View>], ints: &[u32]) {
        debug_assert_eq!(operands.len(), kernel.accesses().len(), "{kernel:?}");
        self.code.instrs.push(Instr {
            kernel,
            operands: operands.to_vec(),
            ints: ints.to_vec(),
            phase: self.phase,
            node: self.node.clone(),
        });
    }

    /// A buffer of its own with the same elements, to be worked on in place.
    fn copy_of(&mut self, from: View, suffix: &str) -> View {
        let to = self.temp(suffix, from.len);
        self.call(Kernel::Copy, &[Some(from), Some(to)], &[]);
        to
    }

    /// A buffer of constants.
    fn fill(&mut self, suffix: &str, len: usize, value: f32) -> View {
        let to = self.temp(suffix, len);
        self.call(Kernel::Fill, &[Some(to)], &[value.to_bits()]);
        to
    }

    fn forward(&mut self) -> Result<(), Error> {
        for index in 0..self.net.nodes.len() {
            let id = NodeId(index as u32);
            let node = &self.net.nodes[index];
            self.node.clone_from(&node.name);
            self.forward_node(id, node)?;
        }
        for head in &self.net.heads {
            self.node.clone_from(&self.net.node(*head).name);
            let mut view = self.value(*head);
            if self.training && !self.setting.keep_outputs {
                continue;
            }
            let readable = matches!(
                self.code.buf(view).storage,
                Storage::Transient | Storage::Param(_) | Storage::State(_)
            );
            if !readable {
                view = self.copy_of(view, "output");
            }
            self.code.outputs.push(view);
        }
        Ok(())
    }

    fn forward_node(&mut self, id: NodeId, node: &'n Node) -> Result<(), Error> {
        let out = Sym {
            node: id,
            output: 0,
        };
        match &node.op {
            Op::Variable => self.variable(out, node),
            Op::Zeros { .. } => {}
            Op::FullyConnected(_) => self.dense_forward(out, node),
            Op::Convolution(attrs) => self.convolution_forward(out, node, attrs),
            Op::Pooling(attrs) => self.pooling_forward(out, node, attrs),
            Op::BatchNorm(attrs) => self.batch_norm_forward(out, node, attrs)?,
            Op::LayerNorm(attrs) => self.layer_norm_forward(out, node, attrs),
            Op::Lrn(attrs) => self.lrn_forward(out, node, attrs),
            Op::Embedding(_) => self.embedding_forward(out, node),
            Op::RnnLayer { mode, hidden } => self.rnn_forward(id, node, *mode, *hidden),
            Op::Rnn(_) => {
                return Err(Error::symbol(
                    &node.name,
                    "RNN must be fused before lowering",
                ));
            }
            Op::Activation(act) => self.activation_forward(out, node, *act),
            Op::LeakyRelu(leaky) => self.leaky_forward(out, node, *leaky)?,
            Op::Unary(op) => self.unary_forward(out, node, *op),
            Op::Softmax(attrs) => self.plain_softmax_forward(out, node, attrs, false),
            Op::LogSoftmax(attrs) => self.plain_softmax_forward(out, node, attrs, true),
            Op::ElemwiseAdd => self.binary_forward(out, node, Binary::Add),
            Op::ElemwiseSub => self.binary_forward(out, node, Binary::Sub),
            Op::ElemwiseMul => self.binary_forward(out, node, Binary::Mul),
            Op::ElemwiseDiv => self.binary_forward(out, node, Binary::Div),
            Op::Broadcast(op) => self.binary_forward(out, node, *op),
            Op::AddN => self.add_n_forward(out, node),
            Op::Where => self.where_forward(out, node),
            Op::Ones { .. } | Op::OnesLike => {
                let len = self.len(out);
                let ones = self.fill("", len, 1.0);
                self.values.insert(out, ones);
            }
            Op::Scalar(op, scalar) => self.scalar_forward(out, node, *op, *scalar),
            Op::Dropout { p } => self.dropout_forward(out, node, *p),
            Op::BlockGrad
            | Op::Identity
            | Op::MakeLoss(_)
            | Op::Reshape { .. }
            | Op::ExpandDims { .. } => self.alias(out, node),
            Op::ParamSlice { offset, .. } => {
                let len = self.len(out);
                let view = self.value(node.inputs[0]).part(*offset, len);
                self.values.insert(out, view);
            }
            Op::SwapAxis { dim1, dim2 } => self.swap_forward(out, node, *dim1, *dim2),
            Op::Transpose { axes } => self.transpose_forward(out, node, axes)?,
            Op::SliceAxis { axis, begin, end } => {
                self.slice_axis_forward(out, node, *axis, *begin, *end)?;
            }
            Op::Concat { dim } => self.concat_forward(out, node, *dim),
            Op::Stack { axis } => self.concat_forward(out, node, *axis),
            Op::SliceChannel { axis, .. } => self.slice_forward(id, node, *axis),
            Op::Mean { axes, .. } => self.mean_forward(out, node, axes),
            Op::Sum { axes, .. } => self.sum_forward(out, node, axes),
            Op::SequenceReverse { axis, .. } => self.reverse_forward(out, node, *axis),
            Op::SequenceLast { axis, .. } => self.last_forward(out, node, *axis),
            Op::SequenceMask { axis, value, .. } => self.mask_forward(out, node, *axis, *value),
            Op::SoftmaxOutput(attrs) => self.softmax_forward(out, node, attrs),
            Op::LinearRegressionOutput { .. } | Op::MaeRegressionOutput { .. } => {
                self.alias(out, node);
            }
            Op::LogisticRegressionOutput { .. } => {
                self.activation_forward(out, node, Act::Sigmoid);
            }
        }
        Ok(())
    }

    /// The output is the input, read with another shape.
    fn alias(&mut self, out: Sym, node: &Node) {
        if self.is_zeros(out) {
            return;
        }
        let view = self.value(node.inputs[0]);
        self.values.insert(out, view);
    }

    fn variable(&mut self, out: Sym, node: &Node) {
        let Some(role) = self.setting.roles.get(&node.name) else {
            return;
        };
        let storage = match *role {
            Role::Data(port) => Storage::Data(port),
            Role::Label(port) => Storage::Label(port),
            Role::State(index) => Storage::State(index),
            Role::Param(index) => Storage::Param(index),
        };
        let len = self.len(out);
        let view = self.stored(storage, &node.name, len);
        self.values.insert(out, view);
    }

    fn backward(&mut self) -> Result<(), Error> {
        self.phase = Phase::Backward;
        self.zero_held_grads();
        for (index, head) in self.net.heads.iter().enumerate() {
            let node = self.net.node(*head);
            if node.op.is_loss() || node.op == Op::BlockGrad || !self.wants(*head) {
                continue;
            }
            let port = self.code.head_grads.len();
            let len = self.len(*head);
            let name = format!("head_grad{index}");
            self.code.head_grads.push(len);
            let view = self.stored(Storage::HeadGrad(port), &name, len);
            self.node.clone_from(&node.name);
            self.add_grad(*head, view);
        }
        for index in (0..self.net.nodes.len()).rev() {
            if !self.wants_grad[index] {
                continue;
            }
            let id = NodeId(index as u32);
            let node = &self.net.nodes[index];
            self.node.clone_from(&node.name);
            self.backward_node(id, node)?;
        }
        if self.setting.inputs_need_grad {
            self.input_grads();
        }
        Ok(())
    }

    /// Pins the gradient of every data input; zeros where none arrived.
    fn input_grads(&mut self) {
        for desc in &self.net.data {
            let position = self
                .net
                .nodes
                .iter()
                .position(|node| node.op == Op::Variable && node.name == desc.name);
            let Some(index) = position else {
                continue;
            };
            let sym = Sym {
                node: NodeId(index as u32),
                output: 0,
            };
            self.node.clone_from(&desc.name);
            let len = self.len(sym);
            let grad = self.grads.get(&sym).copied();
            let grad = match grad {
                // A head gradient lies with the caller: get_input_grads can lend only the arena.
                Some(view) if self.code.buf(view).storage == Storage::Transient => view,
                Some(view) => self.copy_of(view, "grad"),
                None => self.fill("grad", len, 0.0),
            };
            self.code.input_grads.push(grad);
        }
    }

    fn backward_node(&mut self, id: NodeId, node: &'n Node) -> Result<(), Error> {
        let out = Sym {
            node: id,
            output: 0,
        };
        match &node.op {
            Op::SoftmaxOutput(attrs) => return self.softmax_backward(out, node, attrs),
            Op::LinearRegressionOutput { grad_scale }
            | Op::LogisticRegressionOutput { grad_scale } => {
                let kernel = Kernel::LinearRegressionBackward;
                self.regression_backward(out, node, kernel, *grad_scale);
                return Ok(());
            }
            Op::MaeRegressionOutput { grad_scale } => {
                self.regression_backward(out, node, Kernel::MaeRegressionBackward, *grad_scale);
                return Ok(());
            }
            Op::MakeLoss(attrs) => {
                self.make_loss_backward(node, attrs);
                return Ok(());
            }
            Op::RnnLayer { mode, hidden } => {
                self.rnn_backward(id, node, *mode, *hidden);
                return Ok(());
            }
            Op::SliceChannel { axis, .. } => {
                self.slice_backward(id, node, *axis);
                return Ok(());
            }
            _ => {}
        }
        let Some(dy) = self.grads.get(&out).copied() else {
            return Ok(());
        };
        match &node.op {
            Op::Variable => self.parameter_backward(out, dy),
            Op::FullyConnected(_) => self.dense_backward(node, dy),
            Op::Convolution(attrs) => self.convolution_backward(out, node, dy, attrs),
            Op::Pooling(attrs) => self.pooling_backward(out, node, dy, attrs),
            Op::BatchNorm(attrs) => self.batch_norm_backward(id, node, dy, attrs),
            Op::LayerNorm(attrs) => self.layer_norm_backward(node, dy, attrs),
            Op::Lrn(attrs) => self.lrn_backward(id, node, dy, attrs),
            Op::Embedding(_) => self.embedding_backward(node, dy),
            Op::Activation(act) => self.activation_backward(out, node, dy, *act),
            Op::LeakyRelu(leaky) => self.leaky_backward(out, node, dy, *leaky),
            Op::Unary(op) => self.unary_backward(out, node, dy, *op),
            Op::Softmax(attrs) => self.plain_softmax_backward(out, node, dy, attrs, false),
            Op::LogSoftmax(attrs) => self.plain_softmax_backward(out, node, dy, attrs, true),
            Op::ElemwiseAdd => self.binary_backward(out, node, dy, Binary::Add),
            Op::ElemwiseSub => self.binary_backward(out, node, dy, Binary::Sub),
            Op::ElemwiseMul => self.binary_backward(out, node, dy, Binary::Mul),
            Op::ElemwiseDiv => self.binary_backward(out, node, dy, Binary::Div),
            Op::Broadcast(op) => self.binary_backward(out, node, dy, *op),
            Op::AddN => {
                for input in &node.inputs {
                    self.add_grad(*input, dy);
                }
            }
            Op::Where => self.where_backward(node, dy),
            Op::Scalar(op, scalar) => self.scalar_backward(node, dy, *op, *scalar),
            Op::Dropout { p } => self.dropout_backward(id, node, dy, *p),
            Op::Identity | Op::Reshape { .. } | Op::ExpandDims { .. } => {
                self.add_grad(node.inputs[0], dy);
            }
            Op::ParamSlice { .. } => self.parameter_backward(out, dy),
            Op::SwapAxis { dim1, dim2 } => self.swap_backward(node, dy, *dim1, *dim2),
            Op::Transpose { axes } => self.transpose_backward(node, dy, axes)?,
            Op::SliceAxis { axis, begin, end } => {
                self.slice_axis_backward(node, dy, *axis, *begin, *end)?;
            }
            Op::Concat { dim } => self.concat_backward(node, dy, *dim),
            Op::Stack { axis } => self.concat_backward(node, dy, *axis),
            Op::Mean { axes, .. } => self.mean_backward(node, dy, axes),
            Op::Sum { axes, .. } => self.sum_backward(node, dy, axes),
            Op::SequenceReverse { axis, .. } => self.reverse_backward(node, dy, *axis),
            Op::SequenceLast { axis, .. } => self.last_backward(node, dy, *axis),
            Op::SequenceMask { axis, .. } => self.mask_backward(node, dy, *axis),
            Op::Zeros { .. } | Op::Ones { .. } | Op::OnesLike | Op::BlockGrad | Op::Rnn(_) => {}
            Op::SoftmaxOutput(_)
            | Op::LinearRegressionOutput { .. }
            | Op::LogisticRegressionOutput { .. }
            | Op::MaeRegressionOutput { .. }
            | Op::MakeLoss(_)
            | Op::RnnLayer { .. }
            | Op::SliceChannel { .. } => {}
        }
        Ok(())
    }

    /// Adds a contribution to the gradient of `sym`. The first one is taken as it is; later ones are
    /// added to a copy, because the first may be shared with another symbol's gradient.
    fn add_grad(&mut self, sym: Sym, contribution: View) {
        if !self.wants(sym) {
            return;
        }
        let sum = match self.grads.get(&sym).copied() {
            None => contribution,
            Some(first) => {
                let sum = self.copy_of(first, "grad");
                self.call(Kernel::AddAssign, &[Some(contribution), Some(sum)], &[]);
                sum
            }
        };
        self.grads.insert(sym, sum);
    }

    fn finish(mut self) -> Result<Code, Error> {
        for instr in &self.code.instrs {
            for (at, view) in instr.operands.iter().enumerate() {
                let later = &instr.operands[at + 1..];
                let Some(view) = view else { continue };
                let overlap = later.iter().flatten().any(|other| {
                    other.buf == view.buf
                        && other.offset < view.offset + view.len
                        && view.offset < other.offset + other.len
                        && !matches!(
                            self.code.buf(*view).storage,
                            Storage::Data(_) | Storage::Label(_) | Storage::HeadGrad(_)
                        )
                });
                if overlap {
                    return Err(Error::symbol(
                        &instr.node,
                        "the same values are read as two different inputs",
                    ));
                }
            }
        }
        self.code.shapes = self.buffer_shapes();
        Ok(self.code)
    }
}
