//! Learning rates against MXNet 1.9.1's: the runs of scenario i that have a scheduler, through our SGD, and
//! `tests/golden/schedules.json`, rate by rate.
//!
//! `TINPAIL_ORACLE_DIR=DIR` runs scenario i of another seed's folder, made by `tests/golden/oracle.py`.

#[path = "../conformance/oracle.rs"]
#[allow(dead_code)]
mod oracle;
mod rates;

use std::collections::BTreeMap;

use oracle::{Tensor, assert_close};
use serde::Deserialize;
use tinpail::optim::{At, Optimizer, Sgd, States};
use tinpail::schedule::{Cosine, Factor, MultiFactor, Poly, Schedule, Start};

#[derive(Deserialize)]
struct Scenario {
    weight0: Tensor,
    bias0: Tensor,
    grads: Vec<Grads>,
    runs: BTreeMap<String, Run>,
}

#[derive(Deserialize)]
struct Grads {
    weight: Tensor,
    bias: Tensor,
}

#[derive(Deserialize)]
struct Run {
    optimizer: String,
    params: Params,
    scheduler: Option<String>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Params {
    learning_rate: f32,
}

#[derive(Deserialize)]
struct Step {
    weight: Tensor,
    bias: Tensor,
    lr_used: f32,
}

/// The schedulers of `sc_i` in `oracle.py`.
fn scheduler(name: &str) -> Box<dyn Schedule> {
    let start = Start::default();
    let tenth = Start {
        base_lr: 0.1,
        ..start
    };
    match name {
        "factor" => Box::new(Factor::new(2, 0.5, start).unwrap()),
        "multifactor" => Box::new(MultiFactor::new(&[2, 4], 0.1, start).unwrap()),
        "poly" => Box::new(Poly::new(6, 2, 0.0, start).unwrap()),
        "cosine" => Box::new(Cosine::new(6, 0.0, tenth).unwrap()),
        "warmup" => {
            let start = Start {
                warmup_steps: 3,
                warmup_begin_lr: 0.01,
                ..tenth
            };
            Box::new(Factor::new(3, 0.5, start).unwrap())
        }
        _ => panic!("{name}: not a scheduler of ours"),
    }
}

#[test]
fn sgd_with_a_schedule_has_mxnets_weights() {
    let scenario: Scenario = serde_json::from_slice(&oracle::read("i_optimizers.json")).unwrap();
    let mut seen = Vec::new();
    for (name, run) in &scenario.runs {
        let Some(kind) = &run.scheduler else {
            continue;
        };
        assert_eq!(run.optimizer, "sgd", "{name}");
        assert_eq!(run.steps.len(), scenario.grads.len(), "{name}");
        let mut schedule = scheduler(kind);
        // As MXNet's optimizer does.
        schedule.set_base_lr(run.params.learning_rate);
        let (mut weight, mut bias) = (scenario.weight0.data.clone(), scenario.bias0.data.clone());
        let mut worst = 0.0f32;
        for ((num_update, step), grads) in (1..).zip(&run.steps).zip(&scenario.grads) {
            let lr = schedule.lr(num_update);
            let what = |value: &str| format!("{name}, update {num_update}, {value}");
            let difference = (lr - step.lr_used).abs();
            assert!(
                difference <= 1e-6 * step.lr_used + 1e-9,
                "{}: {} against MXNet's {}",
                what("rate"),
                lr,
                step.lr_used
            );
            let mut sgd = Sgd {
                learning_rate: lr,
                ..Sgd::default()
            };
            let begun = sgd.begin(At::default());
            let none = States::default;
            assert!(Sgd::apply(&begun, &mut weight, &grads.weight.data, none()));
            assert!(Sgd::apply(&begun, &mut bias, &grads.bias.data, none()));
            assert_close(&what("weight"), &weight, &step.weight);
            assert_close(&what("bias"), &bias, &step.bias);
            let pairs = weight.iter().zip(&step.weight.data);
            let pairs = pairs.chain(bias.iter().zip(&step.bias.data));
            worst = pairs.fold(worst, |worst, (a, b)| worst.max((a - b).abs()));
        }
        println!("{name}: weights within {worst:e}");
        seen.push(kind.as_str());
    }
    seen.sort_unstable();
    assert_eq!(seen, ["cosine", "factor", "multifactor", "poly", "warmup"]);
}
