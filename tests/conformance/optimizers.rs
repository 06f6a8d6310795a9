//! Scenario i: every optimizer on one `_weight` and one `_bias`, six updates each, and SGD under every scheduler.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use tinpail::optim::{
    AdaDelta, AdaGrad, Adam, Adamax, At, Ftrl, Nadam, Nag, Optimizer, RmsProp, RmsPropCentered,
    Scheduled, Sgd, Signum, States,
};
use tinpail::schedule::{Cosine, Factor, MultiFactor, Poly, Schedule, Start};

use super::oracle::{Tensor, assert_close, read};

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
    params: Map<String, Value>,
    scheduler: Option<String>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    weight: Tensor,
    bias: Tensor,
    state_weight: State,
    lr_used: f32,
}

/// What MXNet keeps for a parameter.
///
/// By way of a value: an untagged enum loses numbers where a crate of the workspace asks serde_json for
/// `arbitrary_precision`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "serde_json::Value")]
pub enum State {
    None,
    One(Tensor),
    Several(Vec<Option<Tensor>>),
}

impl TryFrom<serde_json::Value> for State {
    type Error = serde_json::Error;

    fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
        Ok(match value {
            serde_json::Value::Null => State::None,
            serde_json::Value::Array(_) => State::Several(serde_json::from_value(value)?),
            value => State::One(serde_json::from_value(value)?),
        })
    }
}

impl State {
    pub fn arrays(&self) -> Vec<&Tensor> {
        match self {
            State::None => Vec::new(),
            State::One(tensor) => vec![tensor],
            State::Several(tensors) => tensors.iter().flatten().collect(),
        }
    }
}

/// MXNet's `optimizer_params`. Each must be taken by someone.
pub struct Params<'j> {
    params: &'j Map<String, Value>,
    taken: Vec<&'static str>,
}

impl<'j> Params<'j> {
    pub fn new(params: &'j Map<String, Value>) -> Self {
        let taken = Vec::new();
        Params { params, taken }
    }

    pub fn get(&mut self, name: &'static str) -> Option<f32> {
        self.taken.push(name);
        let value = self.params.get(name)?;
        Some(value.as_f64().expect("a number") as f32)
    }

    pub fn or(&mut self, name: &'static str, default: f32) -> f32 {
        self.get(name).unwrap_or(default)
    }

    pub fn flag(&mut self, name: &'static str) -> bool {
        self.taken.push(name);
        self.params.get(name).is_some_and(|value| value == true)
    }

    /// Every optimizer's.
    pub fn apply<O: Optimizer>(&mut self, mut optimizer: O, rescale_grad: Option<f32>) -> O {
        let mut common = optimizer.common();
        common.learning_rate = self.or("learning_rate", common.learning_rate);
        common.wd = self.or("wd", common.wd);
        common.clip_gradient = self.get("clip_gradient");
        common.rescale_grad = self.get("rescale_grad").or(rescale_grad);
        optimizer.set_common(common);
        for name in self.params.keys() {
            assert!(self.taken.contains(&name.as_str()), "{name}: not ours");
        }
        optimizer
    }
}

/// Six updates of weight and bias, in MXNet's order.
fn check<O: Optimizer>(what: &str, scenario: &Scenario, run: &Run, mut optimizer: O) {
    assert_eq!(run.steps.len(), scenario.grads.len(), "{what}");
    assert_eq!(optimizer.check(), Ok(()), "{what}");
    let mut values = [scenario.weight0.data.clone(), scenario.bias0.data.clone()];
    let len = values[0].len();
    let kept = (optimizer.arrays() * len as u32) as usize;
    let mut states = [vec![0.0; kept], vec![0.0; kept]];
    for ((number, step), grads) in (1..).zip(&run.steps).zip(&scenario.grads) {
        let each = values.iter_mut().zip(&mut states);
        let each = each.zip([&grads.weight, &grads.bias]);
        for (((values, states), grad), wd_mult) in each.zip([1.0, 0.0]) {
            let begun = optimizer.begin(At {
                wd_mult,
                num_update: number,
                count: number,
                ..At::default()
            });
            let states = States::new(states, len);
            assert!(O::apply(&begun, values, &grad.data, states), "{what}");
        }
        let what = |of: &str| format!("{what}, update {number}, {of}");
        assert_close(&what("weight"), &values[0], &step.weight);
        assert_close(&what("bias"), &values[1], &step.bias);
        let arrays = step.state_weight.arrays();
        assert_eq!(arrays.len() * len, kept, "{}", what("states"));
        for (ours, mxnet) in states[0].chunks(len).zip(arrays) {
            assert_close(&what("state"), ours, mxnet);
        }
        let (rate, mxnet) = (optimizer.learning_rate(), step.lr_used);
        assert!(
            (rate - mxnet).abs() <= 1e-6 * mxnet + 1e-9,
            "{}",
            what("rate")
        );
    }
}

