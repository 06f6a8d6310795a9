//! Buckets: what they share, and batches that do not fit them.

use std::cell::RefCell;

use regex::Regex;
use serde_json::json;
use tinpail::error::{BatchError, ForwardError, Side};
use tinpail::{Batch, Tensor};
use tinpail_host::{BindError, Memory, Monitor};
use tinpail_plan::symbol::FullyConnected;
use tinpail_plan::{Error, Net, Symbols};

use super::net::{
    B, D, Module, bind, data, declared, forward, init, initialized, of, on_batch, ready, step,
    values,
};
use super::{Absent, Differs, Recorded, Same, Table};

pub const PROBES: Table = &[
    (
        "forward_other_batch_size_reshapes",
        Differs(
            "the arena is planned for one batch size: another is refused",
            other_batch_size,
        ),
    ),
    (
        "data_shape_not_matching_bucket_key_is_reshaped",
        Differs(
            "a batch that does not fit its bucket is refused",
            shape_of_another_bucket,
        ),
    ),
    (
        "unhashable_bucket_key",
        Absent("a bucket key is a u32: one of another type does not compile"),
    ),
    (
        "bucket_key_none",
        Absent("a batch has a bucket: none does not compile"),
    ),
    ("forward_without_label_on_bound_bucket", Same(without_label)),
    (
        "forward_without_label_new_bucket",
        Differs(
            "MXNet binds the bucket without labels; here every bucket has them, and an inference need not be given any",
            without_label_new,
        ),
    ),
    ("properties_follow_current_bucket", Same(properties)),
    ("prepare_binds_then_switches_back", Same(prepare)),
    ("monitor_installed_on_buckets_bound_later", Same(monitor)),
    ("sharing_default_largest", Same(sharing)),
    ("sharing_default_smallest", Same(sharing_smallest)),
    (
        "bucket_with_param_unknown_to_default",
        Same(unknown_to_default),
    ),
    ("bucket_using_fewer_params_get_params", Same(fewer_params)),
    ("bucket_with_other_param_shape", Same(other_shape)),
    (
        "label_shape_mismatch_in_batch",
        Differs(
            "MXNet cuts a label that is too long; here it is refused",
            wrong_label,
        ),
    ),
];

/// The forward of a batch of these values in the bucket 4.
fn forward_of(values: &[f32], labels: &[u16]) -> Result<(), ForwardError> {
    let memory = Memory::new();
    let mut module = initialized(&memory);
    let (data, label) = ([Tensor::F32(values)], [Tensor::U16(labels)]);
    let batch = module.batch(4, &data).expect("a bucket").with_label(&label);
    module.core_mut().expect("initialized").forward(&batch)
}

#[track_caller]
fn refused(result: Result<(), ForwardError>, wanted: Side) {
    let Err(ForwardError::Batch(BatchError::Len { side, .. })) = result else {
        panic!("{result:?}");
    };
    assert_eq!(side, wanted);
}

fn other_batch_size(_: &Recorded) {
    refused(forward_of(&[0.5; 5 * 4 * D], &[0; 5]), Side::Data);
}

fn shape_of_another_bucket(_: &Recorded) {
    refused(forward_of(&[0.5; B * 2 * D], &[0; B]), Side::Data);
}

fn wrong_label(_: &Recorded) {
    refused(forward_of(&[0.5; B * 4 * D], &[0; 3]), Side::Label);
}

/// The shapes of the outputs of an inference without labels.
fn shapes_without_label(key: u32) -> serde_json::Value {
    let memory = Memory::new();
    let mut module = initialized(&memory);
    let values = data(key);
    let data = [Tensor::F32(&values)];
    let batch = Batch::new(module.bucket(key).expect("a bucket"), &data);
    module
        .core_mut()
        .expect("initialized")
        .forward(&batch)
        .expect("forward");
    let outputs = module.get_outputs().expect("outputs");
    json!(
        outputs
            .iter()
            .map(|(_, own)| own.shape().to_vec())
            .collect::<Vec<_>>()
    )
}

fn without_label(mxnet: &Recorded) {
    assert_eq!(shapes_without_label(4), *mxnet.result());
}

fn without_label_new(mxnet: &Recorded) {
    assert_eq!(shapes_without_label(2), mxnet.result()[1]);
    assert_eq!(mxnet.result()[0], json!(null));
}

fn properties(mxnet: &Recorded) {
    let memory = Memory::new();
    let mut module = initialized(&memory);
    let of = |module: &Module<'_>| {
        let data = module.data_shapes().expect("bound")[0].shape.clone();
        let outputs = module.output_shapes().expect("bound").iter();
        let outputs: Vec<_> = outputs.map(|own| json!([own.name, own.shape])).collect();
        vec![json!(data), json!(outputs)]
    };
    let first = of(&module);
    forward(&mut module, 2);
    let mut second = of(&module);
    let label = module.label_shapes().expect("bound")[0].shape.clone();
    second.push(json!(tinpail_plan::error::Dims(label).to_string()));
    assert_eq!(json!([first, second]), *mxnet.result());
}

