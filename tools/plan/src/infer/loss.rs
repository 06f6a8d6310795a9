//! Which labels a loss takes. Letters: N rows, C classes.

use super::table::Table;
use crate::symbol::SoftmaxOutput;
use crate::{Error, Op, Sym};

/// The label shapes that MXNet takes for SoftmaxOutput over `data`, the default one first. A label of the
/// shape of `data` itself holds probabilities instead.
fn class_labels(
    symbol: &str,
    attrs: &SoftmaxOutput,
    data: &[usize],
) -> Result<Vec<Vec<usize>>, Error> {
    if data.len() < 2 {
        return Err(Error::shape(
            symbol,
            "softmax needs at least two axes, not",
            data,
        ));
    }
    if attrs.multi_output {
        let positions = data[2..].iter().product();
        let without_classes = [&data[..1], &data[2..]].concat();
        let one_class = [&data[..1], &[1], &data[2..]].concat();
        return Ok(vec![vec![data[0], positions], without_classes, one_class]);
    }
    if data.len() > 2 && !attrs.preserve_shape {
        // MXNet takes (N, d1, ..) here and then reads only its first N values.
        let what =
            "class labels need preserve_shape or multi_output for data of more than two axes";
        return Err(Error::shape(symbol, what, data));
    }
    Ok(vec![data[..data.len() - 1].to_vec()])
}

/// Data and output agree, and the label is one of those that the loss takes.
pub(super) fn softmax(table: &mut Table, index: usize, attrs: &SoftmaxOutput) -> Result<(), Error> {
    super::rules::same(table, index)?;
    let node = &table.net.nodes[index];
    let (data, label) = (node.inputs[0], node.inputs[1]);
    let Some(shape) = table.get(data).cloned() else {
        return Ok(());
    };
    match table.get(label) {
        Some(found) if *found == shape => Ok(()),
        Some(found) => {
            let taken = class_labels(&node.name, attrs, &shape)?;
            if taken.contains(found) {
                return Ok(());
            }
            Err(mismatch(table, label, &node.name, &taken[0], found))
        }
        None if is_variable(table, label) => {
            let taken = class_labels(&node.name, attrs, &shape)?;
            table.unify(label, &taken[0], &node.name, "label")
        }
        None => Ok(()),
    }
}

/// Data and output agree, and the label has as many rows and elements.
pub(super) fn regression(table: &mut Table, index: usize) -> Result<(), Error> {
    super::rules::same(table, index)?;
    let node = &table.net.nodes[index];
    let (data, label) = (node.inputs[0], node.inputs[1]);
    let Some(shape) = table.get(data).cloned() else {
        return Ok(());
    };
    match table.get(label) {
        Some(found) => {
            let product = |shape: &[usize]| shape.iter().product::<usize>();
            if found[0] == shape[0] && product(found) == product(&shape) {
                return Ok(());
            }
            Err(mismatch(table, label, &node.name, &shape, found))
        }
        None if is_variable(table, label) => {
            let column = shape.len() == 2 && shape[1] == 1;
            let default = if column { &shape[..1] } else { &shape[..] };
            table.unify(label, default, &node.name, "label")
        }
        None => Ok(()),
    }
}

fn is_variable(table: &Table, sym: Sym) -> bool {
    table.net.node(sym).op == Op::Variable
}

fn mismatch(table: &Table, label: Sym, reader: &str, needed: &[usize], found: &[usize]) -> Error {
    let what = format!("needed as label of {reader}, but found");
    Error::shapes(&table.name(label), &what, needed, found)
}
