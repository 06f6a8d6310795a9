//! Scenario a: a two-layer unrolled LSTM language model over buckets 4, 7, 10, with SGD with momentum,
//! weight decay, clipping, and ignored labels.

use tinpail::optim::Sgd;
use tinpail::{Batch, Registry, Tensor};
use tinpail_plan::{GradReq, Optimizer, ProductsKind, Train};

use super::oracle::{assert_close, scenario};
use super::session::{Module, assert_params, assert_params_file, blob, bucket, bucketing, sym_gen};

fn run(train: Train, products: ProductsKind) {
    let scenario = scenario("a_lstm_lm");
    let sym_gen = sym_gen(&scenario, |net, key| {
        net.data("data", [0, key]).label("softmax_label", [0, key])
    });
    let plan = bucketing(&scenario, sym_gen)
        .batch_size(2)
        .optimizer(Optimizer::Sgd { momentum: true })
        .train(train)
        .products(products)
        .grad_req(GradReq::Write)
        .plan()
        .expect("a plan");
    let blob = blob(&plan, &scenario.params_init);
    let mut arena = vec![0.0; plan.plan.arena_len as usize];
    let model = Registry::<Sgd>::new(plan.plan.plan());
    let mut module = Module::bind_words(model, &mut arena, blob.bytes()).expect("bound");
    module
        .init_optimizer(Sgd {
            learning_rate: 0.5,
            momentum: 0.9,
            wd: 0.01,
            clip_gradient: Some(0.05),
            ..Sgd::default()
        })
        .expect("an optimizer");
    for (number, step) in scenario.steps.iter().enumerate() {
        let what = format!("a step {number} key {}", step.bucket_key);
        let (ids, labels) = (step.data["data"].ids(), step.label["softmax_label"].ids());
        let (data, label) = ([Tensor::U16(&ids)], [Tensor::U16(&labels)]);
        let batch = Batch::new(bucket(&plan, step.bucket_key), &data).with_label(&label);
        let mut session = module.session();
        session.forward(batch, step.is_train).expect("forward");
        let outputs = session.get_outputs(0).expect("outputs");
        assert_close(
            &format!("{what} outputs"),
            outputs,
            &step.outputs["softmax_output"],
        );
        if !step.is_train {
            continue;
        }
        session.backward().expect("backward");
        if train == Train::Held {
            for (index, param) in plan.params.iter().enumerate() {
                let grad = session.get_grads(index).expect("a gradient");
                let mxnet = step.param_grads[&param.name]
                    .as_ref()
                    .expect("MXNet's gradient");
                assert_close(&format!("{what} gradient of {}", param.name), grad, mxnet);
            }
        }
        session.update().expect("update");
        // MXNet's fit reads the outputs after update.
        let outputs = session.get_outputs(0).expect("outputs after update");
        assert_close(
            &format!("{what} outputs"),
            outputs,
            &step.outputs["softmax_output"],
        );
        drop(session);
        assert_params(&what, &module, &plan, &step.params_after_update);
        for (index, param) in plan.params.iter().enumerate() {
            let momentum = module.optimizer_state(index).expect("momentum");
            let mxnet = step.optimizer_states[&param.name]
                .as_ref()
                .expect("MXNet's state");
            assert_close(
                &format!("{what} momentum of {}", param.name),
                momentum,
                mxnet,
            );
        }
    }
    assert_params_file(&scenario, &module, &plan);
}

#[test]
fn fused_update_gives_mxnets_numbers() {
    run(Train::Fused, ProductsKind::Separate);
}

#[test]
fn held_gradients_are_mxnets() {
    run(Train::Held, ProductsKind::Separate);
}

#[cfg(feature = "fma")]
#[test]
fn fused_products_give_mxnets_numbers() {
    run(Train::Held, ProductsKind::Fused);
}

#[cfg(feature = "ftz")]
#[test]
fn flushed_products_give_mxnets_numbers() {
    run(Train::Held, ProductsKind::Flushed);
}
