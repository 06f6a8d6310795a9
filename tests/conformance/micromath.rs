//! Scenario c with micromath for exp and tanh: not MXNet's numbers, but within what its errors add up to.
//! (The command enables the feature, so a test of the workspace runs this.)

use tinpail::optim::Sgd;
use tinpail::{Batch, Registry, Tensor};
use tinpail_plan::{MathKind, Optimizer, Train};

use super::oracle::scenario;
use super::session::{Module, blob, bucket, bucketing, sym_gen};

/// Five steps through sigmoids (each off by up to 5.5e-4, see `math`) and tanh (3.5e-4), then a softmax: measured
/// 3.6e-4. The bound is five times that, far above what another rounding can change and far below a wrong gate.
const BOUND: f32 = 2e-3;

#[test]
fn scenario_c_is_within_the_errors_of_micromath() {
    let scenario = scenario("c_gru_fixed");
    let sym_gen = sym_gen(&scenario, |net, key| {
        net.data("data", [0, key, 3]).label("softmax_label", [0])
    });
    let plan = bucketing(&scenario, sym_gen)
        .batch_size(3)
        .fixed_param_names(["proj_weight", "proj_bias"])
        .optimizer(Optimizer::Sgd { momentum: false })
        .train(Train::Fused)
        .math(MathKind::Micromath)
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
    let mut worst = 0f32;
    for step in &scenario.steps {
        let labels = step.label["softmax_label"].ids();
        let data = [Tensor::F32(&step.data["data"].data)];
        let label = [Tensor::U16(&labels)];
        let batch = Batch::new(bucket(&plan, step.bucket_key), &data).with_label(&label);
        let mut session = module.session();
        session.forward(batch, step.is_train).expect("forward");
        let outputs = session.get_outputs(0).expect("outputs");
        for (ours, mxnet) in outputs.iter().zip(&step.outputs["softmax_output"].data) {
            worst = worst.max((ours - mxnet).abs());
        }
        if step.is_train {
            session.backward().expect("backward");
            session.update().expect("update");
        }
    }
    assert!(worst <= BOUND, "{worst:e}");
    // Other functions were really used.
    assert!(worst > 1e-6, "{worst:e}");
}
