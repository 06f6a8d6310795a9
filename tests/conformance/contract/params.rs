//! init_params, set_params, get_params, save_params, load_params.

use serde_json::json;
use tinpail_host::{InitParams, Initializer, Memory, ParamsError, SetParams};
use tinpail_plan::{Error, Net, Op, Symbols};

use super::net::{Module, bound, declared, dict, initialized, of, ready, step, unbound, values};
use super::{Absent, Differs, Recorded, Same, Table};

pub const PROBES: Table = &[
    ("set_params_full", Same(set_params_full)),
    ("set_params_missing", Same(set_params_missing)),
    (
        "set_params_missing_allowed",
        Same(set_params_missing_allowed),
    ),
    (
        "set_params_extra",
        Differs(
            "MXNet looks at allow_extra only with allow_missing; here an extra name is always refused without it",
            set_params_extra,
        ),
    ),
    (
        "set_params_extra_allow_missing",
        Same(set_params_extra_allow_missing),
    ),
    (
        "set_params_extra_allow_missing_allow_extra",
        Same(set_params_extra_allowed),
    ),
    (
        "set_params_force_init_false_ignored",
        Same(set_params_not_forced),
    ),
    (
        "set_params_shape_mismatch",
        Same(|mxnet| wrong_shape(mxnet, 5)),
    ),
    (
        "set_params_shape1_broadcasts",
        Same(|mxnet| wrong_shape(mxnet, 1)),
    ),
    ("init_params_missing_not_allowed", Same(init_params_missing)),
    (
        "init_params_missing_allowed_no_initializer",
        Same(init_params_missing_allowed),
    ),
    ("init_params_twice_ignored", Same(init_params_twice)),
    ("init_params_force", Same(init_params_force)),
    ("init_params_unknown_name_pattern", Same(unknown_name)),
    ("save_load_params_roundtrip", Same(save_load)),
    ("load_params_bad_prefix", Same(bad_prefix)),
    ("load_params_unbound", Same(load_unbound)),
    (
        "get_params_handles",
        Differs(
            "MXNet's dictionary changes under the caller's hands; get_params returns a copy",
            get_params_copies,
        ),
    ),
    (
        "get_params_after_switch_sees_updates",
        Same(get_params_after_switch),
    ),
    (
        "set_params_on_non_default_bucket_is_global",
        Same(set_params_is_global),
    ),
    (
        "rescale_grad_uses_current_bucket_batch_size",
        Absent(
            "the batch size is the plan's, the same in every bucket: no bucket can have another",
        ),
    ),
];

const STRICT: SetParams = SetParams {
    allow_missing: false,
    allow_extra: false,
    force_init: true,
};

/// The probes' `setp`: fc_bias becomes 7, what it was and what it is.
fn set(names: &[&str], set: SetParams) -> Result<serde_json::Value, ParamsError> {
    let memory = Memory::new();
    let mut module = initialized(&memory);
    let was = values(&module, "fc_bias");
    let weight = values(&module, "fc_weight");
    let all: [(&str, &[usize], &[f32]); 3] = [
        ("fc_weight", &[2, 3], &weight),
        ("fc_bias", &[2], &[7.0, 7.0]),
        ("zzz_weight", &[1], &[1.0]),
    ];
    let given: Vec<_> = all
        .into_iter()
        .filter(|(name, ..)| names.contains(name))
        .collect();
    module.set_params(&dict(&given), set)?;
    assert_eq!(values(&module, "fc_weight"), weight);
    let numbers = |values: Vec<f32>| values.iter().map(|value| *value as i32).collect::<Vec<_>>();
    Ok(json!({"fc_bias": numbers(values(&module, "fc_bias")), "was": numbers(was)}))
}

const FULL: [&str; 2] = ["fc_weight", "fc_bias"];
const EXTRA: [&str; 3] = ["fc_weight", "fc_bias", "zzz_weight"];

fn set_params_full(mxnet: &Recorded) {
    assert_eq!(set(&FULL, STRICT).expect("set"), *mxnet.result());
}