fn prepare(mxnet: &Recorded) {
    let memory = Memory::new();
    let mut module = initialized(&memory);
    let before = module.bucket_key().expect("bound");
    on_batch(&mut module, 2, |module, batch| {
        module
            .core()
            .expect("initialized")
            .prepare(&batch)
            .expect("it fits");
    });
    let bound: Vec<u32> = module
        .plan_file()
        .expect("bound")
        .buckets
        .iter()
        .map(|own| own.key)
        .collect();
    let ours =
        json!({"before": before, "after": module.bucket_key().expect("bound"), "bound": bound});
    assert_eq!(ours, *mxnet.result());
}

/// The names of a bucket that the default one does not share are seen as well: a plan has all buckets.
fn monitor(mxnet: &Recorded) {
    let memory = Memory::new();
    let mut module = initialized(&memory);
    let monitor = Monitor::new(1).pattern(Regex::new(".*output").expect("a pattern"));
    let monitor = RefCell::new(monitor.sort(true));
    monitor.borrow_mut().tic();
    let (values, bucket) = (data(2), module.bucket(2).expect("a bucket"));
    let watched = module.with_monitor(&monitor, |core| {
        let data = [Tensor::F32(&values)];
        core.forward(&Batch::new(bucket, &data))
    });
    assert_eq!(watched, Ok(Ok(())));
    let mut names: Vec<String> = monitor
        .borrow_mut()
        .toc()
        .into_iter()
        .map(|stat| stat.name)
        .collect();
    names.dedup();
    assert_eq!(json!(names), *mxnet.result());
    forward(&mut module, 4);
    assert!(monitor.borrow_mut().toc().is_empty());
}

/// What a bucket learns, the other has: weights and momentum. (Data are the caller's, so no buffer of them is shared.)
fn sharing(mxnet: &Recorded) {
    for what in [
        "weight_shared",
        "grad_shared",
        "optimizer_shared",
        "updater_shared",
    ] {
        assert_eq!(mxnet.result()[what], true, "{what}");
    }
    let memory = Memory::new();
    let mut module = ready(&memory);
    let output = |module: &mut Module<'_>| {
        forward(module, 4);
        module.get_outputs().expect("outputs")[0].1.data().to_vec()
    };
    let before = output(&mut module);
    step(&mut module, 2);
    assert_ne!(output(&mut module), before);
    let momentum = |module: &Module<'_>| {
        module
            .core()
            .expect("initialized")
            .optimizer_state(0)
            .expect("momentum")
            .to_vec()
    };
    let after_two = momentum(&module);
    assert!(after_two.iter().any(|value| *value != 0.0));
    step(&mut module, 4);
    assert_ne!(momentum(&module), after_two);
}

fn sharing_smallest(mxnet: &Recorded) {
    assert_eq!(mxnet.result()["weight_shared"], true);
    let memory = Memory::new();
    let network = tinpail_host::Network::new(super::net::sym_gen, [2, 4], 2).expect("a network");
    let mut module: Module<'_> = tinpail_host::HostModule::new(&memory, network);
    module.bind(&bind()).expect("bound");
    init(&mut module);
    module
        .init_optimizer(Default::default(), false)
        .expect("an optimizer");
    assert_eq!(module.bucket_key(), Ok(2));
    let before = values(&module, "fc_weight");
    step(&mut module, 4);
    module.switch_bucket(2).expect("a bucket");
    assert_ne!(values(&module, "fc_weight"), before);
}

/// fc, and in the bucket `extra` another one added to it.
fn with_extra(steps: u32, extra: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let (data, label) = (s.variable("data"), s.variable("softmax_label"));
    let mean = s.mean("mean", data, &[1], false);
    let mut sum = s.fully_connected("fc", mean, FullyConnected::new(2));
    if steps == extra {
        let other = s.fully_connected("extra", mean, FullyConnected::new(2));
        sum = s.elemwise_add("sum", sum, other);
    }
    let softmax = s.softmax_output("softmax", sum, label, Default::default());
    Ok(declared(s.net([softmax]), steps))
}

fn unknown_to_default(mxnet: &Recorded) {
    assert_eq!(mxnet.raises(), "RuntimeError");
    let memory = Memory::new();
    let mut module = of(&memory, |steps| with_extra(steps, 2));
    let error = module.bind(&bind());
    assert!(matches!(
        error,
        Err(BindError::Plan(Error::ParameterMissing { bucket: 2, .. }))
    ));
}

fn fewer_params(mxnet: &Recorded) {
    let memory = Memory::new();
    let mut module = of(&memory, |steps| with_extra(steps, 4));
    module.bind(&bind()).expect("bound");
    init(&mut module);
    forward(&mut module, 2);
    let params = module.get_params().expect("parameters");
    let mut names: Vec<String> = params.iter().map(|entry| entry.name.clone()).collect();
    names.sort_unstable();
    assert_eq!(json!(names), *mxnet.result());
}

fn other_shape(mxnet: &Recorded) {
    assert_eq!(mxnet.raises(), "RuntimeError");
    fn sym_gen(steps: u32) -> Result<Net, Error> {
        let mut s = Symbols::new();
        let (data, label) = (s.variable("data"), s.variable("softmax_label"));
        let fc = s.fully_connected("fc", data, FullyConnected::new(2));
        let softmax = s.softmax_output("softmax", fc, label, Default::default());
        Ok(declared(s.net([softmax]), steps))
    }
    let memory = Memory::new();
    let error = of(&memory, sym_gen).bind(&bind());
    assert!(
        matches!(error, Err(BindError::Plan(Error::ParameterShape { name, .. })) if name == "fc_weight")
    );
}
