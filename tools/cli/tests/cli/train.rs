//! `tinpail train`: MXNet's parameters after an epoch of the demo, runs that are interrupted and go on, and what it refuses.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};
use tinpail_convert::{Weights, read_file};

use crate::command::{Done, Scratch, assert_says, root, text, tinpail};

const CHANNELS: usize = 12;
const LONGEST: usize = 29;

/// Channels of each step, and label, of the utterances of boards/speaker/data/train.bin.
fn utterances() -> Vec<(Vec<f32>, u8)> {
    let bytes = std::fs::read(root().join("boards/speaker/data/train.bin")).expect("the data");
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let count = word(8) as usize;
    let table = 16 + 8 * count;
    let utterance = |index: usize| {
        let entry = 16 + 8 * index;
        let (first, len) = (word(entry) as usize, usize::from(bytes[entry + 4]));
        let values = CHANNELS * first..CHANNELS * (first + len);
        let value = |at: usize| f32::from_bits(word(table + 4 * at));
        (values.map(value).collect(), bytes[entry + 5])
    };
    (0..count).map(utterance).collect()
}

fn golden(name: &str) -> std::path::PathBuf {
    root().join("tests/golden/speaker_fit").join(name)
}

/// The recorded batches as one file of examples: each filled up to the longest, with its length.
fn recorded() -> String {
    let file: Value =
        serde_json::from_slice(&std::fs::read(golden("batches.json")).expect("the batches"))
            .expect("JSON");
    let utterances = utterances();
    let (mut data, mut labels, mut lengths) = (String::new(), Vec::new(), Vec::new());
    for batch in file["batches"].as_array().expect("batches") {
        for row in batch["rows"].as_array().expect("rows") {
            let (steps, label) = &utterances[row.as_u64().expect("a row") as usize];
            let zeros = vec![0.0; LONGEST * CHANNELS - steps.len()];
            for value in steps.iter().chain(&zeros) {
                write!(data, "{value:?},").expect("memory");
            }
            labels.push(*label);
            lengths.push(steps.len() / CHANNELS);
        }
    }
    data.pop();
    let rows = labels.len();
    format!(
        r#"{{"data": {{"shape": [{rows}, {LONGEST}, {CHANNELS}], "data": [{data}]}}, "softmax_label": {labels:?}, "lengths": {lengths:?}}}"#
    )
}

fn worst(ours: &Weights, mxnets: &Weights) -> f32 {
    assert_eq!(ours.len(), mxnets.len());
    let mut worst = 0.0f32;
    for entry in mxnets {
        let own = ours.arg(&entry.name).expect("the same names");
        assert_eq!(own.shape(), entry.tensor.shape());
        let pairs = own.data().iter().zip(entry.tensor.data());
        worst = pairs.fold(worst, |worst, (own, theirs)| {
            worst.max((own - theirs).abs())
        });
    }
    worst
}

/// tests/conformance/speaker_fit.rs has the bound's reason.
#[test]
fn an_epoch_of_the_demo_gives_mxnets_parameters() {
    let scratch = Scratch::new();
    let data = scratch.write("train.json", recorded().as_bytes());
    let model = root().join("boards/speaker/model");
    let prefix = scratch.name("ours");
    let initial = text(&model.join("speaker-0000.params"));
    let symbols = text(&model);
    let args = [
        "train",
        "--symbols",
        &symbols,
        "--data",
        "data=B,K,12",
        "--label",
        "softmax_label=B",
        "--batch-size",
        "10",
        "--params",
        &initial,
        "--data-file",
        &data,
        "--epochs",
        "1",
        "--output",
        &prefix,
        "--no-shuffle",
        "--pad",
        "left",
        "--lr",
        "0.2",
        "--momentum",
        "0.9",
        "--wd",
        "0.001",
        "--lr-scheduler",
        "poly",
        "--lr-power",
        "1",
        "--lr-max-update",
        "1740",
        "--json",
    ];
    let printed: Value = serde_json::from_str(&tinpail(&args).ok()).expect("JSON");
    let recorded: Value =
        serde_json::from_slice(&std::fs::read(golden("batches.json")).expect("the batches"))
            .expect("JSON");
    assert_eq!(printed["updates"], 29);
    assert_eq!(printed["left_out"], 0);
    assert_eq!(
        printed["epochs"][0]["train"]["accuracy"],
        recorded["accuracy"]
    );
    let ours = read_file(format!("{prefix}-0001.params")).expect("our parameters");
    assert_eq!(printed["params"], format!("{prefix}-0001.params"));
    let mxnets = read_file(golden("after-epoch.params")).expect("MXNet's parameters");
    let worst = worst(&ours, &mxnets);
    println!("worst {worst:e}");
    assert!(worst <= 2e-6, "{worst:e}");
    // What MXNet's BucketingModule.load reads: see tools/host/tests/mxnet_reads.py.
    let checkpoint = tinpail_host::Checkpoint::read(&prefix, 1).expect("a checkpoint");
    assert_eq!(checkpoint.keys, [29, 12, 16, 20]);
}

