//! Evaluation: the nodes that the heads depend on, one after the other.

mod apply;
mod leaky;
mod linear;
mod norm;
mod pointwise;
mod reduce;
mod rnn;
mod sequence;
mod shape;
pub(crate) mod softmax;
mod window;

use tinpail_plan::symbol::Node;
use tinpail_plan::{Net, Op, Sym};

use crate::frozen::{self, Branches, Frozen};
use crate::{InterpError, Mode, Tensor, Tensors};

/// What an operator gives, or what is wrong with its inputs.
pub(crate) type Outcome<T> = Result<T, String>;

/// The outputs of every node that was evaluated.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    /// `outputs[node][output]`; empty for nodes that no head depends on.
    outputs: Vec<Vec<Tensor>>,
    /// The branches that relu took.
    branches: Vec<bool>,
}

impl Values {
    /// The value of a symbol that some head depends on.
    pub(crate) fn of(&self, sym: Sym) -> &Tensor {
        &self.outputs[sym.node.0 as usize][sym.output as usize]
    }
}

/// Everything but its inputs that an operator depends on.
struct Context<'a> {
    mode: Mode<'a>,
    batch: Option<usize>,
    branches: Branches<'a>,
}

/// Evaluates what the heads of `net` depend on; with `frozen`, what is constant keeps its value from there.
pub(crate) fn run(
    net: &Net,
    args: &Tensors,
    mode: Mode,
    frozen: Option<&Frozen>,
) -> Result<Values, InterpError> {
    check_references(net)?;
    let mut context = Context {
        mode,
        batch: batch_size(net, args),
        branches: match frozen {
            None => Branches::Record(Vec::new()),
            Some(frozen) => Branches::Replay(frozen.values.branches.iter()),
        },
    };
    let needed = needed(net);
    let mut values = Values {
        outputs: Vec::with_capacity(net.nodes.len()),
        branches: Vec::new(),
    };
    for (index, node) in net.nodes.iter().enumerate() {
        let outputs = if needed[index] {
            let inputs: Vec<&Tensor> = (node.inputs.iter().enumerate())
                .map(|(position, &sym)| match frozen {
                    Some(frozen) if frozen::input_is_constant(&node.op, position) => {
                        frozen.values.of(sym)
                    }
                    _ => values.of(sym),
                })
                .collect();
            match frozen {
                Some(frozen) if frozen::output_is_constant(&node.op) => {
                    frozen.values.outputs[index].clone()
                }
                _ => node_outputs(node, &inputs, args, &mut context)?,
            }
        } else {
            Vec::new()
        };
        values.outputs.push(outputs);
    }
    if let Branches::Record(log) = context.branches {
        values.branches = log;
    }
    Ok(values)
}

/// That nodes read only outputs of earlier nodes, and that the heads exist.
fn check_references(net: &Net) -> Result<(), InterpError> {
    let exists = |sym: &Sym, before: usize| {
        let index = sym.node.0 as usize;
        index < before && (sym.output as usize) < net.nodes[index].op.outputs()
    };
    for (index, node) in net.nodes.iter().enumerate() {
        if !node.inputs.iter().all(|input| exists(input, index)) {
            return Err(InterpError::Graph(node.name.clone()));
        }
    }
    match net.heads.iter().all(|head| exists(head, net.nodes.len())) {
        true => Ok(()),
        false => Err(InterpError::Graph("a head".into())),
    }
}

/// Which nodes the heads depend on.
pub(crate) fn needed(net: &Net) -> Vec<bool> {
    let mut needed = vec![false; net.nodes.len()];
    for head in &net.heads {
        needed[head.node.0 as usize] = true;
    }
    for index in (0..net.nodes.len()).rev() {
        if needed[index] {
            for input in &net.nodes[index].inputs {
                needed[input.node.0 as usize] = true;
            }
        }
    }
    needed
}

/// The batch size: see [`crate::forward`].
fn batch_size(net: &Net, args: &Tensors) -> Option<usize> {
    let open = net
        .data
        .iter()
        .find_map(|desc| Some((desc, desc.shape.iter().position(|&size| size == 0)?)));
    let (desc, axis) = open.or_else(|| Some((net.data.first()?, 0)))?;
    args.get(&desc.name)?.shape.get(axis).copied()
}

fn node_outputs(
    node: &Node,
    inputs: &[&Tensor],
    args: &Tensors,
    context: &mut Context,
) -> Result<Vec<Tensor>, InterpError> {
    if node.op == Op::Variable {
        return Ok(vec![named(&node.name, args)?.clone()]);
    }
    let wrong = |what| InterpError::Op {
        op: node.op.mxnet_name(),
        node: node.name.clone(),
        what,
    };
    let outputs = apply::apply(node, inputs, context).map_err(wrong)?;
    match outputs.len() == node.op.outputs() {
        true => Ok(outputs),
        false => Err(wrong(format!("{} outputs", outputs.len()))),
    }
}

/// The tensor of this name.
fn named<'a>(name: &str, tensors: &'a Tensors) -> Result<&'a Tensor, InterpError> {
    let tensor = tensors
        .get(name)
        .ok_or_else(|| InterpError::MissingArg(name.into()))?;
    if !tensor.is_whole() {
        return Err(InterpError::BadTensor {
            name: name.into(),
            shape: tensor.shape.clone(),
            len: tensor.data.len(),
        });
    }
    Ok(tensor)
}

/// `what` if it does not hold.
fn ensure(holds: bool, what: impl FnOnce() -> String) -> Outcome<()> {
    if holds { Ok(()) } else { Err(what()) }
}

/// An axis counted from the end if negative, below `rank`.
fn axis_of(axis: i64, rank: usize) -> Outcome<usize> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    match usize::try_from(counted) {
        Ok(counted) if counted < rank => Ok(counted),
        _ => Err(format!("axis {axis} of {rank} axes")),
    }
}

/// A mask of `shape` for the node `name`, divided by 1 - p, in training; nothing where nothing is dropped.
fn dropout_factors(name: &str, p: f32, shape: &[usize], mode: Mode) -> Outcome<Option<Tensor>> {
    let Mode::Train { masks } = mode else {
        return Ok(None);
    };
    if p == 0.0 {
        return Ok(None);
    }
    ensure((0.0..1.0).contains(&p), || format!("p is {p}"))?;
    let mask = masks
        .get(name)
        .ok_or_else(|| "no dropout mask".to_string())?;
    ensure(mask.shape == shape && mask.is_whole(), || {
        format!("dropout mask {:?} for {shape:?}", mask.shape)
    })?;
    Ok(Some(mask.map(|keep| keep / (1.0 - f64::from(p)))))
}
