//! Scenario c: a GRU classifier behind a frozen projection, with input gradients; normalization = batch and
//! rescale_grad = 1/B both apply. Buckets 2, 3, 5, batch 3.

use tinpail::optim::Sgd;
use tinpail::{Batch, Registry, Tensor};
use tinpail_plan::{Optimizer, ProductsKind, Train};

use super::oracle::{assert_close, scenario};
use super::session::{Module, assert_params, assert_params_file, blob, bucket, bucketing, sym_gen};

fn run(train: Train, products: ProductsKind) {
    let scenario = scenario("c_gru_fixed");
    let sym_gen = sym_gen(&scenario, |net, key| {
        net.data("data", [0, key, 3]).label("softmax_label", [0])
    });
    let plan = bucketing(&scenario, sym_gen)
        .batch_size(3)
        .fixed_param_names(["proj_weight", "proj_bias"])
        .inputs_need_grad(true)
        .optimizer(Optimizer::Sgd { momentum: false })
        .train(train)
        .products(products)
        .plan()
        .expect("a plan");
    let blob = blob(&plan, &scenario.params_init);
    let mut arena = vec![0.0; plan.plan.arena_len as usize];
    let model = Registry::<Sgd>::new(plan.plan.plan());
    let mut module = Module::bind_words(model, &mut arena, blob.bytes()).expect("bound");
    module
        .init_optimizer(Sgd {
            learning_rate: 0.2,
            wd: 0.05,
            ..Sgd::default()
        })
        .expect("an optimizer");
    for (number, step) in scenario.steps.iter().enumerate() {
        let what = format!("c step {number} key {}", step.bucket_key);
        let labels = step.label["softmax_label"].ids();
        let data = [Tensor::F32(&step.data["data"].data)];
        let label = [Tensor::U16(&labels)];
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
        let input_grad = session.get_input_grads(0).expect("input gradients");
        assert_close(
            &format!("{what} input gradients"),
            input_grad,
            &step.input_grads[0],
        );
        if train == Train::Held {
            for (index, param) in plan.params.iter().enumerate() {
                if let Some(mxnet) = &step.param_grads[&param.name] {
                    let grad = session.get_grads(index).expect("a gradient");
                    assert_close(&format!("{what} gradient of {}", param.name), grad, mxnet);
                } else {
                    assert!(session.get_grads(index).is_err(), "{} is fixed", param.name);
                }
            }
        }
        session.update().expect("update");
        drop(session);
        assert_params(&what, &module, &plan, &step.params_after_update);
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