/// Scenario c's network; 21 examples of 2 to 5 steps.
fn examples(scratch: &Scratch) -> String {
    let (mut data, mut labels, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..21usize {
        let value = |at: usize| ((at * 5 + row * 3) % 13) as f32 / 6.0 - 1.0;
        data.push(
            (0..5)
                .map(|step| (0..3).map(|c| value(step * 3 + c)).collect())
                .collect::<Vec<Vec<f32>>>(),
        );
        labels.push(row % 3);
        lengths.push(2 + row % 4);
    }
    let file = json!({"data": data, "softmax_label": labels, "lengths": lengths});
    scratch.write("examples.json", file.to_string().as_bytes())
}

fn symbols() -> String {
    text(&root().join("tests/golden/c_gru_fixed"))
}

fn train(scratch: &Scratch, prefix: &str, more: &[&str]) -> Done {
    let (symbols, data) = (symbols(), examples(scratch));
    let mut args = vec![
        "train",
        "--symbols",
        &symbols,
        "--data",
        "data=B,K,3",
        "--label",
        "softmax_label=B",
        "--batch-size",
        "3",
        "--data-file",
        &data,
        "--output",
        prefix,
        "--seed",
        "5",
    ];
    args.extend(more);
    tinpail(&args)
}

const INITIALIZER: [&str; 2] = ["--initializer", "xavier"];

#[test]
fn a_run_that_goes_on_gives_the_bits_of_one_that_was_not_interrupted() {
    let scratch = Scratch::new();
    let file = |prefix: &str, end: &str| std::fs::read(format!("{prefix}{end}")).expect("a file");
    for optimizer in [
        &["--optimizer", "adam"][..],
        &[
            "--momentum",
            "0.9",
            "--lr",
            "0.1",
            "--lr-scheduler",
            "factor",
            "--lr-step",
            "5",
            "--lr-factor",
            "0.5",
        ],
        &[
            "--optimizer",
            "nadam",
            "--lr-scheduler",
            "multifactor",
            "--lr-step",
            "3,9",
            "--lr-factor",
            "0.5",
        ],
    ] {
        let (whole, parts) = (scratch.name("whole"), scratch.name("parts"));
        let run = |prefix: &str, more: &[&str]| {
            let args = [optimizer, more].concat();
            train(&scratch, prefix, &args).ok()
        };
        let said = run(&whole, &[&["--epochs", "3"], &INITIALIZER[..]].concat());
        assert_says(
            &said,
            &[
                "Epoch[0] Train-accuracy=",
                "Epoch[2] Train-accuracy=",
                "-0003.params",
            ],
        );
        run(&parts, &[&["--epochs", "1"], &INITIALIZER[..]].concat());
        run(&parts, &["--epochs", "3", "--resume", "1"]);
        assert!(
            file(&whole, "-0003.params") == file(&parts, "-0003.params"),
            "{optimizer:?}"
        );
        assert!(
            file(&whole, "-0003.states") == file(&parts, "-0003.states"),
            "{optimizer:?}"
        );
        assert!(
            file(&whole, "-0003.params") != file(&parts, "-0001.params"),
            "it learned"
        );
    }
}

#[test]
fn from_a_plan_with_evaluation_and_checkpoints() {
    let scratch = Scratch::new();
    let (symbols, data) = (symbols(), examples(&scratch));
    let plan = scratch.name("c.plan.postcard");
    let made = [
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
        &plan,
    ];
    tinpail(&made).ok();
    let prefix = scratch.name("planned");
    let args = [
        "train",
        "--plan",
        &plan,
        "--data-file",
        &data,
        "--eval",
        &data,
        "--output",
        &prefix,
        "--epochs",
        "4",
        "--last-batch",
        "fill",
        "--metric",
        "acc",
        "--metric",
        "ce",
        "--checkpoint-period",
        "2",
        "--json",
        "--initializer",
        "xavier",
    ];
    let printed: Value = serde_json::from_str(&tinpail(&args).ok()).expect("JSON");
    let epochs = printed["epochs"].as_array().expect("epochs");
    assert_eq!(epochs.len(), 4);
    let ce = |epoch: usize, what: &str| {
        epochs[epoch][what]["cross-entropy"]
            .as_f64()
            .expect("a number")
    };
    assert!(ce(3, "validation") < ce(0, "validation"), "it learns");
    assert!(ce(0, "train").is_finite());
    assert_eq!(printed["left_out"], 0);
    for number in [2, 4] {
        assert!(
            Path::new(&format!("{prefix}-000{number}.params")).exists(),
            "{number}"
        );
    }
    assert!(!Path::new(&format!("{prefix}-0001.params")).exists());
    assert!(
        !Path::new(&format!("{prefix}.buckets")).exists(),
        "a plan has no symbols"
    );
}

#[test]
fn what_is_refused_says_what_to_do() {
    let scratch = Scratch::new();
    let prefix = scratch.name("x");
    let refused = |more: &[&str], said: &[&str]| {
        let args = [&["--epochs", "1"], more].concat();
        assert_says(&train(&scratch, &prefix, &args).failed(), said);
        assert!(
            !Path::new(&format!("{prefix}-0001.params")).exists(),
            "{more:?}"
        );
    };
    refused(
        &["--metric", "nope"],
        &["there is no metric nope", "acc, top_k_accuracy:K"],
    );
    refused(
        &["--optimizer", "adam", "--momentum", "0.9"],
        &["takes no --momentum", "sgd, nag and signum"],
    );
    refused(&["--resume", "1"], &["--epochs 1 ends before it begins"]);
    refused(&["--lr", "1e30"], &["training diverged", "a smaller --lr"]);
    refused(&["--lr", "-1"], &["the optimizer is refused", "hint: "]);
    refused(&["--lr-scheduler", "factor"], &["takes one --lr-step"]);
    refused(&["--fixed", "nope"], &["nope", "the network has"]);
    let params = text(&root().join("tests/golden/a_lstm_lm/model-0001.params"));
    refused(
        &["--params", &params],
        &["is not given", "--initializer makes those"],
    );
}

#[test]
fn examples_that_do_not_fit_are_named() {
    let scratch = Scratch::new();
    let (symbols, prefix) = (symbols(), scratch.name("x"));
    let refused = |file: &str, said: &[&str]| {
        let data = scratch.write("bad.json", file.as_bytes());
        let args = [
            "train",
            "--symbols",
            &symbols,
            "--data",
            "data=B,K,3",
            "--label",
            "softmax_label=B",
            "--data-file",
            &data,
            "--output",
            &prefix,
            "--epochs",
            "1",
        ];
        assert_says(&tinpail(&args).failed(), said);
    };
    let one = "[[[1, 2, 3], [4, 5, 6]]]";
    refused(
        &format!(r#"{{"data": {one}}}"#),
        &["there is no array softmax_label"],
    );
    refused(
        &format!(r#"{{"data": {one}, "softmax_label": [0, 1]}}"#),
        &["data has 1 rows, softmax_label 2"],
    );
    refused(
        &format!(r#"{{"data": {one}, "softmax_label": [9]}}"#),
        &["row 0", "softmax_label[0] is 9; the network takes 0 to"],
    );
    refused(
        &format!(r#"{{"data": {one}, "softmax_label": [0], "x": [1]}}"#),
        &["no data or label x", "row lengths are named lengths"],
    );
    refused(
        &format!(r#"{{"data": {one}, "softmax_label": [0], "lengths": [3]}}"#),
        &["row 0", "its length is 3; whole numbers from 1 to 2"],
    );
    let long = format!("[[{}]]", ["[1, 2, 3]"; 6].join(", "));
    refused(
        &format!(r#"{{"data": {long}, "softmax_label": [0]}}"#),
        &["it is 6 long, more than any bucket holds: 2, 3, 5"],
    );
}
