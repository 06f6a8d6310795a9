use super::{Values, assert_close, bits, config, gradient, wide};
use crate::kernel::activation::{self, Act};
use crate::kernel::dropout;
use crate::kernel::regression::linear_backward;
use crate::kernel::softmax::{Loss, Normalization, Softmax, backward_prob};
use crate::math::Math;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

fn naive_softmax(x: &[f64]) -> Vec<f64> {
    let sum: f64 = x.iter().map(|x| x.exp()).sum();
    x.iter().map(|x| x.exp() / sum).collect()
}

fn naive_act(act: Act, x: f64) -> f64 {
    match act {
        Act::Relu => x.max(0.0),
        Act::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Act::Tanh => x.tanh(),
        Act::Softrelu => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Act::Softsign => x / (1.0 + x.abs()),
    }
}

fn acts() -> impl Iterator<Item = Act> {
    (0..5).filter_map(Act::from_u32)
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn softmax_and_its_gradient(m in 1..4usize, c in 2..7usize, i in 1..4usize, seed: u64) {
        let mut v = Values(seed);
        let math = Math::default();
        let x: Vec<f32> = v.floats(m * c * i).iter().map(|x| x * 8.0).collect();
        let labels = v.ints(m * i, c);
        let shape = Softmax { classes: c, inner: i };
        let mut p = x.clone();
        shape.forward(&mut p, math);
        let mut dx = p.clone();
        let loss = Loss { grad_scale: i as f32, ..Loss::default() };
        shape.backward(&labels, &mut dx, loss);
        for outer in 0..m {
            for inner in 0..i {
                let at = |class: usize| (outer * c + class) * i + inner;
                let column: Vec<f32> = (0..c).map(|class| x[at(class)]).collect();
                let label = usize::from(labels[outer * i + inner]);

                // In f32, in order: the same bits.
                let max = column.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let mut sum = 0.0;
                for x in &column {
                    sum += math.exp(x - max);
                }
                let twin: Vec<f32> = column.iter().map(|x| math.exp(x - max) / sum).collect();
                let ours: Vec<f32> = (0..c).map(|class| p[at(class)]).collect();
                prop_assert_eq!(bits(&ours), bits(&twin));

                let tolerance = if cfg!(feature = "libm") { 1e-6 } else { 5e-3 };
                assert_close(&ours, &naive_softmax(&wide(&column)), tolerance, "p");
                let ours: Vec<f32> = (0..c).map(|class| dx[at(class)]).collect();
                let expected = gradient(&column, |x| -naive_softmax(x)[label].ln());
                assert_close(&ours, &expected, tolerance, "dx");
            }
        }
    }

    #[test]
    fn the_loss_follows_its_attributes(
        m in 1..5usize, c in 1..6usize, i in 1..4usize, rule in 0..3u32, use_ignore: bool, ignore in 0..6u16,
        alpha in prop_oneof![Just(0.0f32), Just(0.1)], seed: u64,
    ) {
        let mut v = Values(seed);
        let (p, labels) = (v.floats(m * c * i), v.ints(m * i, c));
        let normalization = Normalization::from_u32(rule).unwrap();
        let loss = Loss { grad_scale: 1.5, ignore_label: ignore, use_ignore, smooth_alpha: alpha, normalization };
        let mut dx = p.clone();
        Softmax { classes: c, inner: i }.backward(&labels, &mut dx, loss);
        let valid = labels.iter().filter(|label| **label != ignore).count();
        let n = [i, m * i, valid.max(1)][rule as usize];
        let scale = 1.5 / n as f32;
        for outer in 0..m {
            for class in 0..c {
                for inner in 0..i {
                    let at = (outer * c + class) * i + inner;
                    let label = labels[outer * i + inner];
                    let target = match usize::from(label) == class {
                        true => 1.0 - alpha,
                        false => alpha / (c - 1) as f32,
                    };
                    let expected = if use_ignore && label == ignore { 0.0 } else { (p[at] - target) * scale };
                    prop_assert_eq!(dx[at].to_bits(), expected.to_bits());
                }
            }
        }
    }

    #[test]
    fn activations_and_their_gradients(scale in prop_oneof![Just(0.01f32), Just(1.0), Just(20.0)], seed: u64) {
        let mut v = Values(seed);
        let x: Vec<f32> = v.floats(16).iter().map(|x| x * scale).collect();
        let dy = v.floats(16);
        // micromath's errors are those of `math`; here it is the formulas that count.
        let tolerance = if cfg!(feature = "libm") { 2e-6 } else { 1e-2 };
        for act in acts() {
            let (mut y, mut dx) = (x.clone(), dy.clone());
            activation::forward(&mut y, act, Math::default());
            activation::backward(&y, &mut dx, act, Math::default());
            let expected: Vec<f64> = wide(&x).iter().map(|x| naive_act(act, *x)).collect();
            assert_close(&y, &expected, tolerance, "y");
            let loss = |x: &[f64]| x.iter().zip(&dy).map(|(x, dy)| naive_act(act, *x) * f64::from(*dy)).sum();
            assert_close(&dx, &gradient(&x, loss), tolerance, "dx");
        }
    }

    #[test]
    fn dropout_has_one_mask_for_both_ways(seed: u32, stream: u32, p in 0.0..1.0f32) {
        let (mut y, mut dy) = (vec![1.0; 4000], vec![3.0; 4000]);
        dropout::apply(&mut y, seed, stream, p);
        dropout::apply(&mut dy, seed, stream, p);
        let scale = 1.0 / (1.0 - p);
        for (y, dy) in y.iter().zip(&dy) {
            prop_assert!((*y == 0.0 && *dy == 0.0) || (*y == scale && *dy == 3.0 * scale));
        }
        let kept = y.iter().filter(|y| **y != 0.0).count() as f32 / 4000.0;
        // Five standard deviations.
        prop_assert!((kept - (1.0 - p)).abs() <= 5.0 * (p * (1.0 - p) / 4000.0).sqrt() + 1e-3, "{}", kept);
        // Another stream, another step: other masks, and no relation to this one.
        for (seed, stream) in [(seed, stream ^ 1), (seed ^ 1, stream), (seed.wrapping_add(7), stream)] {
            let mut other = vec![1.0; 4000];
            dropout::apply(&mut other, seed, stream, 0.5);
            let mut half = vec![1.0; 4000];
            dropout::apply(&mut half, seed ^ 0x55, stream, 0.5);
            let same = other.iter().zip(&half).filter(|(a, b)| a == b).count();
            prop_assert!((1800..2200).contains(&same), "{}", same);
        }
    }
}

