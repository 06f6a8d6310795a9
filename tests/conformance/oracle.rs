//! The oracle's files: JSON with tensors as `{"shape": [..], "data": [..]}`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// A tensor as MXNet printed it.
#[derive(Clone, Debug, Deserialize)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

impl Tensor {
    /// The values as token ids or labels; -1 is 0xFFFF.
    pub fn ids(&self) -> Vec<u16> {
        self.data.iter().map(|value| *value as i32 as u16).collect()
    }
}

pub type Tensors = BTreeMap<String, Tensor>;

/// One step of a scenario.
#[derive(Clone, Debug, Deserialize)]
pub struct Step {
    pub bucket_key: u32,
    pub data: Tensors,
    pub label: Tensors,
    pub is_train: bool,
    pub outputs: Tensors,
    #[serde(default)]
    pub param_grads: BTreeMap<String, Option<Tensor>>,
    #[serde(default)]
    pub input_grads: Vec<Tensor>,
    #[serde(default)]
    pub params_after_update: Tensors,
    #[serde(default)]
    pub optimizer_states: BTreeMap<String, Option<Tensor>>,
    /// After forward, and after backward.
    #[serde(default)]
    pub aux_after_forward: Tensors,
    #[serde(default)]
    pub aux_after_backward: Tensors,
    /// Names and values, accumulated over the steps.
    #[serde(default)]
    pub metric: Vec<(String, f64)>,
    #[serde(default)]
    pub states_seen: Vec<Tensor>,
    #[serde(default)]
    pub states_after_update_before_set: Vec<Tensor>,
    #[serde(default)]
    pub states_after_set: Vec<Tensor>,
    #[serde(default)]
    pub set: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Files {
    pub params: String,
    pub symbols: BTreeMap<String, String>,
}

/// A scenario.
#[derive(Clone, Debug, Deserialize)]
pub struct Scenario {
    pub params_init: Tensors,
    #[serde(default)]
    pub aux_init: Tensors,
    pub steps: Vec<Step>,
    pub files: Files,
}

/// The oracle's folder.
pub fn dir() -> PathBuf {
    match std::env::var_os("TINPAIL_ORACLE_DIR") {
        Some(dir) => dir.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden"),
    }
}

/// A file of the oracle. A missing file is a failed test.
pub fn read(name: &str) -> Vec<u8> {
    let path = dir().join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A scenario of the oracle.
pub fn scenario(name: &str) -> Scenario {
    let bytes = read(&format!("{name}.json"));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{name}.json: {error}"))
}

/// The bound of every scenario: |ours - MXNet's| <= 2e-5 + 1e-5 |MXNet's|.
#[track_caller]
pub fn assert_close(what: &str, ours: &[f32], mxnet: &Tensor) {
    assert_eq!(ours.len(), mxnet.data.len(), "{what}: length");
    for (at, (ours, theirs)) in ours.iter().zip(&mxnet.data).enumerate() {
        let bound = 2e-5 + 1e-5 * theirs.abs();
        assert!(
            (ours - theirs).abs() <= bound,
            "{what}[{at}]: {ours} against MXNet's {theirs}, bound {bound:e}"
        );
    }
}
