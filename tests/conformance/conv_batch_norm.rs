//! Scenario d: convolution, BatchNorm, relu, maximum, global mean and a classifier over widths 8, 10 and 12. The moving
//! statistics are shared by the buckets, follow in backward, and are what inference takes.

use tinpail::math::Math;
use tinpail::metric::{Accuracy, Average, F1, Mcc, Metric};
use tinpail::optim::Sgd;
use tinpail::plan::ParamKind;
use tinpail::{Batch, Registry, Tensor};
use tinpail_plan::{Optimizer, ProductsKind, Train};

use super::oracle::{Step, assert_close, scenario};
use super::session::{
    Module, assert_kind, assert_params, assert_params_file, blob_with_aux, bucket, bucketing,
    sym_gen,
};

/// The scenario's metrics, each over all steps so far.
struct Metrics {
    accuracy: Accuracy,
    f1: F1,
    mcc: Mcc,
}

impl Metrics {
    fn new() -> Self {
        Metrics {
            accuracy: Accuracy::new(),
            f1: F1::new(Average::Macro),
            mcc: Mcc::new(Average::Macro, Math::default()),
        }
    }

    fn check(&mut self, what: &str, labels: &[u16], outputs: &[f32], step: &Step) {
        self.accuracy.update(labels, outputs).expect("accuracy");
        self.f1.update(labels, outputs).expect("F1");
        self.mcc.update(labels, outputs).expect("MCC");
        assert_eq!(step.metric.len(), 3, "{what}: metrics");
        for (name, mxnet) in &step.metric {
            let ours = match name.as_str() {
                "accuracy" => self.accuracy.get(),
                "f1" => self.f1.get(),
                "mcc" => self.mcc.get(),
                other => panic!("{what}: metric {other}"),
            };
            let bound = 2e-5 + 1e-5 * mxnet.abs();
            assert!(
                (ours - mxnet).abs() <= bound,
                "{what}: {name} {ours} {mxnet}"
            );
        }
    }
}

fn run(train: Train, products: ProductsKind) {
    let scenario = scenario("d_conv_bn");
    let sym_gen = sym_gen(&scenario, |net, key| {
        net.data("data", [0, 2, key]).label("softmax_label", [0])
    });
    let plan = bucketing(&scenario, sym_gen)
        .batch_size(4)
        .inputs_need_grad(true)
        .optimizer(Optimizer::Sgd { momentum: true })
        .train(train)
        .products(products)
        .plan()
        .expect("a plan");
    let blob = blob_with_aux(&plan, &scenario.params_init, &scenario.aux_init);
    let mut arena = vec![0.0; plan.plan.arena_len as usize];
    let model = Registry::<Sgd>::new(plan.plan.plan());
    let mut module = Module::bind_words(model, &mut arena, blob.bytes()).expect("bound");
    module
        .init_optimizer(Sgd {
            learning_rate: 0.1,
            momentum: 0.5,
            wd: 0.02,
            ..Sgd::default()
        })
        .expect("an optimizer");
    assert_eq!(scenario.aux_init.len(), 2);
    let aux = ParamKind::Auxiliary;
    let mut metrics = Metrics::new();
    for (number, step) in scenario.steps.iter().enumerate() {
        let what = format!("d step {number} key {}", step.bucket_key);
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
        assert_kind(
            &format!("{what} forward"),
            &session,
            &plan,
            &step.aux_after_forward,
            aux,
        );
        if !step.is_train {
            continue;
        }
        metrics.check(&what, &labels, outputs, step);
        session.backward().expect("backward");
        assert_kind(
            &format!("{what} backward"),
            &session,
            &plan,
            &step.aux_after_backward,
            aux,
        );
        let input_grad = session.get_input_grads(0).expect("input gradients");
        assert_close(
            &format!("{what} input gradients"),
            input_grad,
            &step.input_grads[0],
        );
        for (index, param) in plan.params.iter().enumerate() {
            let grad = session.get_grads(index);
            match step.param_grads.get(&param.name) {
                Some(mxnet) if train == Train::Held => {
                    let mxnet = mxnet.as_ref().expect("MXNet's gradient");
                    let grad = grad.expect("a gradient");
                    assert_close(&format!("{what} gradient of {}", param.name), grad, mxnet);
                }
                _ => assert!(grad.is_err(), "{what}: {} holds a gradient", param.name),
            }
        }
        session.update().expect("update");
        drop(session);
        assert_params(&what, &module, &plan, &step.params_after_update);
        assert_kind(&what, &module, &plan, &step.aux_after_backward, aux);
        for (index, param) in plan.params.iter().enumerate() {
            let Some(mxnet) = step.optimizer_states.get(&param.name) else {
                assert!(module.optimizer_state(index).is_err(), "{}", param.name);
                continue;
            };
            let momentum = module.optimizer_state(index).expect("momentum");
            let mxnet = mxnet.as_ref().expect("MXNet's state");
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
