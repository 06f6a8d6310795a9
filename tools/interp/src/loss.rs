//! The scalar whose gradient is what MXNet's `backward` gives.
//!
//! It is the sum of
//!
//! - for each loss layer that the heads depend on, the function whose derivative is the gradient that the
//!   layer documents, whatever gradient comes in from its head;
//! - for each other head, the sum of head gradient times output.
//!
//! What MXNet passes no gradient through is held constant: see [`Frozen`].

use tinpail_plan::symbol::{MakeLoss, Normalization, SoftmaxOutput};
use tinpail_plan::{Net, Op};

use crate::eval::{self, Outcome, Values, softmax};
use crate::frozen::{self, Frozen, freeze};
use crate::{InterpError, Mode, Tensor, Tensors};

/// The loss of `net` at `args`.
///
/// `head_grads` has one tensor for each head, of its shape; those of loss layers and of BlockGrad are
/// ignored, and where there are no other heads it may be empty.
pub fn loss(
    net: &Net,
    args: &Tensors,
    mode: Mode,
    head_grads: &[Tensor],
) -> Result<f64, InterpError> {
    loss_at(net, args, mode, head_grads, &freeze(net, args, mode)?)
}

/// The loss at perturbed `args`, with what is constant as in `frozen`, which is of the same network at the
/// unperturbed arguments.
pub fn loss_at(
    net: &Net,
    args: &Tensors,
    mode: Mode,
    head_grads: &[Tensor],
    frozen: &Frozen,
) -> Result<f64, InterpError> {
    let values = eval::run(net, args, mode, Some(frozen))?;
    Ok(of_heads(net, &values, None, head_grads)? + of_loss_layers(net, &values, frozen)?)
}

/// [`loss_at`] but for a constant: of heads that are no losses, what they differ from those of `frozen`. An output of
/// -3.4e38, as a maximum over padding alone, then does not swallow the others.
pub(crate) fn change_at(
    net: &Net,
    args: &Tensors,
    mode: Mode,
    head_grads: &[Tensor],
    frozen: &Frozen,
) -> Result<f64, InterpError> {
    let values = eval::run(net, args, mode, Some(frozen))?;
    let of_heads = of_heads(net, &values, Some(&frozen.values), head_grads)?;
    Ok(of_heads + of_loss_layers(net, &values, frozen)?)
}

/// The sum of head gradient times output (less the output in `base`) over the heads that have a gradient from outside.
fn of_heads(
    net: &Net,
    values: &Values,
    base: Option<&Values>,
    head_grads: &[Tensor],
) -> Result<f64, InterpError> {
    if !head_grads.is_empty() && head_grads.len() != net.heads.len() {
        let (given, heads) = (head_grads.len(), net.heads.len());
        return Err(InterpError::HeadGrads(format!("{given} for {heads} heads")));
    }
    let mut sum = 0.0;
    for (index, &head) in net.heads.iter().enumerate() {
        if frozen::output_is_constant(&net.node(head).op) {
            continue;
        }
        let output = values.of(head);
        let grad = (head_grads.get(index))
            .filter(|grad| grad.shape == output.shape && grad.is_whole())
            .ok_or_else(|| {
                let name = net.output_name(head);
                InterpError::HeadGrads(format!("none of shape {:?} for {name}", output.shape))
            })?;
        let base = base.map(|base| &base.of(head).data);
        let products = output.data.iter().zip(&grad.data).enumerate();
        let products = products.map(|(at, (y, dy))| (y - base.map_or(0.0, |base| base[at])) * dy);
        sum += products.sum::<f64>();
    }
    Ok(sum)
}

/// The losses of all loss layers that the heads depend on.
fn of_loss_layers(net: &Net, values: &Values, frozen: &Frozen) -> Result<f64, InterpError> {
    let needed = eval::needed(net);
    let mut sum = 0.0;
    let losses = net.nodes.iter().zip(needed);
    for (node, _) in losses.filter(|(node, needed)| *needed && node.op.is_loss()) {
        let (data, before) = (node.inputs[0], frozen.values.of(node.inputs[0]));
        let data = values.of(data);
        // The label; of a loss without one its data again.
        let label = frozen.values.of(node.inputs[node.inputs.len() - 1]);
        let loss = match &node.op {
            Op::SoftmaxOutput(attrs) => softmax_output(attrs, data, label),
            Op::LinearRegressionOutput { grad_scale } => {
                regression(*grad_scale, [data, before, label], |[x, _, y]| {
                    (x - y).powi(2) / 2.0
                })
            }
            // ln(1 + e^x) - y x: the cross-entropy of sigmoid(x).
            Op::LogisticRegressionOutput { grad_scale } => {
                regression(*grad_scale, [data, before, label], |[x, _, y]| {
                    x.max(0.0) + (-x.abs()).exp().ln_1p() - y * x
                })
            }
            // |x - y|, on the side where x was; where they are equal that is below, as in MXNet.
            Op::MaeRegressionOutput { grad_scale } => {
                regression(*grad_scale, [data, before, label], |[x, before, y]| {
                    if before > y { x - y } else { y - x }
                })
            }
            Op::MakeLoss(attrs) => Ok(make_loss(attrs, data, before)),
            _ => Ok(0.0),
        };
        sum += loss.map_err(|what| InterpError::Op {
            op: node.op.mxnet_name(),
            node: node.name.clone(),
            what,
        })?;
    }
    Ok(sum)
}

