//! Running the command, and the files that it is run on.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;
use tempfile::TempDir;

/// A run of `tinpail` that has ended.
pub struct Done {
    pub out: String,
    pub err: String,
    pub code: Option<i32>,
}

/// Runs `tinpail` with these arguments.
pub fn tinpail<S: AsRef<str>>(args: &[S]) -> Done {
    let args = args.iter().map(AsRef::as_ref);
    let output = Command::new(env!("CARGO_BIN_EXE_tinpail"))
        .args(args)
        .output();
    let Output {
        status,
        stdout,
        stderr,
    } = output.expect("tinpail starts");
    Done {
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
        code: status.code(),
    }
}

impl Done {
    /// What it printed; it must have succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self.out
    }

    /// The error it printed; it must have failed without a panic.
    #[track_caller]
    pub fn failed(self) -> String {
        assert_eq!(self.code, Some(1), "{}{}", self.out, self.err);
        assert!(self.err.starts_with("error: "), "{}", self.err);
        self.err
    }
}

/// Asserts that `text` has each of `parts` in it.
#[track_caller]
pub fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

/// The project's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of tests/golden.
pub fn golden(name: &str) -> String {
    text(&root().join("tests/golden").join(name))
}

pub fn text(path: &Path) -> String {
    path.to_str().expect("a path of ours").to_owned()
}

/// A folder that goes away.
pub struct Scratch(TempDir);

impl Scratch {
    pub fn new() -> Self {
        Scratch(TempDir::new().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn name(&self, name: &str) -> String {
        text(&self.path(name))
    }

    /// Writes a file and returns its name.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).expect("a file in the temporary folder");
        self.name(name)
    }
}

/// What `tinpail run --json` prints.
#[derive(Debug, Deserialize, PartialEq)]
pub struct Run {
    pub bucket: u32,
    pub batches: usize,
    pub outputs: Vec<Output32>,
}

#[derive(Debug, Deserialize, PartialEq)]
pub struct Output32 {
    pub name: String,
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// `tinpail run --json` with these arguments.
#[track_caller]
pub fn run<S: AsRef<str>>(args: &[S]) -> Run {
    let mut all = vec!["run", "--json"];
    all.extend(args.iter().map(AsRef::as_ref));
    serde_json::from_str(&tinpail(&all).ok()).expect("JSON")
}

/// |ours - MXNet's| <= 2e-5 + 1e-5 |MXNet's|.
#[track_caller]
pub fn assert_close(what: &str, ours: &[f32], mxnet: &[f32]) {
    assert_eq!(ours.len(), mxnet.len(), "{what}: length");
    for (at, (ours, theirs)) in ours.iter().zip(mxnet).enumerate() {
        let bound = 2e-5 + 1e-5 * theirs.abs();
        assert!(
            (ours - theirs).abs() <= bound,
            "{what}[{at}]: {ours} against MXNet's {theirs}"
        );
    }
}
