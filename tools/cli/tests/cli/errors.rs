//! Bad input: one line that says what, one that says what to do, exit code 1, no panic.

use crate::command::{Scratch, assert_says, golden, tinpail};

/// `run` on scenario a with these arguments after the network's.
fn run_a(more: &[&str]) -> String {
    let symbols = golden("a_lstm_lm");
    let args = ["run", "--symbols", &symbols, "--batch-size", "2"];
    let shapes = ["--data", "data=B,K", "--label", "softmax_label=B,K"];
    tinpail(&[&args[..], &shapes[..], more].concat()).failed()
}

fn with_input(scratch: &Scratch, input: &str, more: &[&str]) -> String {
    let params = golden("a_lstm_lm/model-0001.params");
    let input = scratch.write("input.json", input);
    run_a(&[&["--params", &params, "--input", &input], more].concat())
}

const FOUR: &str = r#"{"data": [[1, 2, 3, 4], [5, 6, 7, 8]]}"#;

#[test]
fn weights_of_another_network() {
    let scratch = Scratch::new();
    let input = scratch.write("input.json", FOUR);
    let other = golden("c_gru_fixed/model-0001.params");
    let error = run_a(&["--params", &other, "--input", &input]);
    assert_says(
        &error,
        &["embed_weight", "missing", "arg:gru_i2h_weight", "hint: "],
    );
    // Channels that are four: a network as good as any, but not the one that was trained.
    let symbols = golden("c_gru_fixed");
    let four = [
        "--symbols",
        &symbols,
        "--data",
        "data=B,K,4",
        "--label",
        "softmax_label=B",
    ];
    let args = ["run", "--params", &other, "--input", &input];
    let error = tinpail(&[&args[..], &four].concat()).failed();
    assert_says(&error, &["proj_weight", "[3, 4]", "[3, 3]", "hint: "]);
    let error = run_a(&["--params", "no.params", "--input", &input]);
    assert_says(&error, &["cannot read no.params"]);
    let error = run_a(&["--params", "weights.bin", "--input", &input]);
    assert_says(&error, &["weights.bin", ".safetensors", "hint: "]);
}

#[test]
fn blobs_that_are_damaged_or_of_another_network() {
    let scratch = Scratch::new();
    let input = scratch.write("input.json", FOUR);
    let (symbols, params) = (golden("a_lstm_lm"), golden("a_lstm_lm/model-0001.params"));
    let blob = scratch.name("a.blob");
    tinpail(&[
        "convert",
        &params,
        "-o",
        &blob,
        "--symbols",
        &symbols,
        "--data",
        "data=B,K",
        "--label",
        "softmax_label=B,K",
    ])
    .ok();
    let whole = std::fs::read(&blob).expect("the blob");
    for at in [0, 4, 8, 30, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        let damaged = scratch.write("damaged.blob", &flipped);
        let error = run_a(&["--blob", &damaged, "--input", &input]);
        assert_says(&error, &["the blob is refused", "hint: "]);
    }
    for len in [0, 3, 40, whole.len() - 1] {
        let cut = scratch.write("damaged.blob", &whole[..len]);
        run_a(&["--blob", &cut, "--input", &input]);
    }
    let other = {
        let (symbols, params) = (
            golden("c_gru_fixed"),
            golden("c_gru_fixed/model-0001.params"),
        );
        let other = scratch.name("c.blob");
        tinpail(&[
            "convert",
            &params,
            "-o",
            &other,
            "--symbols",
            &symbols,
            "--data",
            "data=B,K,3",
            "--label",
            "softmax_label=B",
        ])
        .ok();
        other
    };
    let error = run_a(&["--blob", &other, "--input", &input]);
    assert_says(
        &error,
        &["schema", "hint: it was converted for another network"],
    );
}

