//! Values that are not finite: refused before the first weight moves, or poison if a sum overflows on its way.

use tinpail::error::{BackwardError, ForwardError, SaveError, StepError, UpdateError};
use tinpail::optim::Sgd;
use tinpail::{Batch, BucketIndex, Slots, Tensor};
use tinpail_plan::symbol::{Act, FullyConnected, Mode, Rnn};
use tinpail_plan::{Bucketing, Net, PlanFile, Symbols, Train};

use crate::common::rng::Rng;
use crate::common::run::{self, Module};
use crate::common::values::Persistent;
use crate::flash::Flash;

/// A layer, `act`, a layer, a squared error; or a recurrent layer and a squared error.
fn regression(act: Option<Act>, train: Train) -> PlanFile {
    let sym_gen = move |_| {
        let mut s = Symbols::new();
        let (x, label) = (s.variable("data"), s.variable("label"));
        let y = match act {
            Some(act) => {
                let y = s.fully_connected("fc1", x, FullyConnected::new(3));
                s.activation("act", y, act)
            }
            None => {
                let steps = s.reshape("steps", x, &[1, 0, 2]);
                let y = s.rnn("rnn", steps, Rnn::new(Mode::Lstm, 3), &[]);
                s.sequence_last("last", y, None, 0)
            }
        };
        let y = s.fully_connected("fc2", y, FullyConnected::new(2));
        let head = s.linear_regression_output("loss", y, label, 1.0);
        let net: Net = s.net([head]);
        Ok(net.data("data", [0, 2]).label("label", [0, 2]))
    };
    let bucketing = Bucketing::new(sym_gen).bucket_keys([1]).batch_size(2);
    bucketing.train(train).plan().expect("a plan")
}

fn values(file: &PlanFile) -> Persistent {
    Persistent::random(file, &mut Rng::new(3))
}

const GOOD: [f32; 4] = [0.5, -0.25, 1.0, 0.75];

/// A step, whose forward and backward succeed; what update says.
fn step(module: &mut Module<'_>, data: &[f32; 4], label: &[f32; 4]) -> Result<(), UpdateError> {
    let (data, label) = ([Tensor::F32(data)], [Tensor::F32(label)]);
    let batch = Batch::new(BucketIndex(0), &data).with_label(&label);
    if module.plan().train == Train::Step {
        return module.train_step(&batch).map_err(|error| match error {
            StepError::Update(error) => error,
            error => panic!("{error}"),
        });
    }
    let mut session = module.session();
    session.forward_backward(batch).expect("any numbers");
    session.update()
}

#[test]
fn an_input_or_label_that_is_not_finite_moves_no_weight() {
    let acts = [
        Some(Act::Relu),
        Some(Act::Sigmoid),
        Some(Act::Tanh),
        Some(Act::SoftRelu),
        Some(Act::SoftSign),
        None,
    ];
    for train in [Train::Fused, Train::Held] {
        for act in acts {
            let file = regression(act, train);
            run::bound(&file, &values(&file), |module| {
                for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    step(module, &GOOD, &GOOD).expect("a good step");
                    let before = run::persistent_bits(&file, module);
                    let what = format!("{train:?}, {act:?}, {bad}");
                    let mut label = GOOD;
                    label[3] = bad;
                    let outcome = step(module, &GOOD, &label);
                    assert_eq!(outcome, Err(UpdateError::NotFinite), "{what} label");
                    let mut data = GOOD;
                    data[1] = bad;
                    let outcome = step(module, &data, &GOOD);
                    assert_eq!(outcome, Err(UpdateError::NotFinite), "{what} data");
                    let after = run::persistent_bits(&file, module);
                    assert_eq!(after, before, "{what}");
                }
                step(module, &GOOD, &GOOD).expect("a good step");
            });
        }
    }
}

/// The very step of a run without the bad one.
#[test]
fn a_refused_step_leaves_no_trace() {
    for train in [Train::Fused, Train::Held] {
        let file = regression(Some(Act::Tanh), train);
        let with = |bad: bool| {
            run::bound(&file, &values(&file), |module| {
                step(module, &GOOD, &GOOD).expect("a good step");
                if bad {
                    let outcome = step(module, &[f32::NAN; 4], &GOOD);
                    assert_eq!(outcome, Err(UpdateError::NotFinite));
                }
                step(module, &GOOD, &GOOD).expect("a good step");
                run::persistent_bits(&file, module)
            })
        };
        assert_eq!(with(true), with(false));
    }
}

/// Layers nearer to the loss are updated, those from the bad one on are not.
#[test]
fn a_whole_step_refuses_layer_by_layer() {
    let file = regression(Some(Act::Tanh), Train::Step);
    run::bound(&file, &values(&file), |module| {
        step(module, &GOOD, &GOOD).expect("a good step");
        let before = run::persistent_bits(&file, module);
        let mut label = GOOD;
        label[3] = f32::NAN;
        assert_eq!(step(module, &GOOD, &label), Err(UpdateError::NotFinite));
        assert_eq!(run::persistent_bits(&file, module), before);
        assert_eq!(module.num_update(), 1);
        // The hyperbolic tangent of what is infinite is finite, so that only the first layer's input is bad.
        let mut data = GOOD;
        data[1] = f32::INFINITY;
        assert_eq!(step(module, &data, &GOOD), Err(UpdateError::Partly));
        assert_eq!(module.num_update(), 2);
        let after = run::persistent_bits(&file, module);
        for ((name, before), (_, after)) in before.iter().zip(&after) {
            assert_eq!(before != after, name.starts_with("fc2"), "{name}");
            let values = after.iter().map(|bits| f32::from_bits(*bits));
            assert!(values.into_iter().all(f32::is_finite), "{name}");
        }
        assert!(!module.is_poisoned());
        step(module, &GOOD, &GOOD).expect("a good step");
    });
}