#[test]
fn activations_at_the_ends() {
    for act in acts() {
        let mut y = [-1e30, -200.0, 200.0, 1e30, f32::NAN];
        activation::forward(&mut y, act, Math::default());
        assert!(y[..4].iter().all(|y| y.is_finite()), "{act:?}: {y:?}");
        assert!(y[4].is_nan(), "{act:?}: {y:?}");
        let mut dy = [1.0; 5];
        activation::backward(&y, &mut dy, act, Math::default());
        assert!(dy[..4].iter().all(|dy| dy.is_finite()), "{act:?}: {dy:?}");
    }
}

/// ReLU goes by the bits: beside every end of its ranges it does what comparing the values does.
#[test]
fn relu_at_the_ends() {
    let ends = [
        0.0,
        1.0,
        f32::MAX,
        f32::INFINITY,
        f32::NAN,
        -0.0,
        -1.0,
        f32::MIN,
        f32::NEG_INFINITY,
        -f32::NAN,
    ];
    let around =
        |value: f32| [-1, 0, 1].map(|by| f32::from_bits(value.to_bits().wrapping_add_signed(by)));
    for x in ends.into_iter().flat_map(around) {
        let (mut y, mut dy) = ([x], [-3.0f32]);
        activation::backward(&y, &mut dy, Act::Relu, Math::default());
        assert_eq!(
            dy[0].to_bits(),
            if x > 0.0 { -3.0f32 } else { -0.0 }.to_bits(),
            "{x:e}"
        );
        activation::forward(&mut y, Act::Relu, Math::default());
        assert_eq!(
            y[0].to_bits(),
            if x <= 0.0 { 0.0 } else { x }.to_bits(),
            "{x:e}"
        );
    }
}

/// Far below zero softrelu is e^x and so is its gradient: no digits are lost to the 1.
#[test]
#[cfg(feature = "libm")]
fn softrelu_is_precise_where_it_is_small() {
    for x in [-30.0f32, -15.0, -8.0, -5.0, -4.2] {
        let (mut y, mut dy) = ([x], [1.0]);
        activation::forward(&mut y, Act::Softrelu, Math::Libm);
        activation::backward(&y, &mut dy, Act::Softrelu, Math::Libm);
        let exact = f64::from(x).exp();
        assert!(
            (f64::from(y[0]) / exact.ln_1p() - 1.0).abs() < 3e-6,
            "{x}: {y:?}"
        );
        assert!(
            (f64::from(dy[0]) / (exact / (1.0 + exact)) - 1.0).abs() < 4e-6,
            "{x}: {dy:?}"
        );
    }
}

#[test]
fn softmax_of_large_values_is_finite() {
    let mut y = [1000.0, 1000.0, -1000.0];
    Softmax {
        classes: 3,
        inner: 1,
    }
    .forward(&mut y, Math::default());
    assert_eq!(y, [0.5, 0.5, 0.0]);
}

#[test]
fn all_labels_ignored() {
    let loss = Loss {
        ignore_label: 1,
        use_ignore: true,
        normalization: Normalization::Valid,
        ..Loss::default()
    };
    let mut dx = [0.5; 4];
    Softmax {
        classes: 2,
        inner: 1,
    }
    .backward(&[1, 1], &mut dx, loss);
    assert_eq!(dx, [0.0; 4]);
}

#[test]
fn labels_that_are_numbers() {
    let mut dx = [0.25, 0.75];
    backward_prob(&[0.5, 0.5], &mut dx, 2.0);
    assert_eq!(dx, [-0.5, 0.5]);
    let mut dx = [3.0, 1.0];
    linear_backward(&[1.0, 2.0], &mut dx, 0.5);
    assert_eq!(dx, [1.0, -0.5]);
}

#[test]
fn dropout_at_its_ends() {
    let mut y = [1.0, -2.0];
    dropout::apply(&mut y, 1, 2, 0.0);
    assert_eq!(y, [1.0, -2.0]);
    dropout::apply(&mut y, 1, 2, 1.0);
    assert_eq!(y, [0.0, 0.0]);
}
