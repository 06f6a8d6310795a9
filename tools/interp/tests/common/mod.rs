//! Golden files and comparison.

#![allow(dead_code)] // each test file uses a part

pub mod nets;

use std::path::Path;

use serde_json::Value;
use tinpail_interp::{Tensor, Tensors};
use tinpail_plan::Net;

/// A file of tests/golden, the numbers that MXNet 1.9.1 recorded.
pub fn golden(name: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let text = std::fs::read_to_string(root.join(name)).expect("a golden file");
    serde_json::from_str(&text).expect("JSON")
}

/// `{"shape": [...], "data": [...]}`.
pub fn tensor(value: &Value) -> Tensor {
    let list = |key: &str| value[key].as_array().expect("a list");
    let size = |value: &Value| value.as_u64().expect("a size") as usize;
    let number = |value: &Value| value.as_f64().expect("a finite number");
    let shape: Vec<usize> = list("shape").iter().map(size).collect();
    let data: Vec<f64> = list("data").iter().map(number).collect();
    Tensor::new(shape, data)
}

/// Tensors by name, without those that are null.
pub fn tensors(value: &Value) -> Tensors {
    let entries = value.as_object().expect("an object").iter();
    entries
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), tensor(value)))
        .collect()
}

pub fn tensor_list(value: &Value) -> Vec<Tensor> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(tensor)
        .collect()
}

/// |ours - theirs| <= absolute + relative |theirs|, shapes equal.
#[track_caller]
pub fn assert_close(what: &str, ours: &Tensor, theirs: &Tensor, absolute: f64, relative: f64) {
    assert_eq!(ours.shape, theirs.shape, "{what}");
    assert_eq!(ours.data.len(), theirs.data.len(), "{what}");
    for (at, (a, b)) in ours.data.iter().zip(&theirs.data).enumerate() {
        assert!(
            (a - b).abs() <= absolute + relative * b.abs(),
            "{what}[{at}]: {a} against {b}"
        );
    }
}

/// The bound for outputs of MXNet, which are sums in f32.
#[track_caller]
pub fn assert_output(what: &str, ours: &Tensor, mxnet: &Tensor) {
    assert_close(what, ours, mxnet, 2e-6, 2e-6);
}

/// The bound for gradients of MXNet.
#[track_caller]
pub fn assert_grad(what: &str, ours: &Tensor, mxnet: &Tensor) {
    assert_close(what, ours, mxnet, 2e-6, 1e-5);
}

/// The output of `net` that MXNet names so.
pub fn output<'a>(net: &Net, outputs: &'a [Tensor], name: &str) -> &'a Tensor {
    let head = (net.heads.iter())
        .position(|&head| net.output_name(head) == name)
        .expect("an output of this name");
    &outputs[head]
}
