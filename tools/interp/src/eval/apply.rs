//! Which function computes which operator, and how many inputs it takes.

use tinpail_plan::Op;
use tinpail_plan::symbol::Node;

use super::{
    Context, Outcome, leaky, linear, norm, pointwise, reduce, rnn, sequence, shape, softmax, window,
};
use crate::Tensor;

/// The outputs of an operator.
pub(super) fn apply(
    node: &Node,
    inputs: &[&Tensor],
    context: &mut Context,
) -> Outcome<Vec<Tensor>> {
    let one = |outcome: Outcome<Tensor>| outcome.map(|tensor| vec![tensor]);
    match (&node.op, inputs) {
        (Op::Zeros { shape }, []) => one(shape::constant(shape, 0.0, context.batch)),
        (Op::FullyConnected(attrs), [data, weight]) if attrs.no_bias => {
            one(linear::fully_connected(attrs, data, weight, None))
        }
        (Op::FullyConnected(attrs), [data, weight, bias]) if !attrs.no_bias => {
            one(linear::fully_connected(attrs, data, weight, Some(bias)))
        }
        (Op::Convolution(attrs), [data, weight, bias @ ..])
            if bias.len() == usize::from(!attrs.no_bias) =>
        {
            let bias = bias.first().copied();
            one(window::convolution(attrs, data, weight, bias))
        }
        (Op::Pooling(attrs), [data]) => one(window::pooling(attrs, data, &mut context.branches)),
        (Op::BatchNorm(attrs), &[data, gamma, beta, mean, var]) => {
            one(norm::batch(attrs, [data, gamma, beta, mean, var], context))
        }
        (Op::LayerNorm(attrs), [data, gamma, beta]) => one(norm::layer(attrs, data, gamma, beta)),
        (Op::Lrn(attrs), [data]) => one(norm::lrn(attrs, data)),
        (Op::Embedding(attrs), [data, weight]) => one(linear::embedding(attrs, data, weight)),
        (Op::Activation(act), [data]) => Ok(vec![pointwise::activation(
            *act,
            data,
            &mut context.branches,
        )]),
        (Op::Ones { shape }, []) => one(shape::constant(shape, 1.0, context.batch)),
        (Op::OnesLike, [data]) => Ok(vec![data.map(|_| 1.0)]),
        (Op::Identity | Op::MakeLoss(_), [data]) => Ok(vec![(*data).clone()]),
        (Op::LeakyRelu(leaky), [data, gamma @ ..]) => one(leaky::leaky_relu(
            *leaky,
            data,
            gamma,
            &mut context.branches,
        )),
        (Op::Unary(op), [data]) => Ok(vec![pointwise::unary(*op, data, &mut context.branches)]),
        (Op::Softmax(attrs), [data]) => one(softmax::plain(attrs, data, f64::exp)),
        (Op::LogSoftmax(attrs), [data]) => one(softmax::plain(attrs, data, |log| log)),
        (Op::ElemwiseAdd, [lhs, rhs]) => one(pointwise::binary(lhs, rhs, |x, y| x + y)),
        (Op::ElemwiseSub, [lhs, rhs]) => one(pointwise::binary(lhs, rhs, |x, y| x - y)),
        (Op::ElemwiseMul, [lhs, rhs]) => one(pointwise::binary(lhs, rhs, |x, y| x * y)),
        (Op::ElemwiseDiv, [lhs, rhs]) => one(pointwise::binary(lhs, rhs, |x, y| x / y)),
        (Op::Broadcast(op), [lhs, rhs]) => one(pointwise::broadcast(*op, lhs, rhs)),
        (Op::AddN, [first, rest @ ..]) => {
            one(rest.iter().try_fold((*first).clone(), |sum, part| {
                pointwise::binary(&sum, part, |x, y| x + y)
            }))
        }
        (Op::Where, [condition, x, y]) => one(pointwise::choose(condition, x, y)),
        (Op::Scalar(op, scalar), [data]) => Ok(vec![pointwise::scalar(*op, *scalar, data)]),
        (Op::Dropout { p }, [data]) => one(pointwise::dropout(&node.name, *p, data, context.mode)),
        (Op::BlockGrad, [data])
        | (Op::LinearRegressionOutput { .. } | Op::MaeRegressionOutput { .. }, [data, _]) => {
            Ok(vec![(*data).clone()])
        }
        (Op::LogisticRegressionOutput { .. }, [data, _]) => Ok(vec![data.map(pointwise::sigmoid)]),
        (Op::Sum { axes, keepdims }, [data]) => one(reduce::sum(axes, *keepdims, data)),
        (Op::Mean { axes, keepdims }, [data]) => one(reduce::mean(axes, *keepdims, data)),
        (Op::Reshape { shape, reverse }, [data]) => one(shape::reshape(shape, *reverse, data)),
        (Op::ExpandDims { axis }, [data]) => one(shape::expand_dims(*axis, data)),
        (Op::SwapAxis { dim1, dim2 }, [data]) => one(shape::swap_axis(*dim1, *dim2, data)),
        (Op::Transpose { axes }, [data]) => one(shape::transpose(axes, data)),
        (Op::SliceAxis { axis, begin, end }, [data]) => {
            one(shape::slice_axis(*axis, *begin, *end, data))
        }
        (Op::Stack { axis }, parts) => one(shape::stack(*axis, parts)),
        (Op::Concat { dim }, parts) => one(shape::concat(*dim, parts)),
        (
            Op::SliceChannel {
                num_outputs,
                axis,
                squeeze_axis,
            },
            [data],
        ) => shape::slice_channel(*num_outputs, *axis, *squeeze_axis, data),
        (Op::ParamSlice { offset, shape }, [data]) => one(shape::param_slice(*offset, shape, data)),
        (
            Op::SequenceLast {
                use_sequence_length,
                axis,
            },
            [data, lengths @ ..],
        ) if lengths.len() == usize::from(*use_sequence_length) => {
            one(sequence::last(*axis, data, lengths.first().copied()))
        }
        (
            Op::SequenceMask {
                use_sequence_length,
                value,
                axis,
            },
            [data, lengths @ ..],
        ) if lengths.len() == usize::from(*use_sequence_length) => one(sequence::mask(
            *axis,
            *value,
            data,
            lengths.first().copied(),
        )),
        (
            Op::SequenceReverse {
                use_sequence_length,
                axis,
            },
            [data, lengths @ ..],
        ) if lengths.len() == usize::from(*use_sequence_length) => {
            one(sequence::reverse(*axis, data, lengths.first().copied()))
        }
        (Op::Rnn(attrs), [data, parameters, states @ ..]) => {
            rnn::fused(&node.name, attrs, data, parameters, states, context)
        }
        (Op::RnnLayer { mode, hidden }, [data, weights @ ..]) => {
            rnn::layer(*mode, *hidden, data, weights, &mut context.branches)
        }
        (Op::SoftmaxOutput(attrs), [data, _]) => one(softmax::forward(attrs, data)),
        (_, inputs) => Err(format!("{} inputs", inputs.len())),
    }
}
