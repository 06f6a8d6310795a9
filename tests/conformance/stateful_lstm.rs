//! Scenario b: a stateful LSTM whose h and c are heads behind BlockGrad, carried by `set_states` across
//! buckets 3 and 6; normalization = valid, ignored label -1.

use tinpail::optim::Sgd;
use tinpail::{Batch, Registry, Tensor};
use tinpail_plan::{Optimizer, Train};

use super::oracle::{assert_close, scenario};
use super::session::{Module, assert_params, assert_params_file, blob, bucket, bucketing, sym_gen};

#[test]
fn states_are_carried_across_buckets_as_in_mxnet() {
    let scenario = scenario("b_stateful_lstm");
    let sym_gen = sym_gen(&scenario, |net, key| {
        net.data("data", [0, key]).label("softmax_label", [0, key])
    });
    let plan = bucketing(&scenario, sym_gen)
        .batch_size(2)
        .state_names(["state_h", "state_c"])
        .optimizer(Optimizer::Sgd { momentum: false })
        .train(Train::Fused)
        .plan()
        .expect("a plan");
    let blob = blob(&plan, &scenario.params_init);
    let mut arena = vec![0.0; plan.plan.arena_len as usize];
    let model = Registry::<Sgd>::new(plan.plan.plan());
    let mut module = Module::bind_words(model, &mut arena, blob.bytes()).expect("bound");
    module
        .init_optimizer(Sgd {
            learning_rate: 0.3,
            rescale_grad: Some(1.0),
            ..Sgd::default()
        })
        .expect("an optimizer");
    for (number, step) in scenario.steps.iter().enumerate() {
        let what = format!("b step {number} key {}", step.bucket_key);
        for (index, seen) in step.states_seen.iter().enumerate() {
            let state = module.get_states(index).expect("a state");
            assert_close(&format!("{what} state {index} before"), state, seen);
        }
        let (ids, labels) = (step.data["data"].ids(), step.label["softmax_label"].ids());
        let (data, label) = ([Tensor::U16(&ids)], [Tensor::U16(&labels)]);
        let batch = Batch::new(bucket(&plan, step.bucket_key), &data).with_label(&label);
        let mut session = module.session();
        session.forward(batch, step.is_train).expect("forward");
        for (index, head) in ["softmax_output", "h_out_output", "c_out_output"]
            .iter()
            .enumerate()
        {
            let output = session.get_outputs(index).expect("an output");
            assert_close(&format!("{what} {head}"), output, &step.outputs[*head]);
        }
        if step.is_train {
            session.backward().expect("backward");
            session.update().expect("update");
        }
        for (index, expected) in step.states_after_update_before_set.iter().enumerate() {
            let state = session.get_states(index).expect("a state");
            assert_close(
                &format!("{what} state {index} after update"),
                state,
                expected,
            );
        }
        match step.set.as_str() {
            "states=[h_out,c_out]" => {
                session.carry_state(1, 0).expect("h carried");
                session.carry_state(2, 1).expect("c carried");
            }
            "" => {}
            set => {
                let value = set
                    .strip_prefix("value=")
                    .expect("a known way to set states");
                session
                    .fill_states(value.parse().expect("a number"))
                    .expect("filled");
            }
        }
        drop(session);
        for (index, expected) in step.states_after_set.iter().enumerate() {
            let state = module.get_states(index).expect("a state");
            assert_close(&format!("{what} state {index} after set"), state, expected);
        }
        if step.is_train {
            assert_params(&what, &module, &plan, &step.params_after_update);
        }
    }
    assert_params_file(&scenario, &module, &plan);
}
