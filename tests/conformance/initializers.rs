//! Scenario l: initializers. Those without chance give MXNet's values; of the others MXNet recorded the least, the largest,
//! the mean and the deviation of one draw, and ours are of the same law. Names say what MXNet's say.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tinpail::init::{
    Bilinear, Factor, InitError, Initializer, LstmBias, MsraPrelu, Normal, Orthogonal, Pcg32, Rnd,
    Role, Uniform, Xavier,
};

use super::oracle;

#[derive(Deserialize)]
struct Drawn {
    name: String,
    shape: Vec<u32>,
    min: f64,
    max: f64,
    mean: f64,
    std: f64,
    data: Option<Vec<f32>>,
    gram: Option<Vec<f64>>,
}

fn scenario() -> BTreeMap<String, Value> {
    let mut scenario: BTreeMap<String, Value> =
        serde_json::from_slice(&oracle::read("l_init_iter.json")).expect("l_init_iter.json");
    let initializers = scenario.remove("initializers").expect("initializers");
    serde_json::from_value(initializers).expect("a map")
}

fn drawn(case: &Value) -> Drawn {
    Drawn::deserialize(case).expect("a draw")
}

fn fill(rule: &dyn Initializer, shape: &[u32]) -> Vec<f32> {
    let mut values = vec![f32::NAN; shape.iter().product::<u32>() as usize];
    let filled = rule.fill(shape, &mut Pcg32::new(11), &mut values);
    filled.expect("filled");
    values
}

/// Whether both draws are of one law: mean and deviation within five standard errors of each other, and the extremes of
/// the uniform ones near the same bound.
#[track_caller]
fn same_law(name: &str, ours: &[f32], theirs: &Drawn, uniform: bool) {
    let count = ours.len() as f64;
    let mean = ours.iter().copied().map(f64::from).sum::<f64>() / count;
    let squares = ours.iter().map(|value| (f64::from(*value) - mean).powi(2));
    let std = (squares.sum::<f64>() / count).sqrt();
    let error = 5.0 * 2f64.sqrt() * theirs.std / count.sqrt();
    assert!(
        (mean - theirs.mean).abs() < error,
        "{name}: mean {mean}, MXNet's {}",
        theirs.mean
    );
    assert!(
        (std - theirs.std).abs() < error,
        "{name}: deviation {std}, MXNet's {}",
        theirs.std
    );
    if uniform {
        let largest = ours
            .iter()
            .fold(0f64, |most, value| most.max(f64::from(value.abs())));
        let bound = theirs.max.max(-theirs.min);
        // The largest of n draws is within 20 / n of the bound, but for once in e^20 times.
        assert!(
            (largest / bound - 1.0).abs() < 20.0 / count,
            "{name}: {largest}, MXNet's {bound}"
        );
    }
}

#[test]
fn every_initializer_is_mxnets() {
    let xavier = |factor_type| Xavier {
        factor_type,
        ..Xavier::default()
    };
    let mut cases = 0;
    for (name, case) in &scenario() {
        cases += 1;
        let rule: (&dyn Initializer, bool) = match name.as_str() {
            "uniform" => (&Uniform { scale: 0.1 }, true),
            "normal" => (
                &Normal {
                    sigma: 0.1,
                    ..Normal::default()
                },
                false,
            ),
            "xavier_avg" => (&xavier(Factor::Avg), true),
            "xavier_in" => (&xavier(Factor::In), true),
            "xavier_out" => (&xavier(Factor::Out), true),
            "xavier_gaussian_conv" => (
                &Xavier {
                    rnd_type: Rnd::Gaussian,
                    magnitude: 2.0,
                    ..xavier(Factor::In)
                },
                false,
            ),
            "msraprelu" => (&MsraPrelu::default(), false),
            "lstmbias" | "lstmbias_as_var_attr" | "bilinear" => {
                let theirs = drawn(case);
                let lstm = |forget_bias| LstmBias { forget_bias };
                let ours = match name.as_str() {
                    "lstmbias" => fill(&lstm(1.5), &theirs.shape),
                    "bilinear" => fill(&Bilinear, &theirs.shape),
                    _ => fill(&lstm(1.0), &theirs.shape),
                };
                assert_eq!(ours, theirs.data.expect("values"), "{name}");
                continue;
            }
            "orthogonal" => {
                let theirs = drawn(case);
                let ours = fill(&Orthogonal::default(), &theirs.shape);
                let columns = theirs.shape[1] as usize;
                let rows: Vec<&[f32]> = ours.chunks(columns).collect();
                let pairs = rows
                    .iter()
                    .flat_map(|left| rows.iter().map(move |right| (left, right)));
                for ((left, right), theirs) in pairs.zip(theirs.gram.expect("products")) {
                    let products = left.iter().zip(*right);
                    let dot: f64 = products.map(|(l, r)| f64::from(*l) * f64::from(*r)).sum();
                    assert!((dot - theirs).abs() <= 2e-5, "{dot}, MXNet's {theirs}");
                }
                continue;
            }
            "xavier_1d" => {
                assert_eq!(case["raises"], "ValueError");
                let outcome = Xavier::default().fill(&[4], &mut Pcg32::new(1), &mut [0.0; 4]);
                assert!(matches!(outcome, Err(InitError::Axes { needed: 2, .. })));
                continue;
            }
            name => {
                by_name(name, case);
                continue;
            }
        };
        let theirs = drawn(case);
        same_law(name, &fill(rule.0, &theirs.shape), &theirs, rule.1);
    }
    assert_eq!(cases, 21);
}

/// What MXNet makes of a name.
fn by_name(case_name: &str, case: &Value) {
    if case["raises"] == "ValueError" {
        let name = case_name.strip_prefix("uniform_on_").expect("a name");
        // A difference on purpose: MXNet knows running statistics only by an attribute that BatchNorm gives them.
        let expected = match name {
            "x_moving_mean" => Role::Zero,
            "x_moving_var" => Role::One,
            _ => Role::Unknown,
        };
        assert_eq!(Role::of(name), expected, "{name}");
        return;
    }
    let theirs = drawn(case);
    let expected = match (theirs.min, theirs.max) {
        (0.0, 0.0) => Role::Zero,
        (1.0, 1.0) => Role::One,
        other => panic!("{case_name}: {other:?}"),
    };
    assert_eq!(Role::of(&theirs.name), expected, "{case_name}");
}
