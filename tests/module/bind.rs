//! Ways to bind: for inference only, anew, without parameters.

use tinpail::error::{BindError, ForwardError, StepError};
use tinpail::init::{Pcg32, Uniform};
use tinpail::optim::Sgd;
use tinpail::{Batch, Registry, Tensor};
use tinpail_plan::Train;

use crate::net::{self, BUCKET, Module};
use crate::params::shapes;

const DATA: [Tensor<'_>; 1] = [Tensor::F32(&[0.1, 0.2, 0.3, -0.3, 0.9, -0.5])];
const LABEL: [Tensor<'_>; 1] = [Tensor::U16(&[1, 0])];

#[test]
fn for_inference_a_training_plan_refuses_to_train() {
    let file = net::plan();
    let batch = Batch::new(BUCKET, &DATA).with_label(&LABEL);
    net::bound(&file, |module| {
        assert!(module.is_for_training() && module.is_optimizer_initialized());
        assert!(!module.inputs_need_grad());
        let mut module = module.for_training(false);
        assert!(!module.is_for_training());
        let before = net::params(&module);
        let refused = StepError::Forward(ForwardError::NotForTraining);
        assert_eq!(module.train_step(&batch), Err(refused));
        assert_eq!(net::params(&module), before);
        module.forward(&batch).expect("an inference");
    });
}

#[test]
fn rebinding_keeps_the_parameters_and_nothing_else() {
    let file = net::plan();
    let batch = Batch::new(BUCKET, &DATA).with_label(&LABEL);
    net::bound(&file, |mut module| {
        module
            .init_optimizer(Sgd {
                momentum: 0.9,
                ..Sgd::default()
            })
            .expect("an optimizer");
        module.switch_bucket(BUCKET).expect("a bucket");
        module.train_step(&batch).expect("a step");
        let before = net::params(&module);
        module.rebind();
        assert_eq!(net::params(&module), before);
        assert_ne!(
            module.current_bucket(),
            BUCKET,
            "the default is the largest"
        );
        assert!(!module.is_optimizer_initialized());
        assert!(module.get_outputs(0).is_err());
        for index in 0..file.params.len() {
            if let Ok(state) = module.optimizer_state(index) {
                assert!(state.iter().all(|value| *value == 0.0));
            }
        }
    });
}

#[test]
fn without_a_blob_the_parameters_come_later() {
    let file = net::plan();
    let mut arena = vec![f32::NAN; file.plan.arena_len as usize];
    let model = Registry::<Sgd>::new(file.plan.plan());
    let mut module = Module::bind_blank_words(model, &mut arena).expect("bound");
    let batch = Batch::new(BUCKET, &DATA);
    assert_eq!(module.forward(&batch), Err(ForwardError::Poisoned));
    let mut rng = Pcg32::new(1);
    let shapes = shapes(&file);
    let rule = Uniform::default();
    module
        .init_params(&shapes, &rule, &mut rng)
        .expect("initialised");
    module.forward(&batch).expect("an inference");

    // Frozen parameters have nowhere else to come from.
    let file = net::bucketing(Train::Fused)
        .fixed_param_names(["fc1_weight"])
        .plan()
        .expect("a plan");
    let index = file.params.iter().position(|own| own.name == "fc1_weight");
    let model = Registry::<Sgd>::new(file.plan.plan());
    let mut arena = vec![0.0; file.plan.arena_len as usize];
    let error = Module::bind_blank_words(model, &mut arena).err();
    let index = index.expect("a parameter");
    assert_eq!(error, Some(BindError::Frozen { index }));
}
