//! Initializers: MXNet's values where they are determined, its statistics where they are drawn (tests/golden/l_init_iter.json).

use regex::Regex;
use serde_json::Value;
use tinpail_host::Initializer;
use tinpail_host::initializer::{Distribution, Factor, InitializerError, Random};
use tinpail_plan::plan_file::Named;

use super::common::{dict, golden};

fn run(
    initializer: &Initializer,
    name: &str,
    shape: &[usize],
    attribute: Option<&str>,
) -> Result<Vec<f32>, InitializerError> {
    let own = Named {
        name: name.into(),
        shape: shape.to_vec(),
    };
    let mut values = vec![77.0; own.len()];
    initializer.init(&own, attribute, &mut Random::new(1), &mut values)?;
    Ok(values)
}

fn case(initializers: &Value, key: &str, initializer: Initializer, attribute: Option<&str>) {
    let mxnets = &initializers[key];
    let name = mxnets["name"].as_str().expect("a name");
    let shape: Vec<usize> = serde_json::from_value(mxnets["shape"].clone()).expect("a shape");
    let ours = run(&initializer, name, &shape, attribute).expect(key);
    if let Some(data) = mxnets["data"].as_array() {
        let data: Vec<f32> = data
            .iter()
            .map(|value| value.as_f64().expect("a number") as f32)
            .collect();
        assert_eq!(ours, data, "{key}");
        return;
    }
    let number = |field: &str| mxnets[field].as_f64().expect("a number");
    let len = ours.len() as f64;
    let mean = ours.iter().map(|value| f64::from(*value)).sum::<f64>() / len;
    let square = ours
        .iter()
        .map(|value| (f64::from(*value) - mean).powi(2))
        .sum::<f64>();
    let std = (square / len).sqrt();
    // Means of n numbers scatter by std / sqrt(n), standard deviations by no more than std / sqrt(n): five of each for both.
    let scatter = 10.0 * number("std") / len.sqrt();
    assert!(
        (mean - number("mean")).abs() <= scatter,
        "{key}: mean {mean}"
    );
    assert!((std - number("std")).abs() <= scatter, "{key}: std {std}");
    let largest = f64::from(ours.iter().copied().fold(f32::MIN, f32::max));
    let smallest = f64::from(ours.iter().copied().fold(f32::MAX, f32::min));
    if matches!(
        initializer,
        Initializer::Uniform { .. }
            | Initializer::Xavier {
                rnd_type: Distribution::Uniform,
                ..
            }
    ) {
        // The ends of 1,200 numbers and more lie within 2 % of the range of its ends.
        assert!(
            (largest - number("max")).abs() <= 0.02 * number("max").abs() + 1e-6,
            "{key}: max {largest}"
        );
        assert!(
            (smallest - number("min")).abs() <= 0.02 * number("min").abs() + 1e-6,
            "{key}: min {smallest}"
        );
    }
}

#[test]
fn mxnets_values_and_statistics() {
    let text = std::fs::read_to_string(golden("l_init_iter.json")).expect("the file");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let all = &file["initializers"];
    let lstm_bias = |forget_bias| Initializer::LstmBias { forget_bias };
    let uniform = |scale| Initializer::Uniform { scale };
    let xavier = |factor_type| Initializer::Xavier {
        rnd_type: Distribution::Uniform,
        factor_type,
        magnitude: 3.0,
    };
    case(all, "lstmbias", lstm_bias(1.5), None);
    case(all, "lstmbias_as_global_on_bias_name", lstm_bias(1.5), None);
    let attribute = r#"["lstmbias", {"forget_bias": 1.0}]"#;
    case(all, "lstmbias_as_var_attr", uniform(1.0), Some(attribute));
    for name in ["bias", "gamma", "beta", "min", "max"] {
        case(all, &format!("uniform_on_x_{name}"), uniform(0.1), None);
    }
    case(all, "uniform", uniform(0.1), None);
    case(all, "normal", Initializer::Normal { sigma: 0.1 }, None);
    case(all, "xavier_avg", xavier(Factor::Avg), None);
    case(all, "xavier_in", xavier(Factor::In), None);
    case(all, "xavier_out", xavier(Factor::Out), None);
    let gaussian = Initializer::Xavier {
        rnd_type: Distribution::Gaussian,
        factor_type: Factor::In,
        magnitude: 2.0,
    };
    case(all, "xavier_gaussian_conv", gaussian, None);
    case(
        all,
        "msraprelu",
        Initializer::by_name("MSRAPrelu").expect("known"),
        None,
    );
    case(all, "bilinear", Initializer::Bilinear, None);
    for (key, name, shape) in [
        ("uniform_on_x_parameters", "x_parameters", vec![4]),
        ("xavier_1d", "x_weight", vec![5]),
    ] {
        assert!(all[key]["raises"].is_string(), "{key}");
        assert!(
            run(&xavier(Factor::Avg), name, &shape, None).is_err(),
            "{key}"
        );
    }
}

