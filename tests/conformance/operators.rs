//! Scenario j: every operator case, its outputs and all its gradients on the executor against MXNet's numbers, and the
//! gradients also against finite differences of the f64 interpreter.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tinpail::plan::{Port, PortKind};
use tinpail_interp::{Mode, numeric_grads};
use tinpail_plan::{Bucketing, Error, Net, PlanFile, Train};

use crate::common::operators::{DIFFERENT, GRADIENT_DIFFERS, is_different, net};
use crate::common::values::{Input, Persistent, Sample};
use crate::common::{run, twin};
use crate::oracle::{self, Tensor, Tensors, assert_close};

/// What MXNet recorded of a case, besides its attributes.
#[derive(Debug, Deserialize)]
struct Recorded {
    args: Tensors,
    #[serde(default)]
    aux: Tensors,
    #[serde(default)]
    aux_after_backward: Tensors,
    outputs_infer: Vec<Tensor>,
    /// Empty where MXNet was run for inference alone, and so the next two.
    #[serde(default)]
    outputs_train: Vec<Tensor>,
    #[serde(default)]
    head_grads: Vec<Tensor>,
    #[serde(default)]
    grads: BTreeMap<String, Option<Tensor>>,
}

impl Recorded {
    fn argument(&self, name: &str) -> &Tensor {
        let found = self.args.get(name).or_else(|| self.aux.get(name));
        found.unwrap_or_else(|| panic!("no argument {name}"))
    }

    /// The gradients that MXNet gives, by argument.
    fn wanted(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        let grads = self.grads.iter();
        grads.filter_map(|(name, grad)| Some((name.as_str(), grad.as_ref()?)))
    }
}

/// The cases of a file of this form: the oracle's, or one beside it.
pub fn read_cases(bytes: &[u8]) -> BTreeMap<String, Value> {
    #[derive(Deserialize)]
    struct File {
        cases: BTreeMap<String, Value>,
    }
    let file: File = serde_json::from_slice(bytes).expect("a file of cases");
    file.cases
}

fn cases() -> BTreeMap<String, Value> {
    read_cases(&oracle::read("j_ops.json"))
}

fn plan(net: &Net, recorded: &Recorded, batch_size: usize) -> PlanFile {
    let is_data = |name: &str| net.data.iter().any(|desc| desc.name == name);
    let inputs_need_grad = recorded.wanted().any(|(name, _)| is_data(name));
    Bucketing::new(|_| Ok::<_, Error>(net.clone()))
        .bucket_keys([1])
        .batch_size(batch_size)
        .train(match recorded.outputs_train.is_empty() {
            true => Train::None,
            false => Train::Held,
        })
        .inputs_need_grad(inputs_need_grad)
        .plan()
        .expect("a plan")
}

/// A data or label argument as the device takes it. Ids are clamped, as MXNet's Embedding does on its own: on the
/// device the caller does that, and others are refused.
fn input(port: &Port, tensor: &Tensor) -> Input {
    match port.kind {
        PortKind::F32 => Input::F32(tensor.data.clone()),
        PortKind::U16 { min, max, .. } => {
            let id = |value: &f32| (*value as i32).clamp(min.into(), max.into()) as u16;
            Input::U16(tensor.data.iter().map(id).collect())
        }
    }
}

fn sample(file: &PlanFile, net: &Net, recorded: &Recorded) -> Sample {
    let plan = file.plan.plan();
    let bucket = &plan.buckets[0];
    let inputs = |ports: &[Port], descs: &[tinpail_plan::symbol::DataDesc]| {
        let pairs = ports.iter().zip(descs);
        let pairs = pairs.map(|(port, desc)| input(port, &recorded.args[&desc.name]));
        pairs.collect::<Vec<Input>>()
    };
    let taken = plan.program(bucket.train).head_grads.of(plan.ports).len();
    assert!(
        taken == 0 || taken == recorded.head_grads.len(),
        "{taken} heads take a gradient"
    );
    let head_grads = recorded.head_grads.iter().take(taken);
    Sample {
        bucket: 0,
        data: inputs(bucket.data.of(plan.ports), &net.data),
        labels: inputs(bucket.labels.of(plan.ports), &net.labels),
        head_grads: head_grads.map(|grad| grad.data.clone()).collect(),
    }
}

fn in_f64(tensor: &Tensor) -> tinpail_interp::Tensor {
    tinpail_interp::Tensor::from_f32(tensor.shape.clone(), &tensor.data)
}

