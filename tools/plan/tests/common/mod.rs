//! Golden files: what MXNet 1.9.1 wrote and inferred.

#![allow(dead_code)] // each test file uses a part

use std::path::Path;

use serde_json::Value;
use tinpail_plan::{Net, Op, json};

/// A file of the repository.
pub fn repository(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).expect("a file of the repository")
}

pub fn json(path: &str) -> Value {
    serde_json::from_str(&repository(path)).expect("JSON")
}

/// A symbol file of tests/golden, read.
pub fn symbol(path: &str) -> Net {
    json::read(&repository(&format!("tests/golden/{path}-symbol.json"))).expect("a network")
}

/// tests/golden/cases.json of this crate: see generate.py beside it.
pub fn cases() -> Value {
    json("tools/plan/tests/golden/cases.json")
}

/// One of its networks, data declared.
pub fn cell(case: &Value) -> Net {
    let net = json::read(&case["symbol"].to_string()).expect("a network");
    let data = case["data"].as_object().expect("an object").iter();
    data.fold(net, |net, (name, shape)| net.data(name, dims(shape)))
}

pub fn dims(value: &Value) -> Vec<usize> {
    let size = |value: &Value| value.as_u64().expect("a size") as usize;
    value
        .as_array()
        .expect("a shape")
        .iter()
        .map(size)
        .collect()
}

/// How many nodes have an operator like this.
pub fn count(net: &Net, of_kind: impl Fn(&Op) -> bool) -> usize {
    net.nodes.iter().filter(|node| of_kind(&node.op)).count()
}

pub fn layers(net: &Net) -> usize {
    count(net, |op| matches!(op, Op::RnnLayer { .. }))
}

/// The names of the outputs.
pub fn outputs(net: &Net) -> Vec<String> {
    net.heads
        .iter()
        .map(|&head| net.output_name(head))
        .collect()
}

/// The operators, by MXNet's names, in order, without variables.
pub fn operators(net: &Net) -> Vec<&'static str> {
    let names = net.nodes.iter().map(|node| node.op.mxnet_name());
    names.filter(|&name| name != "null").collect()
}
