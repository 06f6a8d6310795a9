//! The life cycle: what comes too early, what is ignored, what the attributes say.

use tinpail::Tensor;
use tinpail_host::module::SwitchError;
use tinpail_host::{
    Bind, BindError, GradReq, InitOptimizerError, Memory, ParamsError, Request, TooEarly,
    UnknownKey,
};

use super::common::{SGD, bind, init, module, ready, step, values};

#[test]
fn what_comes_too_early_says_what_is_missing() {
    let memory = Memory::new();
    let mut module = module(&memory);
    assert_eq!(module.data_names(), ["data"]);
    assert_eq!(module.output_names(), ["softmax_output"]);
    assert_eq!(module.data_shapes().err(), Some(TooEarly::NotBound));
    assert_eq!(module.label_shapes().err(), Some(TooEarly::NotBound));
    assert_eq!(module.output_shapes().err(), Some(TooEarly::NotBound));
    assert_eq!(module.symbol().err(), Some(TooEarly::NotBound));
    assert!(matches!(
        module.init_params(&Default::default()),
        Err(ParamsError::TooEarly(TooEarly::NotBound))
    ));
    assert_eq!(
        module.switch_bucket(2),
        Err(SwitchError::TooEarly(TooEarly::NotBound))
    );

    module.bind(&bind()).expect("bound");
    assert_eq!(module.get_params().err(), Some(TooEarly::NoParams));
    assert_eq!(module.session().err(), Some(TooEarly::NoParams));
    assert_eq!(
        module.init_optimizer(SGD, false),
        Err(InitOptimizerError::TooEarly(TooEarly::NoParams))
    );
    assert_eq!(
        module.switch_bucket(2),
        Err(SwitchError::TooEarly(TooEarly::NoParams))
    );
}

#[test]
fn attributes_follow_the_current_bucket() {
    let memory = Memory::new();
    let mut module = ready(&memory);
    let shapes = |module: &super::common::Module<'_>| {
        let data = module.data_shapes().expect("bound")[0].shape.clone();
        let output = module.output_shapes().expect("bound")[0].shape.clone();
        (
            data,
            output,
            module.label_shapes().expect("bound")[0].shape.clone(),
        )
    };
    assert_eq!(shapes(&module), (vec![2, 4, 3], vec![2, 2], vec![2]));
    module.switch_bucket(2).expect("a bucket");
    assert_eq!(shapes(&module), (vec![2, 2, 3], vec![2, 2], vec![2]));
    assert_eq!(module.bucket_key(), Ok(2));
    assert!(module.symbol().expect("bound").is_some());
    let unknown = UnknownKey {
        key: 3,
        known: vec![2, 4],
    };
    assert_eq!(
        module.switch_bucket(3),
        Err(SwitchError::Key(unknown.clone()))
    );
    assert_eq!(
        unknown.to_string(),
        "there is no bucket 3; the network has 2, 4"
    );
    assert_eq!(module.batch(3, &[]).err(), Some(unknown));
}

#[test]
fn a_second_bind_is_ignored_and_a_forced_one_keeps_the_parameters() {
    let memory = Memory::new();
    let mut module = ready(&memory);
    step(&mut module, 0);
    let before = values(&module, "fc_weight");
    let other = Bind {
        batch_size: 9,
        ..bind()
    };
    module.bind(&other).expect("ignored");
    assert_eq!(module.data_shapes().expect("bound")[0].shape, [2, 4, 3]);
    assert!(module.optimizer_initialized());

    let forced = Bind {
        force_rebind: true,
        ..other
    };
    module.bind(&forced).expect("bound");
    assert_eq!(module.data_shapes().expect("bound")[0].shape, [9, 4, 3]);
    assert_eq!(values(&module, "fc_weight"), before);
    assert!(!module.optimizer_initialized());
    let (values, label) = ([0.5; 9 * 4 * 3], [0; 9]);
    let (data, label) = ([Tensor::F32(&values)], [Tensor::U16(&label)]);
    let batch = module.batch(4, &data).expect("a bucket").with_label(&label);
    assert!(
        module
            .core_mut()
            .expect("bound")
            .train_step(&batch)
            .is_err(),
        "no optimizer"
    );
}

#[test]
fn a_second_optimizer_needs_force() {
    let memory = Memory::new();
    let (mut one, mut two) = (ready(&memory), ready(&memory));
    let mut faster = SGD;
    faster.learning_rate = 0.2;
    one.init_optimizer(faster, false).expect("ignored");
    two.init_optimizer(faster, true).expect("taken");
    step(&mut one, 0);
    step(&mut two, 0);
    let mut first = ready(&memory);
    step(&mut first, 0);
    assert_eq!(values(&one, "fc_weight"), values(&first, "fc_weight"));
    assert_ne!(values(&two, "fc_weight"), values(&first, "fc_weight"));
}

#[test]
fn gradient_requests_by_all_list_and_name() {
    let memory = Memory::new();
    let bound = |grad_req: GradReq| {
        let mut module = module(&memory);
        let bind = Bind { grad_req, ..bind() };
        module.bind(&bind).map(|()| {
            init(
                &mut module,
                &tinpail_host::Initializer::Uniform { scale: 0.5 },
            );
            module.init_optimizer(SGD, false).expect("an optimizer");
            let before = [values(&module, "fc_weight"), values(&module, "fc_bias")];
            step(&mut module, 0);
            let after = [values(&module, "fc_weight"), values(&module, "fc_bias")];
            [before[0] != after[0], before[1] != after[1]]
        })
    };
    use Request::{Add, Null, Write};
    assert_eq!(bound(GradReq::All(Write)).expect("bound"), [true, true]);
    assert_eq!(bound(GradReq::All(Null)).expect("bound"), [false, false]);
    let by_name = |name: &str, request| GradReq::Dict(vec![(name.into(), request)]);
    assert_eq!(
        bound(by_name("fc_weight", Null)).expect("bound"),
        [false, true]
    );
    // In the order of the symbol: data, fc_weight, fc_bias, softmax_label.
    assert_eq!(
        bound(GradReq::List(vec![Null, Write, Null, Null])).expect("bound"),
        [true, false]
    );
    assert!(matches!(
        bound(GradReq::List(vec![Write])),
        Err(BindError::GradReqCount {
            needed: 4,
            found: 1
        })
    ));
    assert!(matches!(
        bound(by_name("nope", Null)),
        Err(BindError::GradReqName { .. })
    ));
    assert!(matches!(
        bound(by_name("fc_weight", Add)),
        Err(BindError::GradReqMixed { .. })
    ));
    let inference = Bind {
        for_training: false,
        inputs_need_grad: true,
        ..bind()
    };
    assert!(matches!(
        module(&memory).bind(&inference),
        Err(BindError::InputsNeedGrad)
    ));
}
