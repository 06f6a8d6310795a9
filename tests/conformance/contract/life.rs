//! bind, and methods that come too early.

use tinpail::error::{BackwardError, ForwardError, StepError, UpdateError};
use tinpail_host::module::SwitchError;
use tinpail_host::{Bind, BindError, GradReq, InitParams, Memory, ParamsError, Request, TooEarly};

use super::net::{Module, bind, bound, initialized, on_batch, ready, unbound};
use super::{Absent, Differs, Recorded, Same, Table};

pub const PROBES: Table = &[
    ("forward_unbound", Same(forward_unbound)),
    (
        "forward_before_init_params",
        Same(forward_before_init_params),
    ),
    ("init_params_before_bind", Same(init_params_before_bind)),
    ("get_params_before_init", Same(get_params_before_init)),
    (
        "init_optimizer_before_init_params",
        Same(init_optimizer_before_init_params),
    ),
    (
        "update_before_init_optimizer",
        Same(update_before_init_optimizer),
    ),
    ("switch_unbound", Same(switch_unbound)),
    (
        "switch_new_bucket_before_init_params",
        Same(switch_before_init_params),
    ),
    ("bind_twice_is_ignored_with_warning", Same(bind_twice)),
    (
        "bind_shared_module",
        Absent("bind has no argument shared_module, which MXNet's refuses for every value"),
    ),
    (
        "bind_wrong_data_name",
        Absent(
            "bind is given no shapes: names and shapes are the network's, checked when it is made",
        ),
    ),
    (
        "bind_batch_size_mismatch_data_label",
        Absent(
            "data and labels say where their batch axis is; bind is given one batch_size for all",
        ),
    ),
    (
        "bind_not_training_inputs_need_grad",
        Same(inputs_need_grad_without_training),
    ),
    (
        "bind_bad_grad_req",
        Absent("grad_req is an enum: a value of another type does not compile"),
    ),
    ("bind_grad_req_list_wrong_len", Same(grad_req_list)),
    (
        "backward_when_bound_for_inference",
        Same(backward_for_inference),
    ),
    (
        "backward_without_forward",
        Differs(
            "MXNet computes gradients of nothing without a word; here backward is refused",
            backward_without_forward,
        ),
    ),
    (
        "backward_after_is_train_false",
        Differs(
            "MXNet's gradients are meaningless after an inference; here backward is refused",
            backward_after_inference,
        ),
    ),
    (
        "get_input_grads_without_flag",
        Same(input_grads_without_flag),
    ),
    (
        "get_outputs_before_forward",
        Differs(
            "MXNet lends garbage of the right shape; here there are no outputs before a forward",
            outputs_before_forward,
        ),
    ),
    (
        "force_rebind_keeps_params_drops_buckets",
        Same(force_rebind),
    ),
    ("update_after_force_rebind", Same(update_after_force_rebind)),
];

#[track_caller]
fn assertion(mxnet: &Recorded) {
    assert_eq!(mxnet.raises(), "AssertionError");
}

fn forward_unbound(mxnet: &Recorded) {
    assertion(mxnet);
    let memory = Memory::new();
    assert_eq!(unbound(&memory).core_mut().err(), Some(TooEarly::NotBound));
}

fn forward_before_init_params(mxnet: &Recorded) {
    assertion(mxnet);
    let memory = Memory::new();
    assert_eq!(bound(&memory).core_mut().err(), Some(TooEarly::NoParams));
}

fn init_params_before_bind(mxnet: &Recorded) {
    assertion(mxnet);
    let memory = Memory::new();
    let error = unbound(&memory).init_params(&InitParams::default());
    assert!(matches!(
        error,
        Err(ParamsError::TooEarly(TooEarly::NotBound))
    ));
}

fn get_params_before_init(mxnet: &Recorded) {
    assertion(mxnet);
    let memory = Memory::new();
    assert_eq!(bound(&memory).get_params().err(), Some(TooEarly::NoParams));
}

fn init_optimizer_before_init_params(mxnet: &Recorded) {
    assertion(mxnet);
    let memory = Memory::new();
    assert!(
        bound(&memory)
            .init_optimizer(Default::default(), false)
            .is_err()
    );
}

fn update_before_init_optimizer(mxnet: &Recorded) {
    assertion(mxnet);
    let memory = Memory::new();
    let mut module = initialized(&memory);
    let error = on_batch(&mut module, 4, |module, batch| {
        let mut session = module.session().expect("initialized");
        session.forward_backward(batch).expect("gradients");
        session.update()
    });
    assert_eq!(error, Err(UpdateError::NoOptimizer));
}