/// The schedulers of `sc_i` in `oracle.py`.
fn under_schedule(what: &str, scenario: &Scenario, run: &Run, sgd: Sgd, name: &str) {
    let start = Start::default();
    let tenth = Start {
        base_lr: 0.1,
        ..start
    };
    let warm = Start {
        warmup_steps: 3,
        warmup_begin_lr: 0.01,
        ..tenth
    };
    fn both<S: Schedule>(what: &str, scenario: &Scenario, run: &Run, sgd: Sgd, schedule: S) {
        check(what, scenario, run, Scheduled::new(sgd, schedule));
    }
    match name {
        "factor" => both(
            what,
            scenario,
            run,
            sgd,
            Factor::new(2, 0.5, start).unwrap(),
        ),
        "multifactor" => {
            let schedule = MultiFactor::new(&[2, 4], 0.1, start).unwrap();
            both(what, scenario, run, sgd, schedule);
        }
        "poly" => both(
            what,
            scenario,
            run,
            sgd,
            Poly::new(6, 2, 0.0, start).unwrap(),
        ),
        "cosine" => both(
            what,
            scenario,
            run,
            sgd,
            Cosine::new(6, 0.0, tenth).unwrap(),
        ),
        "warmup" => both(what, scenario, run, sgd, Factor::new(3, 0.5, warm).unwrap()),
        _ => panic!("{name}: not a scheduler of ours"),
    }
}

#[test]
fn every_optimizer_has_mxnets_weights_and_states() {
    let scenario: Scenario =
        serde_json::from_slice(&read("i_optimizers.json")).expect("scenario i");
    assert_eq!(scenario.runs.len(), 25);
    for (what, run) in &scenario.runs {
        let mut p = Params::new(&run.params);
        let one = Some(1.0);
        match run.optimizer.as_str() {
            "sgd" => {
                let momentum = p.or("momentum", 0.0);
                let sgd = Sgd {
                    momentum,
                    ..Sgd::default()
                };
                let sgd = p.apply(sgd, one);
                match &run.scheduler {
                    None => check(what, &scenario, run, sgd),
                    Some(name) => under_schedule(what, &scenario, run, sgd, name),
                }
            }
            "nag" => {
                let momentum = p.or("momentum", 0.0);
                let nag = Nag {
                    momentum,
                    ..Nag::default()
                };
                check(what, &scenario, run, p.apply(nag, one));
            }
            "adam" => check(what, &scenario, run, p.apply(Adam::default(), one)),
            "rmsprop" if p.flag("centered") => {
                let rmsprop = RmsPropCentered::default();
                check(what, &scenario, run, p.apply(rmsprop, one));
            }
            "rmsprop" => {
                let rmsprop = RmsProp {
                    clip_weights: p.get("clip_weights"),
                    ..RmsProp::default()
                };
                check(what, &scenario, run, p.apply(rmsprop, one));
            }
            "adagrad" => check(what, &scenario, run, p.apply(AdaGrad::default(), one)),
            "adadelta" => check(what, &scenario, run, p.apply(AdaDelta::default(), one)),
            "ftrl" => check(what, &scenario, run, p.apply(Ftrl::default(), one)),
            "adamax" => check(what, &scenario, run, p.apply(Adamax::default(), one)),
            "nadam" => check(what, &scenario, run, p.apply(Nadam::default(), one)),
            "signum" => check(what, &scenario, run, p.apply(Signum::default(), one)),
            other => panic!("{other}: not an optimizer of ours"),
        }
    }
}
