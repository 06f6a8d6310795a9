//! Plans the demo's network for the batches that MXNet trained it with, and turns the first of them into statics.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;
use std::{env, fs};

use serde::Deserialize;
use tinpail_convert::read_file;
use tinpail_plan::{Bucketing, LrScheduler, Net, Optimizer, Train, json};

const SPEAKER: &str = "../speaker";
const GOLDEN: &str = "../../tests/golden/speaker_fit";
const BUCKETS: [u32; 4] = [12, 16, 20, 29];
const CHANNELS: usize = 12;
const BATCH: usize = 10;
/// How many batches MXNet's parameters of `after-0005.params` come after.
const BATCHES: usize = 5;

#[derive(Deserialize)]
struct Recorded {
    batches: Vec<Batch>,
}

#[derive(Deserialize)]
struct Batch {
    bucket_key: u32,
    rows: Vec<usize>,
}

fn sym_gen(steps: u32) -> Result<Net, tinpail_plan::Error> {
    let path = format!("{SPEAKER}/model/speaker-{steps}-symbol.json");
    let text =
        fs::read_to_string(&path).map_err(|source| tinpail_plan::Error::Io { path, source })?;
    Ok(json::read(&text)?
        .data("data", [0, steps as usize, CHANNELS])
        .label("softmax_label", [0]))
}

/// Values, as bytes, and label of an utterance of train.bin; ../speaker/README.md draws the layout.
fn utterance(file: &[u8], index: usize) -> Option<(&[u8], u8)> {
    let word = |at: usize| {
        let bytes = file.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes) as usize)
    };
    let table = 16 + 8 * word(8)?;
    let entry = 16 + 8 * index;
    let (first, steps) = (word(entry)?, usize::from(*file.get(entry + 4)?));
    let start = table + 4 * CHANNELS * first;
    let values = file.get(start..start + 4 * CHANNELS * steps)?;
    Some((values, *file.get(entry + 5)?))
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SPEAKER}/model");
    println!("cargo::rerun-if-changed={SPEAKER}/data/train.bin");
    println!("cargo::rerun-if-changed={GOLDEN}");
    let bucketing = Bucketing::new(sym_gen)
        .bucket_keys(BUCKETS)
        .default_bucket_key(29)
        .batch_size(BATCH)
        .optimizer(Optimizer::Sgd { momentum: true })
        .lr_scheduler(LrScheduler::Poly)
        .train(Train::Fused);
    bucketing.emit("network")?;
    let plan = bucketing.plan()?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let initial = read_file(format!("{SPEAKER}/model/speaker-0000.params"))?;
    fs::write(
        out.join("initial.blob"),
        tinpail_convert::blob(&plan, &initial)?,
    )?;

    let recorded: Recorded = serde_json::from_slice(&fs::read(format!("{GOLDEN}/batches.json"))?)?;
    let file = fs::read(format!("{SPEAKER}/data/train.bin"))?;
    let mut values = Vec::new();
    let mut source = format!("static STEPS: [Step; {BATCHES}] = [\n");
    for batch in recorded.batches.iter().take(BATCHES) {
        let start = values.len() / 4;
        let mut labels = Vec::new();
        for row in &batch.rows {
            let (own, label) = utterance(&file, *row).ok_or("train.bin is damaged")?;
            // Zeros before the first step.
            let steps = batch.bucket_key as usize;
            values.resize(values.len() + 4 * CHANNELS * steps - own.len(), 0);
            values.extend_from_slice(own);
            labels.push(label);
        }
        let end = values.len() / 4;
        writeln!(
            source,
            "    Step {{ bucket: crate::network::Bucket::K{}, data: {start}..{end}, label: &{labels:?} }},",
            batch.bucket_key
        )?;
    }
    source.push_str("];\n");
    fs::write(out.join("steps.rs"), source)?;
    fs::write(out.join("values.bin"), values)?;

    let after = read_file(format!("{GOLDEN}/after-0005.params"))?;
    let mut expected = Vec::new();
    for param in &plan.params {
        let tensor = after
            .arg(&param.name)
            .ok_or("after-0005.params lacks a parameter")?;
        expected.extend(tensor.data().iter().flat_map(|value| value.to_le_bytes()));
    }
    fs::write(out.join("expected.bin"), expected)?;
    Ok(())
}