fn set_params_missing(mxnet: &Recorded) {
    mxnet.message_names("fc_weight");
    let error = set(&["fc_bias"], STRICT);
    assert!(matches!(error, Err(ParamsError::Missing { name, .. }) if name == "fc_weight"));
}

fn set_params_missing_allowed(mxnet: &Recorded) {
    let missing = SetParams {
        allow_missing: true,
        ..STRICT
    };
    assert_eq!(set(&["fc_bias"], missing).expect("set"), *mxnet.result());
}

fn set_params_extra(_: &Recorded) {
    let error = set(&EXTRA, STRICT);
    assert!(matches!(error, Err(ParamsError::Extra { name, .. }) if name == "zzz_weight"));
}

fn set_params_extra_allow_missing(mxnet: &Recorded) {
    mxnet.message_names("zzz_weight");
    let missing = SetParams {
        allow_missing: true,
        ..STRICT
    };
    let error = set(&EXTRA, missing);
    assert!(matches!(error, Err(ParamsError::Extra { name, .. }) if name == "zzz_weight"));
}

fn set_params_extra_allowed(mxnet: &Recorded) {
    let both = SetParams {
        allow_missing: true,
        allow_extra: true,
        ..STRICT
    };
    assert_eq!(set(&EXTRA, both).expect("set"), *mxnet.result());
}

fn set_params_not_forced(mxnet: &Recorded) {
    let ignored = SetParams {
        force_init: false,
        ..STRICT
    };
    assert_eq!(set(&FULL, ignored).expect("ignored"), *mxnet.result());
}

fn wrong_shape(mxnet: &Recorded, len: usize) {
    assert_eq!(mxnet.raises(), "MXNetError");
    let memory = Memory::new();
    let mut module = initialized(&memory);
    let given = dict(&[
        ("fc_weight", &[2, 3], &[0.0; 6]),
        ("fc_bias", &[len], &vec![1.0; len]),
    ]);
    let error = module.set_params(&given, STRICT);
    assert!(matches!(error, Err(ParamsError::Shape { name, .. }) if name == "fc_bias"));
}

const NOTHING: InitParams<'static> = InitParams {
    initializer: None,
    seed: 0,
    params: None,
    allow_missing: false,
    allow_extra: false,
    force_init: false,
};

fn init_params_missing(mxnet: &Recorded) {
    assert_eq!(mxnet.raises(), "RuntimeError");
    mxnet.message_names("is not presented");
    let (memory, empty) = (Memory::new(), dict(&[]));
    let error = bound(&memory).init_params(&InitParams {
        params: Some(&empty),
        ..NOTHING
    });
    assert!(matches!(error, Err(ParamsError::Missing { .. })));
}

fn init_params_missing_allowed(mxnet: &Recorded) {
    let (memory, empty) = (Memory::new(), dict(&[]));
    let mut module = bound(&memory);
    let init = InitParams {
        params: Some(&empty),
        allow_missing: true,
        ..NOTHING
    };
    module.init_params(&init).expect("zeros");
    assert_eq!(json!([0, 0]), *mxnet.result());
    assert_eq!(values(&module, "fc_bias"), [0.0, 0.0]);
}

fn init_params_twice(mxnet: &Recorded) {
    let memory = Memory::new();
    let mut module = initialized(&memory);
    let before = values(&module, "fc_weight");
    let one = InitParams {
        initializer: Some(&Initializer::One),
        ..NOTHING
    };
    module.init_params(&one).expect("ignored");
    assert_eq!(
        json!(values(&module, "fc_weight") == before),
        *mxnet.result()
    );
}

fn init_params_force(mxnet: &Recorded) {
    let memory = Memory::new();
    let mut module = initialized(&memory);
    let one = InitParams {
        initializer: Some(&Initializer::One),
        force_init: true,
        ..NOTHING
    };
    module.init_params(&one).expect("parameters");
    let numbers = |name| {
        values(&module, name)
            .iter()
            .map(|value| *value as i32)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        json!([numbers("fc_weight"), numbers("fc_bias")]),
        *mxnet.result()
    );
}