/// Rows times rows are 1.414 squared on the diagonal and 0 elsewhere, as MXNet's.
#[test]
fn orthogonal_rows() {
    for (shape, across) in [(vec![4, 6], false), (vec![6, 2, 2], true)] {
        let initializer = Initializer::by_name("orthogonal").expect("known");
        let values = run(&initializer, "x_weight", &shape, None).expect("values");
        let (rows, columns) = (shape[0], values.len() / shape[0]);
        let count = rows.min(columns);
        let at = |vector: usize, place: usize| match across {
            false => f64::from(values[vector * columns + place]),
            true => f64::from(values[place * columns + vector]),
        };
        for first in 0..count {
            for second in 0..count {
                let product: f64 = (0..rows.max(columns))
                    .map(|i| at(first, i) * at(second, i))
                    .sum();
                let expected = if first == second { 1.999396 } else { 0.0 };
                assert!(
                    (product - expected).abs() < 1e-6,
                    "{first} {second}: {product}"
                );
            }
        }
    }
}

/// The one difference: moving statistics without an attribute, as networks built by hand have them.
#[test]
fn moving_statistics_have_values_of_their_own() {
    let uniform = Initializer::Uniform { scale: 0.1 };
    assert_eq!(run(&uniform, "x_moving_mean", &[2], None), Ok(vec![0.0; 2]));
    assert_eq!(run(&uniform, "x_moving_var", &[2], None), Ok(vec![1.0; 2]));
}

#[test]
fn patterns_and_loading() {
    let pattern = |text: &str| Regex::new(text).expect("a pattern");
    let mixed = Initializer::Mixed(vec![
        (pattern("^fc2"), Initializer::Constant { value: 2.0 }),
        (pattern("parameters$"), Initializer::Constant { value: 3.0 }),
        (pattern("weight"), Initializer::One),
    ]);
    assert_eq!(run(&mixed, "fc2_weight", &[1], None), Ok(vec![2.0]));
    assert_eq!(run(&mixed, "fc1_weight", &[1], None), Ok(vec![1.0]));
    assert_eq!(
        run(&mixed, "fc2_bias", &[1], None),
        Ok(vec![0.0]),
        "as in MXNet"
    );
    assert_eq!(run(&mixed, "lstm_parameters", &[1], None), Ok(vec![3.0]));
    let name = "other".to_owned();
    assert_eq!(
        run(&mixed, "other", &[1], None),
        Err(InitializerError::NoPattern { name })
    );

    let params = dict(&[("a_weight", &[2], &[5.0, 6.0])]);
    let default = Some(Box::new(Initializer::One));
    let load = Initializer::Load {
        params: params.clone(),
        default,
    };
    assert_eq!(run(&load, "a_weight", &[2], None), Ok(vec![5.0, 6.0]));
    assert_eq!(run(&load, "b_weight", &[2], None), Ok(vec![1.0, 1.0]));
    assert!(matches!(
        run(&load, "a_weight", &[3], None),
        Err(InitializerError::Shape { .. })
    ));
    let load = Initializer::Load {
        params,
        default: None,
    };
    assert!(matches!(
        run(&load, "b_weight", &[2], None),
        Err(InitializerError::NotLoaded { .. })
    ));
}
