//! Whether the device did what it must: the host's bits, MXNet's predictions, and the accuracies.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::twin::Outcome;
use crate::project::Project;

/// What MXNet itself predicted, as train.py recorded it.
#[derive(Deserialize)]
pub struct Mxnet {
    pub mxnet: String,
    pub test_accuracy: f64,
    pub test_correct: usize,
    pub epochs: usize,
    pub predicted: Vec<u16>,
    pub probabilities: Vec<Vec<f32>>,
}

impl Mxnet {
    pub fn read(project: &Project) -> Result<Self> {
        let path = project.boards().join("speaker/model/mxnet.json");
        let text =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("cannot read {}", path.display()))
    }
}

/// Fails at the first line or value in which the device differs from its simulation.
pub fn same_as_host(device: &Outcome, host: &Outcome) -> Result<()> {
    let (ours, theirs) = (device.files.keys(), host.files.keys());
    ensure!(
        ours.clone().eq(theirs.clone()),
        "the device recorded {ours:?}, the host {theirs:?}"
    );
    for (name, bytes) in &host.files {
        let found = &device.files[name];
        ensure!(
            found.len() == bytes.len(),
            "{name}: {} bytes on the device, {} on the host",
            found.len(),
            bytes.len()
        );
        let words = bytes.chunks_exact(4).zip(found.chunks_exact(4));
        let differing = words.filter(|(host, device)| host != device).count();
        ensure!(
            differing == 0,
            "{name}: {differing} of {} values differ from the host's",
            bytes.len() / 4
        );
    }
    ensure!(
        device.lines == host.lines,
        "the device printed\n{}\nand the host\n{}",
        device.lines.join("\n"),
        host.lines.join("\n")
    );
    Ok(())
}

/// Fails unless every utterance of the test set is classified as MXNet classifies it. Returns the largest
/// difference of a probability.
pub fn same_as_mxnet(outcome: &Outcome, mxnet: &Mxnet) -> Result<f32> {
    let outputs = floats(outcome, "predictions.bin")?;
    let classes = outputs.len() / mxnet.predicted.len().max(1);
    ensure!(classes > 0, "no predictions were recorded");
    let mut worst = 0f32;
    let rows = outputs.chunks_exact(classes).zip(&mxnet.probabilities);
    for (utterance, ((ours, theirs), predicted)) in rows.zip(&mxnet.predicted).enumerate() {
        let best = (0..classes)
            .rev()
            .max_by(|a, b| ours[*a].total_cmp(&ours[*b]));
        ensure!(
            best == Some(usize::from(*predicted)),
            "test utterance {utterance}: class {best:?}, MXNet's is {predicted}"
        );
        for (ours, theirs) in ours.iter().zip(theirs) {
            worst = worst.max((ours - theirs).abs());
        }
    }
    Ok(worst)
}

/// Fails unless the boot after the reset predicted, bit for bit, what the first one did before it.
pub fn same_after_reset(outcome: &Outcome) -> Result<()> {
    let file = |name: &str| {
        outcome
            .files
            .get(name)
            .with_context(|| format!("no {name}"))
    };
    ensure!(
        file("before_reset.bin")? == file("after_reset.bin")?,
        "the outputs after the reset differ from those before it"
    );
    Ok(())
}

fn floats(outcome: &Outcome, name: &str) -> Result<Vec<f32>> {
    let bytes = outcome
        .files
        .get(name)
        .with_context(|| format!("no {name}"))?;
    let words = bytes.as_chunks::<4>().0.iter();
    Ok(words.map(|word| f32::from_le_bytes(*word)).collect())
}

/// Utterances right, of `total`, for each microphone, in four ways of meeting it.
#[derive(Default)]
pub struct Tuning {
    pub total: usize,
    /// Right as recorded, before the microphone changes.
    pub predicted: usize,
    pub changed: Vec<usize>,
    pub renormalised: Vec<usize>,
    pub last_layer: Vec<usize>,
    pub all_layers: Vec<usize>,
}

impl Tuning {
    /// Reads the lines that the application printed.
    pub fn read(outcome: &Outcome) -> Result<Self> {
        let mut tuning = Tuning::default();
        for line in &outcome.lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["predict", right, "of", total] => {
                    tuning.predicted = right.parse()?;
                    tuning.total = total.parse()?;
                }
                [
                    "microphone",
                    _,
                    "changed",
                    changed,
                    "renormalised",
                    renormalised,
                    "last",
                    last,
                    "all",
                    all,
                ] => {
                    tuning.changed.push(changed.parse()?);
                    tuning.renormalised.push(renormalised.parse()?);
                    tuning.last_layer.push(last.parse()?);
                    tuning.all_layers.push(all.parse()?);
                }
                _ => {}
            }
        }
        ensure!(!tuning.changed.is_empty(), "no microphone was learned");
        Ok(tuning)
    }

    /// (median, worst) accuracy.
    pub fn summary(&self, right: &[usize]) -> (f64, f64) {
        let mut sorted = right.to_vec();
        sorted.sort_unstable();
        let accuracy = |right: f64| right / self.total.max(1) as f64;
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle] as f64
        } else {
            (sorted[middle - 1] + sorted[middle]) as f64 / 2.0
        };
        (accuracy(median), accuracy(sorted[0] as f64))
    }
}
