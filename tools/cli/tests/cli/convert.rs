//! `tinpail convert`.

use serde::Deserialize;

use crate::command::{Scratch, assert_says, golden, tinpail};

#[derive(Deserialize)]
struct Summary {
    blob: String,
    bytes: usize,
    schema: String,
    tensors: usize,
    elements: usize,
    left_out: Vec<String>,
}

/// One fully connected layer whose weight is called as in tests/golden/formats: `w` of (2, 3).
const FC: &str = r#"{"nodes": [
    {"op": "null", "name": "data", "inputs": []},
    {"op": "null", "name": "w", "inputs": []},
    {"op": "FullyConnected", "name": "fc", "attrs": {"num_hidden": "2", "no_bias": "True"},
     "inputs": [[0, 0, 0], [1, 0, 0]]}],
  "arg_nodes": [0, 1], "heads": [[2, 0, 0]]}"#;

fn network(scratch: &Scratch, symbol: &str) -> Vec<String> {
    std::fs::create_dir_all(scratch.path("net")).expect("a folder");
    scratch.write("net/fc-1-symbol.json", symbol);
    let symbols = scratch.name("net");
    let args = [
        "--symbols",
        &symbols,
        "--data",
        "data=B,3",
        "--train",
        "none",
    ];
    args.map(str::to_owned).to_vec()
}

#[test]
fn every_format_gives_the_same_blob() {
    let scratch = Scratch::new();
    let network = network(&scratch, FC);
    let blob = scratch.name("out.blob");
    let mut all = Vec::new();
    for file in [
        "mxnet-float16.params",
        "mxnet-float32.params",
        "mxnet-float64.params",
        "float16.safetensors",
        "float32.safetensors",
        "float64.safetensors",
    ] {
        let params = golden(&format!("formats/{file}"));
        let mut args = vec!["convert".to_owned(), params, "-o".into(), blob.clone()];
        args.extend(network.iter().cloned());
        let said = tinpail(&args).ok();
        assert_says(&said, &["1 tensors, 6 weights", "aux:m"]);
        all.push(std::fs::read(&blob).expect("the blob"));
    }
    all.dedup();
    assert_eq!(all.len(), 1);
}

#[test]
fn the_summary_as_json_and_names_from_a_map() {
    let scratch = Scratch::new();
    let mut args = network(&scratch, &FC.replace("\"w\"", "\"fc_weight\""));
    let params = golden("formats/float32.safetensors");
    let blob = scratch.name("renamed.blob");
    args.splice(0..0, ["convert", &params, "-o", &blob].map(str::to_owned));
    let error = tinpail(&args).failed();
    assert_says(
        &error,
        &["fc_weight", "missing", "arg:w", "hint: ", "--names"],
    );
    assert!(!scratch.path("renamed.blob").exists());

    let map = scratch.write("map.json", r#"{"w": "fc_weight"}"#);
    args.extend(["--names".into(), map, "--json".into()]);
    let summary: Summary = serde_json::from_str(&tinpail(&args).ok()).expect("JSON");
    assert_eq!(summary.blob, blob);
    assert_eq!((summary.tensors, summary.elements), (1, 6));
    assert_eq!(summary.left_out, ["aux:m"]);
    assert!(summary.schema.starts_with("0x"), "{}", summary.schema);
    let written = std::fs::metadata(&blob).expect("the blob").len();
    assert_eq!(written, summary.bytes as u64);
}

#[test]
fn nothing_is_written_on_an_error() {
    let scratch = Scratch::new();
    let mut args = network(
        &scratch,
        &FC.replace("\"num_hidden\": \"2\"", "\"num_hidden\": \"4\""),
    );
    let params = golden("formats/float32.safetensors");
    let blob = scratch.write("kept.blob", "before");
    args.splice(0..0, ["convert", &params, "-o", &blob].map(str::to_owned));
    let error = tinpail(&args).failed();
    assert_says(&error, &["parameter w", "[4, 3]", "[2, 3]"]);
    assert_eq!(std::fs::read(&blob).expect("the file"), b"before");

    // Nor is half a file left where it cannot be written.
    let nowhere = scratch.name("no/such/folder/out.blob");
    args[3] = nowhere;
    scratch.write("net/fc-1-symbol.json", FC);
    assert_says(
        &tinpail(&args).failed(),
        &["cannot write", "no/such/folder"],
    );
}
