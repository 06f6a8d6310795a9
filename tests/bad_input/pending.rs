//! What a training step still reads cannot be changed under it, and what it left is what it says.

use tinpail::error::{AccessError, BackwardError, UpdateError};
use tinpail::{Batch, Tensor};
use tinpail_plan::Train;

use crate::common::run;
use crate::common::values::Input;
use crate::net::{self, LONG};

/// The attempts on states and parameters in the middle of a step: after forward, after backward.
fn attempts(train: Train) -> [[bool; 2]; 2] {
    let file = net::plan(train);
    let sample = net::sample(&file, LONG);
    let tensors = |inputs: &'static [Input]| -> Vec<Tensor<'static>> {
        inputs.iter().map(Input::tensor).collect()
    };
    let data = tensors(sample.data.leak());
    let label = tensors(sample.labels.leak());
    let batch = Batch::new(LONG, &data).with_label(&label);
    let mut outcomes = [[false; 2]; 2];
    run::bound(&file, &net::values(&file), |module| {
        module.init_optimizer(run::SGD).expect("an optimizer");
        let trainable = module.trainable().next().expect("a trainable parameter");
        let weights = module.get_params(trainable).expect("weights").to_vec();
        let mut session = module.session();
        session.forward(batch, true).expect("forward");
        for (moment, outcome) in outcomes.iter_mut().enumerate() {
            if moment == 1 {
                session.backward().expect("backward");
            }
            let before = run::persistent_bits(&file, &session);
            let state = session.fill_states(0.25);
            assert_eq!(session.carry_state(1, 0), state);
            let zeros = vec![0.0; file.states[0].len()];
            assert_eq!(session.set_states(0, &zeros), state);
            let param = session.set_params(trainable, &weights);
            *outcome = [state.is_ok(), param.is_ok()];
            for refused in [state, param].into_iter().filter(Result::is_err) {
                assert_eq!(refused, Err(AccessError::StepPending));
            }
            if state.is_err() && param.is_err() {
                assert_eq!(run::persistent_bits(&file, &session), before);
            }
        }
        session.update().expect("update");
        session.fill_states(0.5).expect("the step is over");
    });
    outcomes
}

#[test]
fn states_and_weights_of_a_step_are_left_alone() {
    // A fused update reads the initial states again; weights only backward does.
    assert_eq!(attempts(Train::Fused), [[false, false], [false, true]]);
    assert_eq!(attempts(Train::Held), [[false, false], [true, true]]);
}

#[test]
fn a_leaked_session_cannot_lend_its_forward_to_another_batch() {
    let file = net::plan(Train::Fused);
    let sample = net::sample(&file, LONG);
    let data: Vec<Tensor<'_>> = sample.data.iter().map(Input::tensor).collect();
    let label: Vec<Tensor<'_>> = sample.labels.iter().map(Input::tensor).collect();
    run::bound(&file, &net::values(&file), |module| {
        let batch = Batch::new(LONG, &data).with_label(&label);
        module.init_optimizer(run::SGD).expect("an optimizer");
        let mut session = module.session();
        session.forward(batch, true).expect("forward");
        let mut inner = session.session();
        inner.forward(batch, true).expect("forward");
        std::mem::forget(inner);
        assert_eq!(session.backward(), Err(BackwardError::NoForward));
        let mut inner = session.session();
        inner.forward_backward(batch).expect("a step");
        std::mem::forget(inner);
        assert_eq!(session.update(), Err(UpdateError::NoBackward));
        session.forward_backward(batch).expect("a step of its own");
        session.update().expect("updated");
    });
}

#[test]
fn a_forward_left_without_its_backward_has_outputs_but_no_input_gradients() {
    let file = net::bucketing(Train::Fused).inputs_need_grad(true).plan();
    // Tokens and lengths have no gradient, but the plain input has one.
    let file = file.expect("a plan");
    let sample = net::sample(&file, LONG);
    let data: Vec<Tensor<'_>> = sample.data.iter().map(Input::tensor).collect();
    let label: Vec<Tensor<'_>> = sample.labels.iter().map(Input::tensor).collect();
    run::bound(&file, &net::values(&file), |module| {
        let batch = Batch::new(LONG, &data).with_label(&label);
        module.session().forward(batch, true).expect("forward");
        assert!(module.get_outputs(0).is_ok());
        assert_eq!(module.get_input_grads(1), Err(AccessError::NotComputed));
        assert_eq!(module.session().update(), Err(UpdateError::NoBackward));
        module.session().forward_backward(batch).expect("a step");
        assert!(module.get_input_grads(1).is_ok());
    });
}