/// An optimizer under which the first update overflows.
const OVERFLOWING: Sgd = Sgd {
    learning_rate: f32::MAX,
    rescale_grad: Some(1e30),
    clip_gradient: None,
    ..run::SGD
};

/// A module that an update has poisoned.
fn poisoned(file: &PlanFile, then: impl FnOnce(&mut Module<'_>)) {
    run::bound(file, &values(file), |module| {
        step(module, &GOOD, &GOOD).expect("a good step");
        module.init_optimizer(OVERFLOWING).expect("an optimizer");
        assert_eq!(step(module, &GOOD, &GOOD), Err(UpdateError::Overflow));
        module.init_optimizer(run::SGD).expect("an optimizer");
        then(module);
    });
}

fn plans() -> Vec<PlanFile> {
    let acts = [Some(Act::Relu), None];
    let of = |train| acts.map(|act| regression(act, train));
    [of(Train::Fused), of(Train::Held), of(Train::Step)]
        .into_iter()
        .flatten()
        .collect()
}

fn set_all(module: &mut Module<'_>, params: &[Vec<f32>]) {
    let params: Vec<&[f32]> = params.iter().map(Vec::as_slice).collect();
    module.set_all_params(&params).expect("they fit");
}

#[test]
fn an_overflow_poisons_until_all_parameters_are_set() {
    for file in plans() {
        poisoned(&file, |module| {
            let data = [Tensor::F32(&GOOD)];
            let batch = Batch::new(BucketIndex(0), &data).with_label(&data);
            assert_eq!(module.forward(&batch), Err(ForwardError::Poisoned));
            let step_error = StepError::Forward(ForwardError::Poisoned);
            assert_eq!(module.train_step(&batch), Err(step_error));
            let mut session = module.session();
            assert_eq!(session.forward(batch, true), Err(ForwardError::Poisoned));
            assert_eq!(session.backward(), Err(BackwardError::NoForward));
            assert_eq!(session.update(), Err(UpdateError::NoBackward));
            drop(session);
            assert!(module.get_outputs(0).is_err(), "outputs of what?");
            let mut flash = Flash::new(4096);
            let slots = Slots {
                first: 0,
                second: 2048,
                len: 2048,
            };
            assert_eq!(
                module.save_params(&mut flash, slots),
                Err(SaveError::Poisoned)
            );
            assert_eq!(flash.operations(), 0);
            // One parameter is not all of them.
            let params = values(&file).params;
            module.set_params(0, &params[0]).expect("it fits");
            assert_eq!(module.forward(&batch), Err(ForwardError::Poisoned));
            set_all(module, &params);
            module.forward(&batch).expect("repaired");
        });
    }
}

/// The momentum overflowed with the weights. After the repair the module trains as one newly bound.
#[test]
fn a_repaired_module_trains() {
    for file in plans() {
        let two_steps = |module: &mut Module<'_>| {
            step(module, &GOOD, &GOOD).expect("a good step");
            step(module, &GOOD, &GOOD).expect("a good step");
            run::persistent_bits(&file, module)
        };
        let newly_bound = run::bound(&file, &values(&file), two_steps);
        poisoned(&file, |module| {
            set_all(module, &values(&file).params);
            assert_eq!(two_steps(module), newly_bound);
        });
        let mut flash = Flash::new(4096);
        let slots = Slots {
            first: 0,
            second: 2048,
            len: 2048,
        };
        run::bound(&file, &values(&file), |module| {
            module.save_params(&mut flash, slots).expect("saved");
        });
        poisoned(&file, |module| {
            module.load_params(&mut flash, slots).expect("loaded");
            assert_eq!(two_steps(module), newly_bound);
        });
    }
}

/// A healthy module keeps its momentum when its parameters are set or loaded.
#[test]
fn momentum_outlives_set_and_load() {
    for file in plans() {
        run::bound(&file, &values(&file), |module| {
            step(module, &GOOD, &GOOD).expect("a good step");
            let before = run::persistent_bits(&file, module);
            let params: Vec<Vec<f32>> = (0..file.params.len())
                .map(|index| module.get_params(index).expect("a parameter").to_vec())
                .collect();
            let mut flash = Flash::new(4096);
            let slots = Slots {
                first: 0,
                second: 2048,
                len: 2048,
            };
            module.save_params(&mut flash, slots).expect("saved");
            set_all(module, &params);
            module.load_params(&mut flash, slots).expect("loaded");
            assert_eq!(run::persistent_bits(&file, module), before);
        });
    }
}
