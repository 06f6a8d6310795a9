//! The same network with the same values in the interpreter, and the comparison.

use tinpail_interp::{Mode, Tensor, Tensors};
use tinpail_plan::{Net, Op, PlanFile, Sym};

use super::values::{Persistent, Sample};

/// Every argument by name.
pub fn args(file: &PlanFile, values: &Persistent, sample: &Sample) -> Tensors {
    let mut args = Tensors::new();
    let names = &file.buckets[sample.bucket];
    let params = file.params.iter().zip(&values.params);
    let states = file.states.iter().zip(&values.states);
    for (own, values) in params.chain(states) {
        args.insert(
            own.name.clone(),
            Tensor::from_f32(own.shape.clone(), values),
        );
    }
    let data = names.data_shapes.iter().zip(&sample.data);
    let labels = names.label_shapes.iter().zip(&sample.labels);
    for (own, input) in data.chain(labels) {
        args.insert(
            own.name.clone(),
            Tensor::new(own.shape.clone(), input.floats()),
        );
    }
    args
}

/// Whether backward takes a gradient for this head: it is no loss, and a gradient that comes in there
/// reaches data or a parameter that is not in `fixed`.
fn takes_grad(net: &Net, head: Sym, fixed: &[&str], states: &[&str]) -> bool {
    fn reaches(net: &Net, sym: Sym, stop: &dyn Fn(&str) -> bool) -> bool {
        let node = net.node(sym);
        match node.op {
            Op::Variable => {
                let labelled = net.labels.iter().any(|label| label.name == node.name);
                !labelled && !stop(&node.name)
            }
            Op::BlockGrad | Op::OnesLike => false,
            _ => node.inputs.iter().any(|input| reaches(net, *input, stop)),
        }
    }
    !net.node(head).op.is_loss()
        && reaches(net, head, &|name| {
            fixed.contains(&name) || states.contains(&name)
        })
}

/// The sample's head gradients, one tensor for each head of the shape of its output: zeros where backward
/// takes none.
pub fn head_grads(
    net: &Net,
    outputs: &[Tensor],
    sample: &Sample,
    fixed: &[&str],
    states: &[&str],
) -> Vec<Tensor> {
    let mut given = sample.head_grads.iter();
    let heads = net.heads.iter().zip(outputs);
    let grads = heads.map(|(head, output)| {
        let shape = output.shape.clone();
        match takes_grad(net, *head, fixed, states) {
            true => Tensor::from_f32(shape, given.next().expect("a head gradient")),
            false => Tensor::full(shape, 0.0),
        }
    });
    let grads: Vec<Tensor> = grads.collect();
    assert_eq!(given.len(), 0, "head gradients that no head takes");
    grads
}

/// The outputs in f64.
pub fn forward(net: &Net, args: &Tensors, masks: Option<&Tensors>) -> Vec<Tensor> {
    let mode = masks.map_or(Mode::Infer, |masks| Mode::Train { masks });
    tinpail_interp::forward(net, args, mode).expect("the interpreter takes it")
}

/// |ours - theirs| <= 1e-5 + 1e-5 |theirs|.
///
/// Ours are f32: each of its roundings is off by at most 2^-24 = 6e-8 of the value. The networks of the tests
/// have values around 1 and chains of at most a few hundred operations, whose errors add up like a random
/// walk: 6e-8 sqrt(300) is 1e-6, ten times below the bound. The differences that theirs are made of are
/// good to 1e-9. Where a sum cancels, its error stays that of its terms: hence the absolute part.
#[track_caller]
pub fn assert_close(what: &str, ours: &[f32], theirs: &Tensor) {
    assert_eq!(ours.len(), theirs.data.len(), "{what}: length");
    for (at, (ours, theirs)) in ours.iter().zip(&theirs.data).enumerate() {
        let off = (f64::from(*ours) - theirs).abs();
        assert!(
            off <= 1e-5 + 1e-5 * theirs.abs(),
            "{what}[{at}]: {ours} against {theirs}"
        );
    }
}