#[test]
fn inputs_that_do_not_fit() {
    let scratch = Scratch::new();
    let say = |input: &str, more: &[&str], parts: &[&str]| {
        assert_says(&with_input(&scratch, input, more), parts);
    };
    say(FOUR, &["--bucket", "5"], &["no bucket 5", "4, 7, 10"]);
    say(
        FOUR,
        &["--bucket", "7"],
        &["axis 1 is 4, bucket 7 needs 7", "--pad"],
    );
    say(r#"{"x": [1]}"#, &[], &["no array data", "it has x"]);
    say(r#"{"data": [[1, 2, 3, 4]], "x": [1]}"#, &[], &["state x"]);
    say(
        r#"{"data": [[1, 2, 3, 4]]}"#,
        &[],
        &["1 rows", "batches of 2", "hint: "],
    );
    say(
        r#"{"data": [[1, 2, 3, 4], [5, 6, 7, 9]]}"#,
        &[],
        &["data[1, 3] is 9", "0 to 8"],
    );
    say(
        r#"{"data": [[1, 2, 3, 4], [5, 6, 7, 0.5]]}"#,
        &[],
        &["data[1, 3] is 0.5"],
    );
    say(
        r#"{"data": [[1, 2, 3, 4], [5, 6, 7, -1]]}"#,
        &[],
        &["data[1, 3] is -1"],
    );
    say(r#"{"data": [[1, 2], [3]]}"#, &[], &["array data", "ragged"]);
    say(
        r#"{"data": [1, 2, 3, 4]}"#,
        &["--bucket", "4"],
        &["shape (4,)", "needs (2, 4)"],
    );
    say(r#"{"data": [["a"]]}"#, &[], &["is no number"]);
    say("{", &[], &["input.json"]);
    let eleven = vec![vec![1; 11]; 2];
    say(
        &format!(r#"{{"data": {eleven:?}}}"#),
        &[],
        &["11 long", "4, 7, 10"],
    );
    let params = golden("a_lstm_lm/model-0001.params");
    let npz = scratch.write("input.npz", "PK no archive");
    let error = run_a(&["--params", &params, "--input", &npz]);
    assert_says(&error, &["input.npz", "no .npz archive"]);
    let error = run_a(&["--params", &params, "--input", "input.txt"]);
    assert_says(&error, &[".npz or .json"]);
}

#[test]
fn networks_that_cannot_be_planned() {
    let scratch = Scratch::new();
    let plan = |symbols: &str, more: &[&str]| {
        tinpail(&[&["plan", "--symbols", symbols], more].concat()).failed()
    };
    let c = golden("c_gru_fixed");
    assert_says(
        &plan(&c, &[]),
        &["which argument is the data", "proj_weight", "--data"],
    );
    assert_says(&plan(&c, &["--data", "x=B"]), &["--data x", "proj_weight"]);
    let rank = plan(&c, &["--data", "data=K,B", "--label", "softmax_label=B"]);
    assert_says(&rank, &["c_gru_fixed", "hint: check --data"]);
    let state = [
        "--data",
        "data=B,K,3",
        "--label",
        "softmax_label=B",
        "--state",
        "h",
    ];
    assert_says(&plan(&c, &state), &["state h", "--state"]);
    let default = [
        "--data",
        "data=B,K,3",
        "--label",
        "softmax_label=B",
        "--default-bucket-key",
        "9",
    ];
    assert_says(&plan(&c, &default), &["default_bucket_key 9"]);

    let dir = scratch.name("");
    assert_says(
        &plan(&dir, &[]),
        &["no file named *-KEY-symbol.json", "hint: "],
    );
    let unknown = r#"{"nodes": [{"op": "null", "name": "data", "inputs": []},
        {"op": "FlashAttention", "name": "attention", "inputs": [[0, 0, 0]]}],
        "arg_nodes": [0], "heads": [[1, 0, 0]]}"#;
    scratch.write("one-3-symbol.json", unknown);
    let data = ["--data", "data=B,K"];
    assert_says(
        &plan(&dir, &data),
        &["FlashAttention", "attention", "not supported"],
    );
    scratch.write("two-3-symbol.json", "{");
    assert_says(
        &plan(&dir, &data),
        &["several networks: one, two", "hint: say which"],
    );
    let two = scratch.name("two");
    assert_says(&plan(&two, &data), &["two-3-symbol.json"]);
    let damaged = scratch.write("x.plan.postcard", "tinplan5 and nothing more");
    assert_says(
        &tinpail(&["plan", "--plan", &damaged]).failed(),
        &["x.plan.postcard", "hint: "],
    );
}

#[test]
fn a_damaged_plan_is_refused_or_runs_without_a_panic() {
    let scratch = Scratch::new();
    let symbols = golden("c_gru_fixed");
    let file = scratch.name("c.plan.postcard");
    tinpail(&[
        "plan",
        "--symbols",
        &symbols,
        "--data",
        "data=B,K,3",
        "--label",
        "softmax_label=B",
        "--batch-size",
        "3",
        "-o",
        &file,
    ])
    .ok();
    let whole = std::fs::read(&file).expect("the plan");
    for at in (0..whole.len()).step_by(whole.len() / 60) {
        let cut = scratch.write("d.plan.postcard", &whole[..at]);
        tinpail(&["plan", "--plan", &cut, "--calls"]).failed();
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        let flipped = scratch.write("d.plan.postcard", &flipped);
        // Names and report are not under the fingerprint: a flip there may pass.
        let done = tinpail(&["plan", "--plan", &flipped, "--calls"]);
        assert!(matches!(done.code, Some(0 | 1)), "{at}: {}", done.err);
    }
}

#[test]
fn usage_errors_exit_with_2() {
    for args in [
        &["plan"][..],
        &["run", "--plan", "x", "--input", "y"],
        &["plan", "--plan", "x", "--data", "data=B"],
        &["plan", "--symbols", "x", "--data", "data=T"],
        &["nonsense"],
    ] {
        assert_eq!(tinpail(args).code, Some(2), "{args:?}");
    }
}
