//! The demo's model: all 370 test utterances against MXNet's own outputs.

use std::fmt::Write;

use serde::Deserialize;

use crate::command::{Scratch, assert_close, root, run, text, tinpail};

const BUCKETS: [usize; 4] = [12, 16, 20, 29];
const CHANNELS: usize = 12;

#[derive(Deserialize)]
struct MxNet {
    test_correct: usize,
    probabilities: Vec<Vec<f32>>,
}

struct Utterance {
    label: usize,
    /// (steps, CHANNELS)
    steps: Vec<f32>,
}

impl Utterance {
    fn len(&self) -> usize {
        self.steps.len() / CHANNELS
    }

    fn bucket(&self) -> usize {
        let fits = BUCKETS.into_iter().find(|key| *key >= self.len());
        fits.expect("no utterance is longer than 29")
    }
}

/// boards/speaker/data/test.bin; its layout is drawn in boards/speaker/dataset.py.
fn utterances() -> Vec<Utterance> {
    let bytes = std::fs::read(root().join("boards/speaker/data/test.bin")).expect("the data");
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let count = word(8) as usize;
    let table = 16 + 8 * count;
    let utterance = |index: usize| {
        let entry = 16 + 8 * index;
        let (first, len) = (word(entry) as usize, usize::from(bytes[entry + 4]));
        let start = table + 4 * CHANNELS * first;
        let values = (0..len * CHANNELS).map(|at| f32::from_bits(word(start + 4 * at)));
        Utterance {
            label: usize::from(bytes[entry + 5]),
            steps: values.collect(),
        }
    };
    (0..count).map(utterance).collect()
}

/// Utterances of one length as one JSON array, with zeros before each up to `len` steps.
fn input(utterances: &[&Utterance], len: usize) -> String {
    let mut data = String::new();
    for utterance in utterances {
        let zeros = vec![0.0; (len - utterance.len()) * CHANNELS];
        for value in zeros.iter().chain(&utterance.steps) {
            write!(data, "{value:?},").expect("memory");
        }
    }
    data.pop();
    let rows = utterances.len();
    format!(r#"{{"data": {{"shape": [{rows}, {len}, {CHANNELS}], "data": [{data}]}}}}"#)
}

fn mxnet() -> MxNet {
    let bytes = std::fs::read(root().join("boards/speaker/model/mxnet.json"));
    serde_json::from_slice(&bytes.expect("MXNet's outputs")).expect("JSON")
}

#[test]
fn all_test_utterances_as_mxnet_predicts_them() {
    let (utterances, mxnet) = (utterances(), mxnet());
    assert_eq!((utterances.len(), mxnet.probabilities.len()), (370, 370));
    let scratch = Scratch::new();
    let model = root().join("boards/speaker/model");
    let params = text(&model.join("speaker-0060.params"));
    let (plan, blob) = (scratch.name("s.plan.postcard"), scratch.name("s.blob"));
    let symbols = text(&model);
    tinpail(&[
        "plan",
        "--symbols",
        &symbols,
        "--data",
        "data=B,K,12",
        "--label",
        "softmax_label=B",
        "--train",
        "none",
        "-o",
        &plan,
    ])
    .ok();
    tinpail(&["convert", "--plan", &plan, &params, "-o", &blob]).ok();
    let mut correct = 0;
    for key in BUCKETS {
        let (indices, own): (Vec<usize>, Vec<&Utterance>) = utterances
            .iter()
            .enumerate()
            .filter(|(_, utterance)| utterance.bucket() == key)
            .unzip();
        let input = scratch.write("input.json", input(&own, key));
        let ran = run(&["--plan", &plan, "--blob", &blob, "--input", &input]);
        assert_eq!((ran.bucket as usize, ran.batches), (key, own.len()));
        let [output] = &ran.outputs[..] else {
            panic!("{} outputs", ran.outputs.len());
        };
        assert_eq!(output.shape, [own.len(), 9]);
        let rows = output.data.chunks_exact(9);
        for ((index, utterance), ours) in indices.into_iter().zip(own).zip(rows) {
            let what = format!("utterance {index}");
            assert_close(&what, ours, &mxnet.probabilities[index]);
            let best = ours.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            correct += usize::from(best.map(|(class, _)| class) == Some(utterance.label));
        }
    }
    assert_eq!(correct, mxnet.test_correct);
}

#[test]
fn padding_is_left_to_the_command_if_asked() {
    let (utterances, mxnet) = (utterances(), mxnet());
    let short = |utterance: &Utterance| utterance.len() < utterance.bucket();
    let index = utterances.iter().position(short).expect("a short one");
    let one = &utterances[index];
    let scratch = Scratch::new();
    let model = root().join("boards/speaker/model");
    let (symbols, params) = (text(&model), text(&model.join("speaker-0060.params")));
    let input = scratch.write("input.json", input(&[one], one.len()));
    let args = [
        "--symbols",
        &symbols,
        "--data",
        "data=B,K,12",
        "--label",
        "softmax_label=B",
        "--params",
        &params,
        "--input",
        &input,
    ];
    let error = tinpail(&[&["run"], &args[..]].concat()).failed();
    crate::command::assert_says(&error, &["axis 1 is", "--pad left"]);
    let ran = run(&[&args[..], &["--pad", "left"]].concat());
    assert_eq!(ran.bucket as usize, one.bucket());
    assert_close("padded", &ran.outputs[0].data, &mxnet.probabilities[index]);
    // The wrong side is another prediction.
    let right = run(&[&args[..], &["--pad", "right"]].concat());
    assert_ne!(right.outputs, ran.outputs);
}
