//! FullyConnected and Embedding.

use tinpail_plan::symbol::{Embedding, FullyConnected};

use super::{Outcome, ensure};
use crate::Tensor;

/// y = x W^T + b. N rows, I inputs, O outputs: `flatten` merges all axes but the first, (N, I) -> (N, O);
/// otherwise the last axis alone is I, (..., I) -> (..., O).
pub(super) fn fully_connected(
    attrs: &FullyConnected,
    data: &Tensor,
    weight: &Tensor,       // (O, I)
    bias: Option<&Tensor>, // (O,)
) -> Outcome<Tensor> {
    let outputs = attrs.num_hidden;
    let rank = data.shape.len();
    ensure(rank > 0, || "data is a scalar".into())?;
    let (rows, inner) = data
        .shape
        .split_at(if attrs.flatten { 1 } else { rank - 1 });
    let inputs: usize = inner.iter().product();
    ensure(weight.shape == [outputs, inputs], || {
        format!("weight {:?} for ({outputs}, {inputs})", weight.shape)
    })?;
    ensure(bias.is_none_or(|bias| bias.shape == [outputs]), || {
        format!("bias is not ({outputs},)")
    })?;
    let shape = [rows, &[outputs]].concat();
    let mut y = Vec::with_capacity(shape.iter().product());
    for row in 0..rows.iter().product() {
        for o in 0..outputs {
            let products = (0..inputs).map(|i| data.data[row * inputs + i] * weight.at(&[o, i]));
            y.push(products.sum::<f64>() + bias.map_or(0.0, |bias| bias.data[o]));
        }
    }
    Ok(Tensor::new(shape, y))
}

/// The row of the table (V, E) for each id, (...) -> (..., E). An id is truncated towards zero, then clamped
/// to 0 ... V - 1.
pub(super) fn embedding(attrs: &Embedding, data: &Tensor, weight: &Tensor) -> Outcome<Tensor> {
    let (rows, columns) = (attrs.input_dim, attrs.output_dim);
    ensure(weight.shape == [rows, columns] && rows > 0, || {
        format!("weight {:?} for ({rows}, {columns})", weight.shape)
    })?;
    let shape = [data.shape.as_slice(), &[columns]].concat();
    Ok(Tensor::from_fn(shape, |index| {
        let (column, id) = (index[index.len() - 1], &index[..index.len() - 1]);
        let id = data.at(id).trunc().clamp(0.0, (rows - 1) as f64);
        weight.at(&[id as usize, column])
    }))
}
