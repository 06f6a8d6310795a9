//! Pooling and norms where no network of the tests goes: values that MXNet 1.9.1 gave for these inputs.

use crate::kernel::norm::{Lrn, follow};
use crate::kernel::pooling::{Divisor, Pooling, Power};
use crate::kernel::window::Axis;
use crate::math::Math;

const FLAT: Axis = Axis {
    input: 1,
    output: 1,
    kernel: 1,
    stride: 1,
    pad: 0,
    dilate: 1,
};

/// Pooling of one row: input, output, kernel, stride, pad.
fn row([input, output, kernel, stride, pad]: [usize; 5]) -> Pooling {
    Pooling {
        height: FLAT,
        width: Axis {
            input,
            output,
            kernel,
            stride,
            pad,
            dilate: 1,
        },
    }
}

#[track_caller]
fn assert_close(ours: &[f32], mxnet: &[f32]) {
    assert_eq!(ours.len(), mxnet.len());
    for (ours, mxnet) in ours.iter().zip(mxnet) {
        // Five digits were printed.
        assert!(
            (ours - mxnet).abs() <= 1e-5 * mxnet.abs().max(1.0),
            "{ours} {mxnet}"
        );
    }
}

/// Of equal values the first has the gradient.
#[test]
fn a_tie_goes_to_the_first() {
    let pool = row([8, 3, 4, 2, 0]);
    let x = [1.0, 1.0, 0.0, 2.0, 2.0, 2.0, 0.0, 0.0];
    let (mut y, mut dx) = ([0.0; 3], [0.0; 8]);
    pool.max_forward(&x, &mut y);
    assert_eq!(y, [2.0, 2.0, 2.0]);
    pool.max_backward(&x, &[1.0; 3], &mut dx);
    assert_eq!(dx, [0.0, 0.0, 0.0, 2.0, 1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn a_window_in_the_padding() {
    let pool = row([4, 3, 2, 3, 1]);
    let x = [1.0, 2.0, 3.0, 4.0];
    let (mut y, mut dx) = ([0.0; 3], [0.0; 4]);
    pool.max_forward(&x, &mut y);
    assert_eq!(y, [1.0, 4.0, -3.402_823_5e38]);
    pool.max_backward(&x, &[1.0; 3], &mut dx);
    assert_eq!(dx, [1.0, 0.0, 0.0, 1.0]);
    pool.average_forward(&x, &mut y, Divisor::Padded);
    assert_eq!(y, [0.5, 3.5, 0.0]);
    pool.average_backward(&[1.0; 3], &mut dx, Divisor::Padded);
    assert_eq!(dx, [0.5, 0.0, 0.5, 0.5]);
    pool.lp_forward(&x, &mut y, Power::Two, Math::default());
    assert_eq!(y, [1.0, 5.0, 0.0]);
}

/// The last window holds one value, and is divided by one.
#[test]
fn a_window_that_reaches_beyond_the_end() {
    let pool = row([7, 3, 3, 3, 0]);
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    let third = 1.0 / 3.0;
    for divisor in [Divisor::Padded, Divisor::Inputs] {
        let (mut y, mut dx) = ([0.0; 3], [0.0; 7]);
        pool.average_forward(&x, &mut y, divisor);
        assert_eq!(y, [2.0, 5.0, 7.0]);
        pool.average_backward(&[1.0; 3], &mut dx, divisor);
        assert_eq!(dx, [third, third, third, third, third, third, 1.0]);
    }
}

#[test]
fn powers_keep_their_sign() {
    let pool = row([4, 2, 2, 2, 0]);
    let math = Math::default();
    let (mut y, mut dx) = ([0.0; 2], [0.0; 4]);
    let x = [1.0, -2.0, 3.0, -4.0];
    pool.lp_forward(&x, &mut y, Power::Three, math);
    assert_close(&y, &[-1.91293, -3.33222]);
    pool.lp_backward(&x, &[1.0; 2], &mut dx, Power::Three, math);
    assert_close(&dx, &[0.27328, 1.0931, 0.81054, 1.44096]);
    let x = [0.0, 0.0, 3.0, -4.0];
    pool.lp_forward(&x, &mut y, Power::Two, math);
    assert_close(&y, &[0.0, 5.0]);
    pool.lp_backward(&x, &[1.0; 2], &mut dx, Power::Two, math);
    assert_close(&dx, &[0.0, 0.0, 0.6, -0.8]);
}

/// An even `nsize` takes one channel less than the next odd one, and divides by itself.
#[test]
fn an_even_window_of_channels() {
    let (x, math) = ([1.0, 2.0, 3.0, 4.0], Math::default());
    let of = |nsize: usize| {
        let lrn = Lrn {
            channels: 4,
            inner: 1,
            nsize,
            alpha: nsize as f32,
            beta: 1.0,
            knorm: 0.0,
        };
        let (mut norm, mut y) = ([0.0; 4], [0.0; 4]);
        lrn.forward(&x, &mut norm, &mut y, math);
        norm
    };
    assert_eq!(of(2), [1.0, 4.0, 9.0, 16.0]);
    assert_eq!(of(4), [5.0, 14.0, 29.0, 25.0]);
    assert_eq!(of(4), of(3));
}

#[test]
fn moving_statistics_stay_finite() {
    let mut moving = [0.5, 0.5, 0.5];
    follow(&[f32::NAN, 1.0, f32::INFINITY], &mut moving, 0.5);
    assert_eq!(moving, [0.5, 0.75, 0.5]);
}

/// The taps of a window, one by one: those whose input is there.
#[test]
fn the_taps_that_lie_in_the_input() {
    let sizes = |max: usize| 1..=max;
    for (input, kernel) in sizes(6).flat_map(|input| sizes(4).map(move |kernel| (input, kernel))) {
        for (stride, dilate) in sizes(3).flat_map(|s| sizes(3).map(move |dilate| (s, dilate))) {
            for (pad, o) in (0..4).flat_map(|pad| (0..8).map(move |o| (pad, o))) {
                let axis = Axis {
                    input,
                    output: 8,
                    kernel,
                    stride,
                    pad,
                    dilate,
                };
                let place = |k: usize| (o * stride + k * dilate).checked_sub(pad);
                let mut seen = (0..kernel).filter(|k| place(*k).is_some_and(|at| at < input));
                let (taps, first) = axis.taps_of(o);
                assert_eq!(
                    taps.clone().collect::<std::vec::Vec<_>>(),
                    seen.by_ref().collect::<std::vec::Vec<_>>()
                );
                if let Some(tap) = taps.clone().next() {
                    assert_eq!(Some(first), place(tap));
                }
            }
        }
    }
}
