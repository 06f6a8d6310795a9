//! `cargo xtask demo`: a trained model on each emulated board, from conversion to fine-tuning and reset.

use anyhow::{Context, Result, ensure};
use tinpail_plan::PlanFile;

use crate::{
    boards::{self, BOARDS, Board},
    demo::{
        device::{self, Device},
        judge::{self, Mxnet, Tuning},
        twin::{self, Outcome},
    },
    elf, memory,
    project::Project,
    qemu, setup, ui,
};

/// Microphones learned.
const SEEDS: usize = 10;
/// And where floats are emulated: a step takes twenty times as long there, and the bits are the same.
const SEEDS_SOFT_FLOAT: usize = 1;
/// What the test set must reach as recorded, and at the median after fine-tuning all layers.
const ACCURACY: f64 = 0.97;
const TUNED_ACCURACY: f64 = 0.87;

/// One board's share of the closing table.
struct Shown {
    name: String,
    device: Device,
    tuning: Tuning,
    /// Of the predicted probabilities, against MXNet's.
    worst_difference: f32,
    flash: u64,
    ram: u64,
    test_data: u64,
}

pub fn run() -> Result<()> {
    let project = Project::find()?;
    setup::cross(&project, &boards::targets())?;
    setup::qemu()?;
    let mxnet = Mxnet::read(&project)?;
    show_model(&mxnet);
    show_plan()?;

    let host = ui::step("Simulating the demo on the host", || twin::run(SEEDS))?;
    let brief = twin::run(SEEDS_SOFT_FLOAT)?;
    let mut shown = Vec::new();
    for board in &BOARDS {
        for &target in board.targets {
            let (seeds, host) = match target {
                "riscv32imac-unknown-none-elf" => (SEEDS_SOFT_FLOAT, &brief),
                _ => (SEEDS, &host),
            };
            shown.push(show_board(&project, board, target, seeds, host, &mxnet)?);
        }
    }
    closing_tables(&shown);
    Ok(())
}

fn show_model(mxnet: &Mxnet) {
    println!(
        "Model: GRU (hidden 16) over 12 coefficients, 9 speakers, Japanese Vowels; trained by MXNet {} in {} epochs.\n\
         MXNet's own accuracy on the test set: {:.4} ({} of {}).\n",
        mxnet.mxnet,
        mxnet.epochs,
        mxnet.test_accuracy,
        mxnet.test_correct,
        mxnet.predicted.len(),
    );
}

fn show_plan() -> Result<()> {
    let all_layers = PlanFile::from_bytes(speaker::build::ALL_LAYERS)?;
    let last_layer = PlanFile::from_bytes(speaker::build::LAST_LAYER)?;
    let one_bucket = PlanFile::from_bytes(speaker::build::ONE_BUCKET)?;
    println!("Plan, all layers trainable (transient bytes; the bound is the largest live sum):");
    print!("{}", tinpail_plan::report::table(&all_layers));
    println!(
        "\nPlan, last layer trainable: arena {} B. One bucket of 29, inference only: arena {} B.",
        last_layer.report.arena_bytes, one_bucket.report.arena_bytes
    );
    let mut steps = (0, 0);
    for utterance in speaker::data::test().map_err(data)?.iter() {
        let len = utterance.map_err(data)?.len();
        let bucket = speaker::all_layers::Bucket::fitting(len).context("no bucket fits")?;
        steps.0 += bucket.key();
        steps.1 += 29;
    }
    println!(
        "Padding: the test set takes {} steps in its buckets and {} in one bucket of 29 ({:+.0} %).\n",
        steps.0,
        steps.1,
        100.0 * (steps.1 as f64 / steps.0 as f64 - 1.0)
    );
    Ok(())
}

fn data(error: speaker::Error) -> anyhow::Error {
    anyhow::anyhow!("the demo's data cannot be read: {error:?}")
}