/// One row: inference, training forward, and every gradient.
pub fn check(name: &str, net: &Net, case: Value, batch_size: usize) {
    let recorded: Recorded = serde_json::from_value(case).expect("a case");
    let file = plan(net, &recorded, batch_size);
    let params = file.params.iter().map(|own| {
        let tensor = recorded.argument(&own.name);
        assert_eq!(own.shape, tensor.shape, "{name}: {}", own.name);
        tensor.data.clone()
    });
    let values = Persistent {
        params: params.collect(),
        states: Vec::new(),
    };
    let sample = sample(&file, net, &recorded);
    let trained = !recorded.outputs_train.is_empty();
    let (infer, step, after) = run::bound(&file, &values, |module| {
        let infer = run::infer(&file, module, &sample);
        let step = trained.then(|| run::train(&file, module, &sample, false));
        let value = |index| module.get_params(index).expect("a parameter").to_vec();
        let after: Vec<_> = (0..file.params.len()).map(value).collect();
        (infer, step.unwrap_or_default(), after)
    });
    for (own, after) in file.params.iter().zip(&after) {
        if let Some(mxnet) = recorded.aux_after_backward.get(&own.name) {
            assert_close(
                &format!("{name}, {} after backward", own.name),
                after,
                mxnet,
            );
        }
    }
    for (mode, ours, mxnet) in [
        ("inference", &infer.outputs, &recorded.outputs_infer),
        ("training", &step.outputs, &recorded.outputs_train),
    ] {
        assert_eq!(ours.len(), mxnet.len(), "{name}: heads");
        for (head, (ours, mxnet)) in ours.iter().zip(mxnet).enumerate() {
            assert_close(&format!("{name}, {mode}, head {head}"), ours, mxnet);
        }
    }

    if !trained {
        return;
    }
    let ours = |argument: &str| -> &[f32] {
        let data = net.data.iter().position(|desc| desc.name == argument);
        let param = file.params.iter().position(|own| own.name == argument);
        match (data, param) {
            (Some(port), _) => &step.input_grads[port],
            (_, Some(index)) => step.grads[index].as_deref().expect("a held gradient"),
            _ => panic!("{name}: no gradient of {argument}"),
        }
    };
    let args = recorded.args.iter().chain(&recorded.aux);
    let args = args
        .map(|(name, tensor)| (name.clone(), in_f64(tensor)))
        .collect();
    let masks = tinpail_interp::Tensors::new();
    let heads = twin::forward(net, &args, Some(&masks));
    let heads: Vec<_> = (heads.iter().zip(&recorded.head_grads))
        .map(|(head, grad)| tinpail_interp::Tensor::from_f32(head.shape.clone(), &grad.data))
        .collect();
    let wanted: Vec<&str> = recorded.wanted().map(|(argument, _)| argument).collect();
    assert!(!wanted.is_empty(), "{name}: no gradients");
    let differences = numeric_grads(net, &args, &wanted, Mode::Train { masks: &masks }, &heads)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    for (argument, mxnet) in recorded.wanted() {
        let what = format!("{name}, gradient of {argument}");
        if !GRADIENT_DIFFERS.iter().any(|(case, _)| *case == name) {
            assert_close(&what, ours(argument), mxnet);
        }
        twin::assert_close(
            &format!("{what}, differences"),
            ours(argument),
            &differences[argument],
        );
    }
}

/// Axis `axis` of a case's data.
fn size(case: &Value, axis: usize) -> usize {
    case["args"]["data"]["shape"][axis]
        .as_u64()
        .expect("a size") as usize
}

/// Runs `check` on all cases, and names all that fail.
#[track_caller]
pub fn for_every_case(cases: BTreeMap<String, Value>, check: impl Fn(&str, Value)) {
    let mut failed = Vec::new();
    for (name, case) in cases {
        let run = std::panic::AssertUnwindSafe(|| check(&name, case));
        if std::panic::catch_unwind(run).is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{} failed: {failed:#?}", failed.len());
}

#[test]
fn every_case_has_mxnets_outputs_and_gradients() {
    let cases = cases();
    assert_eq!(cases.len(), 79);
    for_every_case(cases, |name, case| {
        if !is_different(name) {
            let net = net(name, &case).unwrap_or_else(|error| panic!("{name}: {error}"));
            let batch_size = size(&case, 0);
            check(name, &net, case, batch_size);
        }
    });
}

/// What scenario j does not have: `more_ops.json`, from MXNet's own symbol.json of each.
#[test]
fn more_operators_have_mxnets_outputs_and_gradients() {
    let cases = read_cases(include_bytes!("../golden/more_ops.json"));
    assert_eq!(cases.len(), 78);
    for_every_case(cases, |name, case| {
        let net = net(name, &case).unwrap_or_else(|error| panic!("{name}: {error}"));
        let batch_size = size(&case, 0);
        check(name, &net, case, batch_size);
    });
}

#[test]
fn what_differs_on_purpose_is_refused_with_its_reason() {
    let cases = cases();
    for (name, why, refusal) in DIFFERENT {
        let error = net(name, &cases[name]).expect_err(why).to_string();
        assert!(error.contains(refusal), "{name}: {error}");
    }
}

/// That MXNet's gradient of selu is wrong in the way that the table says, and in no other.
#[test]
fn mxnets_selu_has_the_fault_that_the_table_names() {
    let case: Recorded = serde_json::from_value(cases()["leaky_selu"].clone()).expect("a case");
    let (scale, alpha) = (1.050_700_987_355_480_5_f64, 1.673_263_242_354_377_2_f64);
    let (y, dy) = (&case.outputs_train[0].data, &case.head_grads[0].data);
    let grad = case.grads["data"].as_ref().expect("a gradient");
    for ((y, dy), mxnet) in y.iter().zip(dy).zip(&grad.data) {
        let (y, dy, mxnet) = (f64::from(*y), f64::from(*dy), f64::from(*mxnet));
        let slope = if y > 0.0 { scale } else { scale * (alpha + y) };
        assert!((dy * slope - mxnet).abs() < 1e-6, "{mxnet}");
    }
    assert!(y.iter().any(|y| *y < 0.0));
}
