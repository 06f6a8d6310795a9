//! Which arguments are integers on the device: token ids, class labels and sequence lengths. MXNet has floats
//! there; here what reads an argument decides, and two readers that disagree are an error.

use super::Dtype;
use crate::{Error, Net, Op};

/// The dtype of each node.
pub(super) fn dtypes(net: &Net, dims: &[Vec<Vec<usize>>]) -> Result<Vec<Dtype>, Error> {
    let wanted = wanted(net, dims)?;
    let mut dtypes = vec![Dtype::F32; net.nodes.len()];
    for (index, node) in net.nodes.iter().enumerate() {
        dtypes[index] = match node.op {
            Op::Variable => wanted[index].map_or(Dtype::F32, |(dtype, _)| dtype),
            _ if passes_on(&node.op) => dtypes[node.inputs[0].node.0 as usize],
            _ => Dtype::F32,
        };
    }
    Ok(dtypes)
}

/// Operators that only name the same elements differently.
fn passes_on(op: &Op) -> bool {
    matches!(
        op,
        Op::Reshape { .. } | Op::ExpandDims { .. } | Op::Identity
    )
}

/// What each node is read as, and by which node.
type Wanted = Vec<Option<(Dtype, usize)>>;

fn wanted(net: &Net, dims: &[Vec<Vec<usize>>]) -> Result<Wanted, Error> {
    let mut wanted: Wanted = vec![None; net.nodes.len()];
    for (index, node) in net.nodes.iter().enumerate().rev() {
        if let Some((Dtype::U16, reader)) = wanted[index]
            && node.op != Op::Variable
            && !passes_on(&node.op)
        {
            let what = format!(
                "read as integers by {}, which takes a variable or a reshape of one",
                net.nodes[reader].name
            );
            return Err(Error::symbol(&node.name, what));
        }
        for (position, input) in node.inputs.iter().enumerate() {
            let want = match &node.op {
                op if passes_on(op) => wanted[index],
                Op::Embedding(_) if position == 0 => Some((Dtype::U16, index)),
                Op::SequenceLast { .. } | Op::SequenceMask { .. } | Op::SequenceReverse { .. }
                    if position == 1 =>
                {
                    Some((Dtype::U16, index))
                }
                Op::SoftmaxOutput(_) if position == 1 => {
                    let of = |input: usize| {
                        let sym = node.inputs[input];
                        &dims[sym.node.0 as usize][sym.output as usize]
                    };
                    let probabilities = of(0) == of(1);
                    Some((
                        if probabilities {
                            Dtype::F32
                        } else {
                            Dtype::U16
                        },
                        index,
                    ))
                }
                _ => Some((Dtype::F32, index)),
            };
            let slot = &mut wanted[input.node.0 as usize];
            match (*slot, want) {
                (Some((before, reader)), Some((now, _))) if before != now => {
                    let what = format!(
                        "read as integers by one and as numbers by the other of {} and {}",
                        node.name, net.nodes[reader].name
                    );
                    return Err(Error::symbol(&net.output_name(*input), what));
                }
                (None, want) => *slot = want,
                _ => {}
            }
        }
    }
    Ok(wanted)
}
