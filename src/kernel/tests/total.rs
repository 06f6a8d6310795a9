//! Kernels on slices of any length with sizes of any kind: they return.

use super::{PRODUCTS, Values, config, update};
use crate::kernel::convolution::{ChannelSums, Convolution};
use crate::kernel::dense::{self, Dense};
use crate::kernel::norm::{self, Lrn, Norm};
use crate::kernel::pooling::{Divisor, Pooling, Power};
use crate::kernel::recurrent::{Dims, Keep, Weights};
use crate::kernel::rows::Strided;
use crate::kernel::softmax::{Loss, Normalization, Softmax};
use crate::kernel::window::Axis;
use crate::kernel::{
    elementwise, embedding, global_norm, gru, half, layout, leaky, lstm, reduce, regression, rnn,
    sequence,
};
use crate::math::Math;
use crate::optim::Sgd;
use proptest::prelude::*;
use std::vec::Vec;

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![0..6usize, Just(usize::MAX), Just(usize::MAX / 2)]
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn no_size_and_no_length_panics(
        s in proptest::array::uniform6(size()),
        lens in proptest::array::uniform9(0..20usize),
        flags in any::<[bool; 3]>(),
        seed: u64,
    ) {
        let mut v = Values(seed);
        let [a, b, c, d] = [lens[0], lens[1], lens[2], lens[3]].map(|len| v.floats(len));
        let [mut e, mut f, mut g] = [lens[4], lens[5], lens[6]].map(|len| v.floats(len));
        let tokens: Vec<u16> = v.ints(lens[7], 8);
        let math = Math::default();
        let products = PRODUCTS[usize::from(flags[2]) % PRODUCTS.len()];
        let sgd = Sgd { wd: 0.1, ..Sgd::default() };
        let delta = Strided { values: &a, first: s[0], stride: s[1] };

        let shape = Dense { products, inputs: s[2], outputs: s[3] };
        shape.forward(&a, &b, &c, &mut e);
        shape.row(&a, &b, &c, &mut e, flags[0]);
        shape.backward_data(delta, &b, &mut e, flags[0]);
        shape.grad(delta, &b, &c, &mut e);
        let _ = global_norm::pairs(shape, delta, &b, &c);
        half::dense::grad(shape, delta, &b, &tokens, &mut e, &mut g);
        let _ = half::dense::update(shape, delta, &b, &tokens, &mut e, &mut g, update(sgd, &mut f, s[5]));
        let _ = shape.update(delta, &b, &c, &mut e, update(sgd, &mut f, s[5]));
        dense::bias_grad(delta, s[4], &mut e);
        let _ = dense::bias_update(delta, s[4], &mut e, update(sgd, &mut f, s[5]));

        let axis = |i: usize| Axis {
            input: s[i % 6],
            output: s[(i + 1) % 6],
            kernel: s[(i + 2) % 6],
            stride: s[(i + 3) % 6],
            pad: s[(i + 4) % 6],
            dilate: s[(i + 5) % 6],
        };
        let shape = Convolution { products, channels: s[3], filters: s[4], groups: s[5], height: axis(0), width: axis(2) };
        shape.forward(&a, &b, &c, &mut e);
        shape.backward_data(&a, &b, &mut e);
        shape.grad(&a, &b, &mut e);
        let _ = shape.update(&a, &b, &mut e, &mut g, update(sgd, &mut f, s[5]));
        let sums = ChannelSums { channels: s[0], inner: s[1] };
        sums.grad(&a, &mut e);
        let _ = sums.update(&a, &mut e, update(sgd, &mut f, s[5]));
        let shape = Pooling { height: axis(1), width: axis(4) };
        shape.max_forward(&a, &mut e);
        shape.max_backward(&a, &b, &mut e);
        shape.average_forward(&a, &mut e, Divisor::Padded);
        shape.average_backward(&a, &mut e, Divisor::Inputs);
        shape.lp_forward(&a, &mut e, Power::Three, math);
        shape.lp_backward(&a, &b, &mut e, Power::Two, math);
        let shape = Norm { axis: s[0], inner: s[1], eps: 0.1 };
        shape.batch_moments(&a, &mut e, &mut f);
        shape.batch_apply(&a, &b, &c, &d, &mut e, math);
        shape.batch_backward(&a, &b, &c, &d, &mut e, &mut f, &mut g, flags[0], math);
        norm::follow(&a, &mut e, 0.9);
        shape.layer_forward(&a, &b, &c, &mut e, math);
        shape.layer_backward(&a, &b, &mut e, &mut f, &mut g, math);
        let shape = Lrn { channels: s[0], inner: s[1], nsize: s[2], alpha: 0.1, beta: 0.5, knorm: 2.0 };
        shape.forward(&a, &mut e, &mut f, math);
        shape.backward(&a, &b, &c, &mut e, &mut f, math);

        let keep = match flags {
            [true, ..] => Keep::All,
            [_, true, _] => Keep::Outputs,
            _ => Keep::Last,
        };
        let dims = Dims { products, batch: s[0], inputs: s[1], hidden: s[2], keep };
        let weights = Weights { wi: &a, bi: &b, wh: &c, bh: &d };
        lstm::forward(dims, math, lstm::Forward { x: &a, weights, h0: &b, c0: &c, gates: &mut e, c: &mut f, h: &mut g });
        let io = lstm::Backward { wh: &a, c0: &b, c: &c, gates: &mut e, dh_all: &d, dh: &mut f, dc: &mut g };
        lstm::backward(dims, math, io);
        gru::forward(dims, math, gru::Forward { x: &a, weights, h0: &b, gates: &mut e, h: &mut g });
        gru::backward(dims, gru::Backward { wh: &a, h0: &b, h: &c, gates: &mut e, dh_all: &d, dh: &mut f });
        rnn::forward(dims, rnn::Mode::Relu, math, rnn::Forward { x: &a, weights, h0: &b, sums: &mut e, h: &mut g });
        let io = rnn::Backward { wh: &a, h: &c, delta: &mut e, dh_all: &d, dh: &mut f };
        rnn::backward(dims, rnn::Mode::Relu, io);
        let mut stored = tokens.clone();
        let io = half::lstm::Forward {
            x: &a, weights, h0: &b, c0: &c, gates: &mut e, stored: &mut stored, c: &mut f, h: &mut g,
        };
        half::lstm::forward(dims, math, io);
        let io = half::lstm::Backward { wh: &a, c0: &b, gates: &mut e, dh_all: &d, dh: &mut f, dc: &mut g };
        half::lstm::backward(dims, math, io);
        let io = half::gru::Forward { x: &a, weights, h0: &b, gates: &mut e, stored: &mut stored, h: &mut g };
        half::gru::forward(dims, math, io);
        let io = half::gru::Backward { wh: &a, h0: &b, stored: &stored, gates: &mut e, dh_all: &d, dh: &mut f };
        half::gru::backward(dims, io);
        let io = half::rnn::Backward { wh: &a, stored: &stored, delta: &mut e, dh_all: &d, dh: &mut f };
        half::rnn::backward(dims, rnn::Mode::Relu, io);

        embedding::forward(&tokens, &a, &mut e, s[0]);
        embedding::grad(&tokens, &a, &mut e, s[0]);
        let _ = embedding::update(&tokens, &a, &mut e, &mut g, s[0], update(sgd, &mut f, s[5]));
        let soft = Softmax { classes: s[0], inner: s[1] };
        soft.forward(&mut e, math);
        let normalization = if flags[1] { Normalization::Valid } else { Normalization::Null };
        soft.backward(&tokens, &mut e, Loss { normalization, ..Loss::default() });
        let shape = sequence::Sequence { steps: s[0], batch: s[1], channels: s[2], batch_major: flags[0] };
        shape.last_forward(&a, &tokens, &mut e);
        shape.last_backward(&a, &tokens, &mut e, flags[1]);
        shape.mask(&mut e, &tokens, 0.0);
        shape.reverse(&a, &tokens, &mut e);
        soft.grad(&a, &mut e);
        soft.log_forward(&mut e, math);
        soft.log_grad(&a, &mut e, math);
        let prelu = leaky::Prelu { channels: s[0], inner: s[1] };
        prelu.forward(&a, &mut e);
        prelu.backward(&a, &b, &mut e);
        prelu.gamma_grad(&a, &b, &mut e);
        leaky::gelu_backward(&a, &mut e, math);
        elementwise::select(&a, &b, &mut e, flags[0]);
        regression::make_loss_valid(&a, &mut e, 1.0, 0.0);
        let sum = reduce::Sum { axis: s[0], inner: s[1] };
        sum.forward(&a, &mut e);
        sum.repeat(&a, &mut e);
        let mean = reduce::Mean { axis: s[0], inner: s[1] };
        mean.forward(&a, &mut e);
        mean.backward(&a, &mut e, flags[0]);
        let [count, width, src_first, src_stride, dst_first, dst_stride] = s;
        let blocks = layout::Blocks { count, width, src_first, src_stride, dst_first, dst_stride };
        blocks.copy(&mut e, &a);
        layout::SwapAxes { p: s[0], a: s[1], m: s[2], b: s[3], q: s[4] }.swap(&mut e, &a, flags[0]);
    }
}
