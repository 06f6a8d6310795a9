//! What the values of an input must be, from how the network reads it.

use tinpail::plan::PortKind;

use crate::error::Error;
use crate::infer::{Dtype, Shapes};
use crate::lower::ignore_label;
use crate::symbol::{Net, Op, Sym};

/// The kind of the variable `sym`: f32, or integers with the narrowest range that every reader allows.
pub fn port_kind(net: &Net, shapes: &Shapes, sym: Sym) -> Result<PortKind, Error> {
    if shapes.dtypes[sym.node.0 as usize] == Dtype::F32 {
        return Ok(PortKind::F32);
    }
    let mut kind = None;
    let mut seen = vec![sym];
    for (index, node) in net.nodes.iter().enumerate() {
        for (position, input) in node.inputs.iter().enumerate() {
            if !seen.contains(input) {
                continue;
            }
            let reader = match &node.op {
                Op::Reshape { .. } | Op::ExpandDims { .. } | Op::Identity | Op::BlockGrad => {
                    seen.push(Sym {
                        node: crate::symbol::NodeId(index as u32),
                        output: 0,
                    });
                    continue;
                }
                Op::Embedding(attrs) => range(&node.name, 0, attrs.input_dim - 1, None)?,
                Op::SoftmaxOutput(attrs) if position == 1 => {
                    let data = shapes.of(node.inputs[0]);
                    let classes = if attrs.multi_output {
                        data[1]
                    } else if attrs.preserve_shape {
                        data.last().copied().unwrap_or(1)
                    } else {
                        data[1..].iter().product()
                    };
                    let ignore = ignore_label(node, attrs)?;
                    let ignore = attrs.use_ignore.then_some(ignore);
                    range(&node.name, 0, classes.max(1) - 1, ignore)?
                }
                Op::SequenceLast { axis, .. } => {
                    range(&node.name, 1, shapes.of(node.inputs[0])[*axis], None)?
                }
                Op::SequenceMask { axis, .. } | Op::SequenceReverse { axis, .. } => {
                    range(&node.name, 0, shapes.of(node.inputs[0])[*axis], None)?
                }
                _ => continue,
            };
            kind = Some(match kind {
                None => reader,
                Some(other) => narrower(other, reader),
            });
        }
    }
    Ok(kind.unwrap_or(PortKind::U16 {
        min: 0,
        max: u16::MAX,
        ignore: None,
    }))
}

fn range(symbol: &str, min: u16, max: usize, ignore: Option<u16>) -> Result<PortKind, Error> {
    let max = u16::try_from(max)
        .map_err(|_| Error::symbol(symbol, format!("value {max} is more than a u16 can hold")))?;
    Ok(PortKind::U16 { min, max, ignore })
}

/// The values that both readers take; an ignored label counts only if both ignore it.
fn narrower(left: PortKind, right: PortKind) -> PortKind {
    match (left, right) {
        (
            PortKind::U16 { min, max, ignore },
            PortKind::U16 {
                min: other_min,
                max: other_max,
                ignore: other_ignore,
            },
        ) => PortKind::U16 {
            min: min.max(other_min),
            max: max.min(other_max),
            ignore: if ignore == other_ignore { ignore } else { None },
        },
        (left, _) => left,
    }
}
