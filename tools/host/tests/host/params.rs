//! init_params and set_params: what is missing, what is extra, what is forced.

use tinpail_host::{Bind, InitParams, Initializer, Memory, ParamsError, SetParams};

use super::common::{Module, bind, dict, golden, init, module, ready, values};

fn set(module: &mut Module<'_>, names: &[&str], set: SetParams) -> Result<(), ParamsError> {
    let all: [(&str, &[usize], &[f32]); 4] = [
        ("fc_weight", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ("fc_bias", &[2], &[7.0, 7.0]),
        ("zzz_weight", &[1], &[1.0]),
        ("fc_bias ", &[5], &[1.0; 5]),
    ];
    let given: Vec<_> = all
        .into_iter()
        .filter(|(name, ..)| names.contains(name))
        .collect();
    module.set_params(&dict(&given), set)
}

#[test]
fn missing_and_extra_parameters() {
    let memory = Memory::new();
    let strict = SetParams::default();
    let missing = SetParams {
        allow_missing: true,
        ..strict
    };
    let extra = SetParams {
        allow_extra: true,
        ..strict
    };
    let mut module = ready(&memory);
    let weight = values(&module, "fc_weight");
    let error = set(&mut module, &["fc_bias"], strict).unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter fc_weight is not given; there are fc_bias"
    );
    let all = ["fc_weight", "fc_bias", "zzz_weight"];
    let error = set(&mut module, &all, missing).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the network has no parameter zzz_weight; it has fc_weight, fc_bias"
    );
    assert_eq!(
        values(&module, "fc_bias"),
        [0.0, 0.0],
        "nothing was changed"
    );
    set(&mut module, &["fc_bias"], missing).expect("set");
    assert_eq!(values(&module, "fc_bias"), [7.0, 7.0]);
    assert_eq!(values(&module, "fc_weight"), weight, "kept");
    set(&mut module, &all, extra).expect("set");
    assert_eq!(values(&module, "fc_weight"), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);

    let wrong = dict(&[("fc_weight", &[2, 3], &[0.0; 6]), ("fc_bias", &[1], &[1.0])]);
    let error = module.set_params(&wrong, strict).unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter fc_bias has shape [2], the one given [1]"
    );
    let nan = dict(&[
        ("fc_weight", &[2, 3], &[0.0; 6]),
        ("fc_bias", &[2], &[1.0, f32::NAN]),
    ]);
    let error = module.set_params(&nan, strict).unwrap_err();
    assert_eq!(error.to_string(), "parameter fc_bias: element 1 is NaN");
    assert_eq!(values(&module, "fc_bias"), [7.0, 7.0]);

    let ignored = SetParams {
        force_init: false,
        ..strict
    };
    set(&mut module, &["fc_weight"], ignored).expect("ignored, with a warning");
    assert_eq!(values(&module, "fc_bias"), [7.0, 7.0]);
}

#[test]
fn initial_values() {
    let memory = Memory::new();
    let fresh = || {
        let mut module = module(&memory);
        module.bind(&bind()).expect("bound");
        module
    };
    let none = InitParams {
        initializer: None,
        ..InitParams::default()
    };
    let given = dict(&[]);
    let mut module = fresh();
    let strict = InitParams {
        params: Some(&given),
        ..none
    };
    assert!(
        matches!(module.init_params(&strict), Err(ParamsError::Missing { name, .. }) if name == "fc_weight")
    );
    assert!(!module.params_initialized());
    module
        .init_params(&InitParams {
            allow_missing: true,
            ..strict
        })
        .expect("zeros");
    assert_eq!(values(&module, "fc_weight"), [0.0; 6]);

    let given = dict(&[("fc_bias", &[2], &[3.0, 4.0])]);
    let mut module = fresh();
    let half = InitParams {
        initializer: Some(&Initializer::One),
        params: Some(&given),
        allow_missing: true,
        ..none
    };
    module.init_params(&half).expect("parameters");
    assert_eq!(values(&module, "fc_weight"), [1.0; 6]);
    assert_eq!(values(&module, "fc_bias"), [3.0, 4.0]);
    init(&mut module, &Initializer::Zero);
    assert_eq!(
        values(&module, "fc_weight"),
        [1.0; 6],
        "a second time is ignored"
    );
    let force = InitParams {
        force_init: true,
        initializer: Some(&Initializer::One),
        ..InitParams::default()
    };
    module.init_params(&force).expect("parameters");
    assert_eq!(
        values(&module, "fc_bias"),
        [0.0; 2],
        "One is for weights; a bias is 0"
    );
}

/// Parameters that lie in flash are set by binding them anew; momentum and states stay.
#[test]
fn fixed_parameters_can_be_set() {
    let memory = Memory::new();
    let network = super::common::network()
        .fixed_param_names(["fc_bias"])
        .expect("a network");
    let mut module: Module<'_> = tinpail_host::HostModule::new(&memory, network);
    module
        .bind(&Bind {
            batch_size: 2,
            ..Bind::default()
        })
        .expect("bound");
    init(&mut module, &Initializer::Uniform { scale: 0.5 });
    module
        .init_optimizer(super::common::SGD, false)
        .expect("an optimizer");
    super::common::step(&mut module, 0);
    let momentum = module
        .core()
        .expect("bound")
        .optimizer_state(0)
        .expect("momentum")
        .to_vec();
    assert!(momentum.iter().any(|value| *value != 0.0));
    let missing = SetParams {
        allow_missing: true,
        ..SetParams::default()
    };
    set(&mut module, &["fc_bias"], missing).expect("set");
    assert_eq!(values(&module, "fc_bias"), [7.0, 7.0]);
    assert_eq!(
        module.core().expect("bound").optimizer_state(0),
        Ok(&momentum[..])
    );
    super::common::step(&mut module, 1);
    assert_eq!(values(&module, "fc_bias"), [7.0, 7.0], "fixed");
}

#[test]
fn files() {
    let memory = Memory::new();
    let mut module = ready(&memory);
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("x.params");
    module.save_params(&path).expect("saved");
    let mut other = ready(&memory);
    set(&mut other, &["fc_weight", "fc_bias"], SetParams::default()).expect("set");
    other
        .load_params(&path, SetParams::default())
        .expect("loaded");
    assert_eq!(values(&other, "fc_weight"), values(&module, "fc_weight"));
    let error = module.load_params(golden("a_lstm_lm/model-0001.params"), SetParams::default());
    assert!(
        error
            .unwrap_err()
            .to_string()
            .starts_with("parameter fc_weight is not given")
    );
    let mut unbound = super::common::module(&memory);
    assert!(unbound.load_params(&path, SetParams::default()).is_err());
}
