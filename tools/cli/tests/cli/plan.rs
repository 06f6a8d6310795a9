//! `tinpail plan`.

use std::process::{Command, Stdio};

use serde_json::Value;
use tinpail::Plan;
use tinpail::plan::PlanRows;
use tinpail_plan::PlanFile;

use crate::command::{Scratch, assert_says, golden, tinpail};

fn network(symbols: &str) -> Vec<&str> {
    vec![
        "plan",
        "--symbols",
        symbols,
        "--data",
        "data=B,K,3",
        "--label",
        "softmax_label=B",
        "--batch-size",
        "3",
    ]
}

#[test]
fn a_blob_for_a_firmware_that_has_the_kernels() {
    let scratch = Scratch::new();
    let symbols = golden("c_gru_fixed");
    let mut args = network(&symbols);
    let (file, blob) = (scratch.name("c.plan.postcard"), scratch.name("c.plan.blob"));
    args.extend(["-o", &file, "--blob", &blob]);
    let said = tinpail(&args).ok();
    assert_says(&said, &["c.plan.blob"]);
    let file = PlanFile::from_bytes(&std::fs::read(&file).unwrap()).unwrap();
    let blob = std::fs::read(&blob).unwrap();
    let mut rows = PlanRows::<64, 512>::new();
    let plan = Plan::from_bytes(&blob, rows.storage()).unwrap();
    assert_eq!(plan.fingerprint, file.plan.fingerprint);
    assert_eq!(plan.steps, file.plan.steps);
    assert_eq!(plan.spans, file.plan.spans);
    // Names stay here.
    let has = |name: &str| {
        blob.windows(name.len())
            .any(|bytes| bytes == name.as_bytes())
    };
    assert!(!file.params.iter().any(|param| has(&param.name)));
}

#[test]
fn the_report_the_calls_and_the_file() {
    let scratch = Scratch::new();
    let symbols = golden("c_gru_fixed");
    let mut args = network(&symbols);
    let file = scratch.name("c.plan.postcard");
    args.extend(["-o", &file]);
    let said = tinpail(&args).ok();
    assert_says(
        &said,
        &["| bucket |", "bucket 5 (default)", "arena ", "written to"],
    );

    let calls = tinpail(&["plan", "--plan", &file, "--calls", "--bucket", "3"]).ok();
    assert_says(
        &calls,
        &[
            "bucket 3, infer",
            "bucket 3, train",
            "GruForward",
            "x=data0[0..",
            "update",
            "h0=none",
        ],
    );
    assert!(!calls.contains("bucket 2, infer"));

    let json = tinpail(&["plan", "--plan", &file, "--calls", "--json"]).ok();
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["batch_size"], 3);
    assert_eq!(json["buckets"][0]["key"], 2);
    let first = &json["calls"][0];
    assert_eq!(first["phase"], "forward");
    assert!(first["operands"][0]["offset"].is_number());
    assert!(json["report"]["arena_bytes"].as_u64() > Some(0));
    // From the file and from the symbols it is the same plan.
    let again = tinpail(&[&network(&symbols)[..], &["--json"]].concat()).ok();
    let again: Value = serde_json::from_str(&again).expect("JSON");
    assert_eq!(again["fingerprint"], json["fingerprint"]);
    assert_eq!(again["calls"], Value::Null);
}

#[test]
fn a_ram_limit_fails_with_the_table() {
    let symbols = golden("c_gru_fixed");
    let args = [&network(&symbols)[..], &["--ram-limit", "1000"]].concat();
    assert_says(
        &tinpail(&args).failed(),
        &["grants 1000", "largest buffers"],
    );
    let args = [&network(&symbols)[..], &["--ram-limit", "100000"]].concat();
    tinpail(&args).ok();
}

#[test]
fn options_change_the_plan() {
    let symbols = golden("c_gru_fixed");
    let arena = |more: &[&str]| -> u64 {
        let args = [&network(&symbols)[..], &["--json"], more].concat();
        let json: Value = serde_json::from_str(&tinpail(&args).ok()).expect("JSON");
        json["report"]["arena_bytes"].as_u64().expect("a number")
    };
    let fused = arena(&[]);
    assert!(arena(&["--train", "none"]) < fused);
    assert!(arena(&["--train", "held"]) > fused);
    assert!(arena(&["--momentum"]) > fused);
    assert!(arena(&["--fixed", "gru_h2h_weight"]) < fused);
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let symbols = golden("a_lstm_lm");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tinpail"))
        .args([
            "plan",
            "--calls",
            "--symbols",
            &symbols,
            "--data",
            "data=B,K",
        ])
        .args(["--label", "softmax_label=B,K"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tinpail starts");
    drop(child.stdout.take());
    let done = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
    assert!(done.status.success());
}
