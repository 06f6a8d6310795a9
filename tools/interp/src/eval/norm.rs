//! BatchNorm, LayerNorm and LRN.

use tinpail_plan::symbol::{BatchNorm, LayerNorm, Lrn};

use super::{Context, Outcome, axis_of, ensure};
use crate::tensor::indices;
use crate::{Mode, Tensor};

/// Mean and biased variance of the elements of `data` of which `key` gives the same index, by that index.
fn moments(data: &Tensor, count: usize, key: impl Fn(&[usize]) -> usize) -> Vec<(f64, f64)> {
    let mut groups = vec![Vec::new(); count];
    for index in indices(&data.shape) {
        groups[key(&index)].push(data.at(&index));
    }
    let moments = groups.iter().map(|group| {
        let len = group.len() as f64;
        let mean = group.iter().sum::<f64>() / len;
        let squares = group.iter().map(|x| (x - mean).powi(2));
        (mean, squares.sum::<f64>() / len)
    });
    moments.collect()
}

/// (x - mean) / sqrt(var + eps) gamma + beta for each index of the axis; mean and variance are the batch's in
/// training (without `use_global_stats`), else the moving ones.
pub(super) fn batch(attrs: &BatchNorm, inputs: [&Tensor; 5], context: &Context) -> Outcome<Tensor> {
    let [data, gamma, beta, mean, var] = inputs;
    let axis = axis_of(attrs.axis, data.shape.len())?;
    let channels = data.shape[axis];
    for own in [gamma, beta, mean, var] {
        ensure(own.shape == [channels], || {
            format!("{:?} for {channels} channels", own.shape)
        })?;
    }
    let of_batch = matches!(context.mode, Mode::Train { .. }) && !attrs.use_global_stats;
    let statistics = match of_batch {
        true => moments(data, channels, |index| index[axis]),
        false => mean
            .data
            .iter()
            .copied()
            .zip(var.data.iter().copied())
            .collect(),
    };
    Ok(Tensor::from_fn(data.shape.clone(), |index| {
        let c = index[axis];
        let (mean, var) = statistics[c];
        let gamma = if attrs.fix_gamma { 1.0 } else { gamma.data[c] };
        (data.at(index) - mean) / (var + f64::from(attrs.eps)).sqrt() * gamma + beta.data[c]
    }))
}

/// (x - mean) / sqrt(var + eps) gamma + beta, mean and variance being those along the axis.
pub(super) fn layer(
    attrs: &LayerNorm,
    data: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
) -> Outcome<Tensor> {
    let axis = axis_of(attrs.axis, data.shape.len())?;
    let mut rest = data.shape.clone();
    rest[axis] = 1;
    let place = |index: &[usize]| {
        (rest.iter().zip(index)).fold(0, |place, (&size, &i)| place * size + i % size)
    };
    let statistics = moments(data, rest.iter().product(), place);
    Ok(Tensor::from_fn(data.shape.clone(), |index| {
        let (mean, var) = statistics[place(index)];
        let normal = (data.at(index) - mean) / (var + f64::from(attrs.eps)).sqrt();
        normal * gamma.data[index[axis]] + beta.data[index[axis]]
    }))
}

/// x (knorm + alpha / nsize * sum of x^2 over the channels c - h .. c + h)^-beta, h = (nsize - 1) / 2 rounded down.
pub(super) fn lrn(attrs: &Lrn, data: &Tensor) -> Outcome<Tensor> {
    ensure(data.shape.len() >= 2 && attrs.nsize > 0, || {
        format!("nsize {} over {:?}", attrs.nsize, data.shape)
    })?;
    let half = (attrs.nsize - 1) / 2;
    Ok(Tensor::from_fn(data.shape.clone(), |index| {
        let c = index[1];
        let channels = c.saturating_sub(half)..(c + half + 1).min(data.shape[1]);
        let squares = channels.map(|c| {
            let mut index = index.to_vec();
            index[1] = c;
            data.at(&index).powi(2)
        });
        let share = f64::from(attrs.alpha) / attrs.nsize as f64;
        let norm = f64::from(attrs.knorm) + share * squares.sum::<f64>();
        data.at(index) * norm.powf(-f64::from(attrs.beta))
    }))
}