/// The loss of SoftmaxOutput over data x with p = softmax(x) and targets t from the labels:
///
/// grad_scale / N * sum over rows of (ln sum_k e^x_k - sum_k t_k x_k), whose derivative is
/// (p - t) grad_scale / N. Where the targets of a row sum to 1 that is - sum_k t_k ln p_k.
///
/// - A label of the shape of the data holds the targets themselves, and N is 1.
/// - Otherwise a label is truncated to an integer, the true class, whose target is 1 (1 - a with
///   `smooth_alpha` a, and a / (K - 1) for the others). A row whose label is `ignore_label` does not count
///   with `use_ignore`.
/// - N: null 1, batch the number of labels, valid the number of those that are not `ignore_label`, at least
///   1, whether or not `use_ignore` is set. With `multi_output` on (N, K, S): null S, batch N S, valid the
///   same as before.
fn softmax_output(attrs: &SoftmaxOutput, data: &Tensor, label: &Tensor) -> Outcome<f64> {
    let rows = softmax::rows(attrs, &data.shape)?;
    let scale = f64::from(attrs.grad_scale);
    if label.shape == data.shape {
        let row_loss = |row: &Vec<usize>| {
            let hit: f64 = row.iter().map(|&at| label.data[at] * data.data[at]).sum();
            softmax::log_sum_exp(data, row) - hit
        };
        return Ok(scale * rows.iter().map(row_loss).sum::<f64>());
    }
    if label.data.len() != rows.len() {
        return Err(format!(
            "{} labels for {} rows of {:?}",
            label.data.len(),
            rows.len(),
            data.shape
        ));
    }
    let alpha = f64::from(attrs.smooth_alpha);
    if alpha != 0.0 && attrs.multi_output {
        return Err("smooth_alpha with multi_output: what MXNet does then is not recorded".into());
    }
    let ignored = |label: f64| label.trunc() == f64::from(attrs.ignore_label);
    let mut sum = 0.0;
    for (row, &label) in rows.iter().zip(&label.data) {
        if attrs.use_ignore && ignored(label) {
            continue;
        }
        sum += softmax::log_sum_exp(data, row);
        for (class, &at) in row.iter().enumerate() {
            let target = match (class as f64 == label.trunc(), row.len()) {
                (true, _) => 1.0 - alpha,
                (false, classes) => alpha / (classes - 1) as f64,
            };
            sum -= target * data.data[at];
        }
    }
    let spatial = match attrs.multi_output {
        true => rows.len() / data.shape[0],
        false => 1,
    };
    let divisor = match attrs.normalization {
        Normalization::Null => spatial,
        Normalization::Batch => rows.len(),
        Normalization::Valid => {
            let valid = label.data.iter().filter(|&&label| !ignored(label));
            valid.count().max(1)
        }
    };
    Ok(sum * scale / divisor as f64)
}

/// grad_scale / (label elements per sample) * sum of the loss of each x, what x was, and its label; not divided by the
/// batch size.
fn regression(
    grad_scale: f32,
    [data, before, label]: [&Tensor; 3],
    loss: impl Fn([f64; 3]) -> f64,
) -> Outcome<f64> {
    if label.data.len() != data.data.len() || label.shape.is_empty() {
        return Err(format!("label {:?} for {:?}", label.shape, data.shape));
    }
    let per_sample: usize = label.shape[1..].iter().product();
    let values = data.data.iter().zip(&before.data).zip(&label.data);
    let losses = values.map(|((x, before), y)| loss([*x, *before, *y]));
    Ok(losses.sum::<f64>() * f64::from(grad_scale) / per_sample as f64)
}

/// grad_scale / N * sum of x; N: null 1, batch the size of axis 0, valid how many values were above the threshold, at
/// least 1.
fn make_loss(attrs: &MakeLoss, data: &Tensor, before: &Tensor) -> f64 {
    let divisor = match attrs.normalization {
        Normalization::Null => 1,
        Normalization::Batch => data.shape.first().copied().unwrap_or(1),
        Normalization::Valid => {
            let threshold = f64::from(attrs.valid_thresh);
            before.data.iter().filter(|&&x| x > threshold).count()
        }
    };
    data.data.iter().sum::<f64>() * f64::from(attrs.grad_scale) / divisor.max(1) as f64
}
