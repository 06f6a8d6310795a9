//! Initializers by their formulas. What MXNet's own drew is in the conformance test.

use tinpail::init::{
    Bilinear, Constant, Factor, InitError, Initializer, LstmBias, MsraPrelu, Normal, One,
    Orthogonal, Pcg32, Rnd, Role, Uniform, Xavier, Zero,
};

fn filled(rule: &dyn Initializer, shape: &[u32]) -> Vec<f32> {
    let len = shape.iter().product::<u32>() as usize;
    let mut values = vec![f32::NAN; len];
    let done = rule.fill(shape, &mut Pcg32::new(9), &mut values);
    done.expect("filled");
    values
}

/// Mean and deviation, in f64.
fn moments(values: &[f32]) -> (f64, f64) {
    let mean = |of: &dyn Fn(f64) -> f64| {
        let sum: f64 = values.iter().map(|value| of(f64::from(*value))).sum();
        sum / values.len() as f64
    };
    let first = mean(&|value| value);
    (first, mean(&|value| (value - first).powi(2)).sqrt())
}

#[track_caller]
fn within(values: &[f32], bound: f32, deviation: f64) {
    assert!(values.iter().all(|value| value.abs() <= bound));
    let (mean, found) = moments(values);
    // Five standard errors.
    let error = 5.0 * deviation / (values.len() as f64).sqrt();
    assert!(mean.abs() < error, "mean {mean}");
    assert!(
        (found - deviation).abs() < error,
        "deviation {found}, not {deviation}"
    );
}

#[test]
fn laws_have_their_moments() {
    let uniform = Uniform { scale: 0.3 };
    within(&filled(&uniform, &[100, 100]), 0.3, 0.3 / 3f64.sqrt());
    let normal = Normal {
        sigma: 0.2,
        ..Normal::default()
    };
    let values = filled(&normal, &[100, 100]);
    within(&values, 1.2, 0.2);
    // Of a normal law 68.27 % lie within one deviation, of a uniform one 57.7 %.
    let inside = values.iter().filter(|value| value.abs() < 0.2).count();
    assert!((6_650..7_000).contains(&inside), "{inside}");
}

#[test]
fn xavier_counts_fans_as_mxnet() {
    // (F, C, k): fan in C k = 12, fan out F k = 80.
    for (factor_type, factor) in [(Factor::In, 12.0), (Factor::Out, 80.0), (Factor::Avg, 46.0)] {
        let scale = (2.0f64 / factor).sqrt();
        let rule = |rnd_type| Xavier {
            rnd_type,
            factor_type,
            magnitude: 2.0,
            ..Xavier::default()
        };
        let values = filled(&rule(Rnd::Uniform), &[20, 3, 4]);
        within(&values, scale as f32, scale / 3f64.sqrt());
        let values = filled(&rule(Rnd::Gaussian), &[20, 3, 4]);
        within(&values, 6.0 * scale as f32, scale);
    }
    let values = filled(&MsraPrelu::default(), &[50, 30]);
    let scale = (2.0f64 / (1.0 + 0.0625) / 40.0).sqrt();
    within(&values, 6.0 * scale as f32, scale);
    let refused = Xavier::default().fill(&[4], &mut Pcg32::new(1), &mut [0.0; 4]);
    let error = InitError::Axes {
        needed: 2,
        found: 1,
    };
    assert_eq!(refused, Err(error));
    assert!(error.to_string().contains('2'));
}

#[test]
fn rows_or_columns_are_orthogonal() {
    for rand_type in [Rnd::Uniform, Rnd::Gaussian] {
        let rule = Orthogonal {
            rand_type,
            ..Orthogonal::default()
        };
        for shape in [&[8u32, 20][..], &[20, 8], &[12, 12], &[6, 2, 5], &[5]] {
            let values = filled(&rule, shape);
            let rows = shape[0] as usize;
            let columns = values.len() / rows;
            let at = |row: usize, column: usize| f64::from(values[row * columns + column]);
            let (count, len) = (rows.min(columns), rows.max(columns));
            let value = |vector, index| match rows <= columns {
                true => at(vector, index),
                false => at(index, vector),
            };
            for left in 0..count {
                for right in 0..count {
                    let products = (0..len).map(|index| value(left, index) * value(right, index));
                    let dot: f64 = products.sum();
                    let expected = if left == right { 1.414f64 * 1.414 } else { 0.0 };
                    assert!(
                        (dot - expected).abs() < 5e-6,
                        "{shape:?} {left} {right}: {dot}"
                    );
                }
            }
        }
    }
}

#[test]
fn values_without_chance_are_what_they_are() {
    assert_eq!(filled(&Zero, &[2]), [0.0, 0.0]);
    assert_eq!(filled(&One, &[2]), [1.0, 1.0]);
    assert_eq!(filled(&Constant(0.25), &[2]), [0.25, 0.25]);
    let bias = filled(&LstmBias { forget_bias: 1.5 }, &[8]);
    assert_eq!(bias, [0.0, 0.0, 1.5, 1.5, 0.0, 0.0, 0.0, 0.0]);
    let refused = LstmBias::default().fill(&[6], &mut Pcg32::new(1), &mut [0.0; 6]);
    assert_eq!(refused, Err(InitError::Multiple { of: 4, found: 6 }));
    let refused = Bilinear.fill(&[2, 2], &mut Pcg32::new(1), &mut [0.0; 4]);
    let error = InitError::Axes {
        needed: 4,
        found: 2,
    };
    assert_eq!(refused, Err(error));
    let refused = Zero.fill(&[3], &mut Pcg32::new(1), &mut [0.0; 4]);
    let error = InitError::Len {
        needed: 3,
        found: 4,
    };
    assert_eq!(refused, Err(error));
}

#[test]
fn names_say_what_a_parameter_is() {
    let roles = [
        "fc_weight",
        "fc_bias",
        "bn_gamma",
        "bn_beta",
        "bn_moving_var",
        "lstm_parameters",
    ];
    let expected = [
        Role::Weight,
        Role::Zero,
        Role::One,
        Role::Zero,
        Role::One,
        Role::Unknown,
    ];
    assert_eq!(roles.map(Role::of), expected);
}