/// A parameter whose name ends in nothing that MXNet knows.
fn odd_name(steps: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let (data, label, odd) = (
        s.variable("data"),
        s.variable("softmax_label"),
        s.variable("oddname"),
    );
    let mean = s.mean("mean", data, &[1], false);
    let sum = s.elemwise_add("sum", mean, odd);
    let softmax = s.softmax_output("softmax", sum, label, Default::default());
    let mut net = s.net([softmax]);
    let odd = net
        .nodes
        .iter_mut()
        .find(|node| node.op == Op::Variable && node.name == "oddname");
    odd.expect("the variable").hints.shape = Some(vec![0, 3]);
    Ok(declared(net, steps))
}

fn unknown_name(mxnet: &Recorded) {
    assert_eq!(mxnet.raises(), "ValueError");
    mxnet.message_names("oddname");
    let memory = Memory::new();
    let mut module = of(&memory, odd_name);
    module.bind(&super::net::bind()).expect("bound");
    let error = module.init_params(&InitParams::default()).unwrap_err();
    assert!(matches!(error, ParamsError::Initializer(_)));
    assert!(error.to_string().contains("oddname"), "{error}");
}

fn save_load(mxnet: &Recorded) {
    let memory = Memory::new();
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("tmp.params");
    let module = initialized(&memory);
    module.save_params(&path).expect("saved");
    let mut other = bound(&memory);
    other.load_params(&path, STRICT).expect("loaded");
    assert_eq!(
        json!(values(&other, "fc_weight") == values(&module, "fc_weight")),
        *mxnet.result()
    );
}

fn bad_prefix(mxnet: &Recorded) {
    assert_eq!(mxnet.raises(), "ValueError");
    let memory = Memory::new();
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("tmp.params");
    initialized(&memory).save_params(&path).expect("saved");
    let mut bytes = std::fs::read(&path).expect("the file");
    let at = bytes
        .windows(4)
        .position(|own| own == b"arg:")
        .expect("a name");
    bytes[at..at + 4].copy_from_slice(b"foo:");
    std::fs::write(&path, bytes).expect("written");
    let mut module: Module<'_> = bound(&memory);
    assert!(module.load_params(&path, STRICT).is_err());
}

fn load_unbound(mxnet: &Recorded) {
    assert_eq!(mxnet.raises(), "AssertionError");
    let memory = Memory::new();
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("tmp.params");
    initialized(&memory).save_params(&path).expect("saved");
    assert!(unbound(&memory).load_params(&path, STRICT).is_err());
}

fn get_params_copies(_: &Recorded) {
    let memory = Memory::new();
    let mut module = ready(&memory);
    step(&mut module, 2);
    let params = module.get_params().expect("parameters");
    let before = params.arg("fc_weight").expect("there").data().to_vec();
    step(&mut module, 4);
    assert_ne!(values(&module, "fc_weight"), before);
    assert_eq!(params.arg("fc_weight").expect("there").data(), before);
}

fn get_params_after_switch(mxnet: &Recorded) {
    let memory = Memory::new();
    let mut module = ready(&memory);
    step(&mut module, 4);
    let before = values(&module, "fc_weight");
    module.switch_bucket(2).expect("a bucket");
    assert_eq!(
        json!(values(&module, "fc_weight") == before),
        *mxnet.result()
    );
}

fn set_params_is_global(mxnet: &Recorded) {
    let memory = Memory::new();
    let mut module = ready(&memory);
    super::net::forward(&mut module, 2);
    let missing = SetParams {
        allow_missing: true,
        ..STRICT
    };
    module
        .set_params(&dict(&[("fc_bias", &[2], &[5.0, 6.0])]), missing)
        .expect("set");
    super::net::forward(&mut module, 4);
    let now: Vec<i32> = values(&module, "fc_bias")
        .iter()
        .map(|value| *value as i32)
        .collect();
    assert_eq!(json!(now), *mxnet.result());
}