fn switch_unbound(mxnet: &Recorded) {
    assertion(mxnet);
    let memory = Memory::new();
    let error = unbound(&memory).switch_bucket(2);
    assert_eq!(error, Err(SwitchError::TooEarly(TooEarly::NotBound)));
}

fn switch_before_init_params(mxnet: &Recorded) {
    assertion(mxnet);
    let memory = Memory::new();
    let error = bound(&memory).switch_bucket(2);
    assert_eq!(error, Err(SwitchError::TooEarly(TooEarly::NoParams)));
}

fn shape(module: &Module<'_>) -> String {
    let shape = &module.data_shapes().expect("bound")[0].shape;
    tinpail_plan::error::Dims(shape.clone()).to_string()
}

fn bind_twice(mxnet: &Recorded) {
    let memory = Memory::new();
    let mut module = initialized(&memory);
    let other = Bind {
        batch_size: 9,
        ..bind()
    };
    module.bind(&other).expect("ignored");
    assert_eq!(shape(&module), *mxnet.result());
}

fn inputs_need_grad_without_training(mxnet: &Recorded) {
    assertion(mxnet);
    let memory = Memory::new();
    let asked = Bind {
        for_training: false,
        inputs_need_grad: true,
        ..bind()
    };
    assert!(matches!(
        unbound(&memory).bind(&asked),
        Err(BindError::InputsNeedGrad)
    ));
}

fn grad_req_list(mxnet: &Recorded) {
    assertion(mxnet);
    let memory = Memory::new();
    let asked = Bind {
        grad_req: GradReq::List(vec![Request::Write]),
        ..bind()
    };
    assert!(matches!(
        unbound(&memory).bind(&asked),
        Err(BindError::GradReqCount { .. })
    ));
}

fn backward_for_inference(mxnet: &Recorded) {
    assertion(mxnet);
    let memory = Memory::new();
    let mut module = unbound(&memory);
    module
        .bind(&Bind {
            for_training: false,
            ..bind()
        })
        .expect("bound");
    super::net::init(&mut module);
    let error = on_batch(&mut module, 4, |module, batch| {
        module
            .session()
            .expect("initialized")
            .forward_backward(batch)
    });
    assert_eq!(error, Err(StepError::Forward(ForwardError::NotForTraining)));
}

fn backward_without_forward(_: &Recorded) {
    let memory = Memory::new();
    let mut module = initialized(&memory);
    let error = module.session().expect("initialized").backward();
    assert_eq!(error, Err(BackwardError::NoForward));
}

fn backward_after_inference(_: &Recorded) {
    let memory = Memory::new();
    let mut module = initialized(&memory);
    let error = on_batch(&mut module, 4, |module, batch| {
        let mut session = module.session().expect("initialized");
        session.forward(batch, false).expect("forward");
        session.backward()
    });
    assert_eq!(error, Err(BackwardError::NoForward));
}

fn input_grads_without_flag(mxnet: &Recorded) {
    assertion(mxnet);
    let memory = Memory::new();
    assert!(initialized(&memory).get_input_grads().is_err());
}

fn outputs_before_forward(_: &Recorded) {
    let memory = Memory::new();
    assert!(initialized(&memory).get_outputs().is_err());
}

/// MXNet's flag on the outside stays set, that of the module inside is the one that counts; here there is one.
fn force_rebind(mxnet: &Recorded) {
    let result = mxnet.result();
    assert_eq!(result["params_kept"], true);
    assert_eq!(result["inner_optimizer_initialized"], false);
    let memory = Memory::new();
    let mut module = ready(&memory);
    let before = super::net::values(&module, "fc_weight");
    let asked = Bind {
        batch_size: 3,
        for_training: false,
        force_rebind: true,
        ..bind()
    };
    module.bind(&asked).expect("bound");
    assert_eq!(super::net::values(&module, "fc_weight"), before);
    assert_eq!(module.bucket_key(), Ok(4));
    assert!(!module.optimizer_initialized());
}

fn update_after_force_rebind(mxnet: &Recorded) {
    assertion(mxnet);
    let memory = Memory::new();
    let mut module = ready(&memory);
    module
        .bind(&Bind {
            force_rebind: true,
            ..bind()
        })
        .expect("bound");
    let error = on_batch(&mut module, 4, |module, batch| {
        module.core_mut().expect("initialized").train_step(&batch)
    });
    assert_eq!(error, Err(StepError::Update(UpdateError::NoOptimizer)));
}
