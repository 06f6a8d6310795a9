//! What is shown: the JSON and the page of the same plan, by the command.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;
use tinpail_plan::symbol::{Act, FullyConnected, SoftmaxOutput};
use tinpail_plan::{Bucketing, Error, Net, Op, Symbols};

#[derive(Deserialize)]
pub struct Plan {
    pub default_bucket_key: u32,
    pub arena: Arena,
}

#[derive(Deserialize)]
pub struct Arena {
    pub arena_bytes: usize,
    pub persistent_bytes: usize,
    pub persistent: Vec<Kept>,
    pub programs: Vec<Program>,
}

#[derive(Deserialize)]
pub struct Kept {
    pub name: String,
    pub bytes: usize,
}

#[derive(Deserialize)]
pub struct Program {
    pub bucket: u32,
    pub program: String,
    pub peak_bytes: usize,
    pub peak_call: usize,
    pub calls: Vec<Call>,
    pub end_bytes: usize,
    pub loops: Vec<Repeat>,
    pub buffers: Vec<Buffer>,
}

#[derive(Deserialize)]
pub struct Call {
    pub phase: String,
    pub kernel: String,
    pub symbol: String,
    pub live_bytes: usize,
}

#[derive(Deserialize)]
pub struct Repeat {
    pub turns: usize,
    pub calls_per_turn: usize,
}

#[derive(Deserialize)]
pub struct Buffer {
    pub name: String,
    pub kind: String,
    pub shape: Vec<usize>,
    pub dtype: String,
    pub offset: usize,
    pub bytes: usize,
    pub first_call: usize,
    pub last_call: usize,
    pub alias: Option<String>,
}

impl Program {
    /// As the page calls it.
    pub fn title(&self) -> &'static str {
        match self.program.as_str() {
            "infer" => "inference",
            "train" => "training",
            other => panic!("{other}"),
        }
    }

    pub fn id(&self) -> String {
        format!("bucket-{}-{}", self.bucket, self.title())
    }

    pub fn live_bytes(&self, moment: usize) -> usize {
        let call = self.calls.get(moment);
        call.map_or(self.end_bytes, |call| call.live_bytes)
    }

    /// Names of the buffers that live then, with their bytes, in no order.
    pub fn living(&self, moment: usize) -> Vec<String> {
        let own = self.buffers.iter();
        let own = own.filter(|own| own.first_call <= moment && moment <= own.last_call);
        let mut names: Vec<String> = own.map(|own| own.name.clone()).collect();
        names.sort();
        names
    }
}

/// `12,768 B`, by other means than the page's.
pub fn bytes(number: usize) -> String {
    let digits: Vec<char> = number.to_string().chars().rev().collect();
    let groups = digits
        .chunks(3)
        .map(|group| group.iter().collect::<String>());
    let text: String = groups.collect::<Vec<_>>().join(",").chars().rev().collect();
    format!("{text} B")
}

/// Files that go away.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Files(TempDir::new().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The page of a network, and its JSON.
    pub fn page(&self, network: &[&str]) -> (PathBuf, Plan) {
        let page = self.path("page.html");
        let html = ["--json", "--html", text(&page)];
        let json = tinpail(&[&["plan"], &html[..], network].concat());
        (page, serde_json::from_str(&json).expect("JSON"))
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path of ours")
}

pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the project's folder")
}

/// The command, built as `cargo xtask test` has built it already: of the whole workspace, so with the same features of all
/// that it depends on.
fn binary() -> &'static str {
    static BINARY: OnceLock<String> = OnceLock::new();
    BINARY.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--workspace", "--bin", "tinpail"]);
        build.args([
            "--features",
            "tinpail-pages/browser",
            "--message-format",
            "json",
        ]);
        let output = build.current_dir(root()).output().expect("cargo starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let messages = String::from_utf8(output.stdout).expect("text");
        let mut messages = messages
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let path = messages.find_map(|message: Value| Some(message["executable"].as_str()?.into()));
        path.expect("cargo names what it built")
    })
}

/// What `tinpail` prints.
pub fn tinpail(args: &[&str]) -> String {
    let output = Command::new(binary()).args(args).output();
    let output = output.expect("tinpail starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).expect("text")
}

/// The options of the demo's network: four buckets, trained.
pub fn speaker() -> Vec<String> {
    let symbols = root().join("boards/speaker/model");
    let options = "--data data=B,K,12 --label softmax_label=B --momentum";
    let options = options.split(' ').map(String::from);
    let symbols = ["--symbols".to_owned(), text(&symbols).to_owned()];
    symbols.into_iter().chain(options).collect()
}

/// A cell that is none of MXNet's, unrolled: hundreds of calls and buffers, and loops. Its name is no markup.
pub fn unrolled(steps: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let data = s.variable("data");
    let label = s.variable("softmax_label");
    let weights = ["in_weight", "in_bias", "gate_weight", "gate_bias"].map(|name| s.variable(name));
    let [in_weight, in_bias, gate_weight, gate_bias] = weights;
    let inputs = s.slice_channel("steps", data, steps as usize, 1, true);
    let mut h = None;
    for (t, x) in inputs.into_iter().enumerate() {
        let mut layer = |name: String, weight, bias| {
            let op = Op::FullyConnected(FullyConnected::new(8));
            s.push(&name, op, &[x, weight, bias])
        };
        let sum = layer(format!("in<{t}>"), in_weight, in_bias);
        let gate = layer(format!("gate{t}"), gate_weight, gate_bias);
        let sum = match h {
            Some(h) => s.elemwise_add(&format!("sum{t}"), sum, h),
            None => sum,
        };
        let gate = s.activation(&format!("open{t}"), gate, Act::Sigmoid);
        let act = s.activation(&format!("act{t}"), sum, Act::Tanh);
        h = Some(s.elemwise_mul(&format!("h{t}"), act, gate));
    }
    let h = h.ok_or_else(|| Error::Config("no steps".into()))?;
    let fc = s.fully_connected("fc", h, FullyConnected::new(3));
    let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
    let net = s.net([softmax]).data("data", [0, steps as usize, 4]);
    Ok(net.label("softmax_label", [0]))
}

/// The plan file of [`unrolled`], as a build writes it.
pub fn write_unrolled(files: &Files, steps: u32) -> PathBuf {
    let plan = Bucketing::new(unrolled).bucket_keys([steps]).plan();
    let bytes = plan.expect("a plan").to_bytes().expect("its file");
    let path = files.path("unrolled.plan.postcard");
    std::fs::write(&path, bytes).expect("a file in the temporary folder");
    path
}