fn show_board(
    project: &Project,
    board: &'static Board,
    target: &str,
    seeds: usize,
    host: &Outcome,
    mxnet: &Mxnet,
) -> Result<Shown> {
    let built = ui::step(&format!("Building the firmware for {target}"), || {
        board.build(project, target, &[])
    })?;
    let firmware = built
        .firmware
        .iter()
        .find(|firmware| firmware.name == board.name)
        .with_context(|| format!("{} has no main firmware", board.name))?;
    let what = format!(
        "Predicting and learning {seeds} microphone(s) in QEMU ({})",
        board.machine
    );
    let device = ui::step(&what, || {
        device::run(project, firmware, seeds, qemu::TIMEOUT, |_| ())
    })?;
    let worst_difference = judge::same_as_mxnet(&device.outcome, mxnet)?;
    judge::same_as_host(&device.outcome, host)?;
    judge::same_after_reset(&device.outcome)?;
    let tuning = Tuning::read(&device.outcome)?;
    ensure!(
        tuning.predicted as f64 >= ACCURACY * tuning.total as f64,
        "the accuracy is below {ACCURACY}"
    );
    if seeds == SEEDS {
        let (all, _) = tuning.summary(&tuning.all_layers);
        ensure!(
            all >= TUNED_ACCURACY,
            "fine-tuned to {all:.3}, below {TUNED_ACCURACY}"
        );
        for other in [&tuning.last_layer, &tuning.renormalised] {
            ensure!(
                tuning.summary(other).0 < all,
                "training all layers is not the best way"
            );
        }
    }
    let regions = memory::read(&board.folder(project).join("memory.x"))?;
    let used = elf::sizes(&firmware.elf, &regions)?;
    let bytes = |name: &str| {
        let each = regions.iter().zip(&used);
        each.filter(|(region, _)| region.name == name)
            .map(|(_, used)| *used)
            .sum()
    };
    Ok(Shown {
        name: target.to_owned(),
        device,
        tuning,
        worst_difference,
        flash: bytes("FLASH"),
        ram: bytes("RAM"),
        test_data: bytes("TESTDATA"),
    })
}

/// What the buckets save over one of 29 steps, in the instructions of predicting the test set.
fn show_padding(shown: &[Shown]) {
    let Ok(test) = speaker::data::test() else {
        return;
    };
    let keys: Vec<u32> = test
        .iter()
        .flatten()
        .filter_map(|utterance| speaker::all_layers::Bucket::fitting(utterance.len()))
        .map(|bucket| bucket.key() as u32)
        .collect();
    for shown in shown {
        let cost = |key: u32| {
            let rows = shown.device.instructions.iter();
            rows.filter(|row| row.bucket == key)
                .map(|row| row.inference)
                .sum::<u64>()
        };
        let bucketed: u64 = keys.iter().map(|key| cost(*key)).sum();
        let single = keys.len() as u64 * cost(29);
        println!(
            "{}: the test set takes {:.1} M instructions in its buckets, {:.1} M padded to 29.",
            shown.name,
            bucketed as f64 / 1e6,
            single as f64 / 1e6
        );
    }
}

fn closing_tables(shown: &[Shown]) {
    println!(
        "\nPrediction and fine-tuning (every value equal to the host's simulation, to the last bit):"
    );
    let rows: Vec<[String; 9]> = shown
        .iter()
        .map(|shown| {
            let tuning = &shown.tuning;
            let cell = |right: &[usize]| {
                let (median, worst) = tuning.summary(right);
                format!("{median:.3} / {worst:.3}")
            };
            [
                shown.name.clone(),
                format!(
                    "{:.4}",
                    tuning.predicted as f64 / tuning.total.max(1) as f64
                ),
                format!("the same, |dp| <= {:.1e}", shown.worst_difference),
                tuning.changed.len().to_string(),
                cell(&tuning.changed),
                cell(&tuning.renormalised),
                cell(&tuning.last_layer),
                cell(&tuning.all_layers),
                "same bits".into(),
            ]
        })
        .collect();
    ui::table(
        [
            "target",
            "accuracy",
            "370 classes of MXNet",
            "microphones",
            "changed (median / worst)",
            "inputs renormalised",
            "last layer trained",
            "all layers trained",
            "after reset",
        ],
        &rows,
    );
    println!("\nExecuted instructions, inference / training step:");
    let rows: Vec<[String; 5]> = shown
        .iter()
        .map(|shown| {
            let bucket = |key: u32| {
                let found = shown
                    .device
                    .instructions
                    .iter()
                    .find(|row| row.bucket == key);
                found.map_or_else(String::new, |row| {
                    format!("{} / {}", row.inference, row.training)
                })
            };
            [
                shown.name.clone(),
                bucket(12),
                bucket(16),
                bucket(20),
                bucket(29),
            ]
        })
        .collect();
    ui::table(
        ["target", "bucket 12", "bucket 16", "bucket 20", "bucket 29"],
        &rows,
    );
    show_padding(shown);
    println!(
        "\nMemory of the firmware (its linker script grants 128 KB of flash and 32 KB of RAM):"
    );
    let rows: Vec<[String; 5]> = shown
        .iter()
        .map(|shown| {
            [
                shown.name.clone(),
                format!("{} B", shown.flash),
                format!("{} B", shown.ram),
                format!("{} B", shown.device.stack.0),
                format!("{} B", shown.test_data),
            ]
        })
        .collect();
    ui::table(
        [
            "target",
            "flash",
            "static RAM",
            "stack, deepest",
            "test data beside it",
        ],
        &rows,
    );
}
