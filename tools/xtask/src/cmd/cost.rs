//! `cargo xtask cost`: what each optimizer, metric and operator adds to a firmware's flash. Writes the table of
//! `boards/cost/README.md`.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::{elf, process, project::Project, setup, ui};

#[derive(clap::Args)]
pub struct Args {
    /// Only subjects whose name has this in it; the table is printed and not written
    #[arg(long)]
    only: Option<String>,
}

const TARGET: &str = "thumbv7em-none-eabihf";

/// Subjects, as `boards/cost/build` names them.
const OPTIMIZERS: &[&str] = &[
    "sgd",
    "sgd with momentum",
    "nag",
    "adam",
    "adagrad",
    "adadelta",
    "rmsprop",
    "rmsprop centered",
    "ftrl",
    "adamax",
    "nadam",
    "signum",
];
const METRICS: &[&str] = &[
    "accuracy",
    "top_k_accuracy",
    "cross-entropy",
    "nll_loss",
    "perplexity",
    "mse",
    "mae",
    "rmse",
    "f1",
    "mcc",
    "pearsonr",
    "loss",
];
const OPERATORS: &[&str] = &[
    "Activation relu",
    "Activation sigmoid",
    "Activation tanh",
    "Activation softrelu",
    "Activation softsign",
    "LeakyReLU leaky",
    "LeakyReLU elu",
    "LeakyReLU selu",
    "LeakyReLU gelu",
    "LeakyReLU prelu",
    "softmax",
    "log_softmax",
    "exp",
    "log",
    "sqrt",
    "Embedding",
    "Convolution",
    "Pooling max",
    "Pooling avg",
    "BatchNorm",
    "LayerNorm",
    "LRN",
    "RNN rnn_tanh",
    "RNN lstm",
    "RNN gru",
    "RNN gru, bidirectional",
    "SequenceLast",
    "SequenceReverse",
    "mean",
    "sum",
    "Reshape",
    "SwapAxis",
    "transpose",
    "Concat",
    "SliceChannel",
    "elemwise_add",
    "elemwise_mul",
    "broadcast_mul",
    "_mul_scalar",
    "Dropout",
    "BlockGrad",
    "LinearRegressionOutput",
    "LogisticRegressionOutput",
    "MAERegressionOutput",
    "MakeLoss",
];

/// What stands before and after the table in the file.
const MARKS: [&str; 2] = ["<!-- table -->\n", "<!-- end -->\n"];

pub fn run(args: &Args) -> Result<()> {
    let project = Project::find()?;
    setup::cross(&project, &[TARGET])?;
    let wanted = |name: &&&str| {
        let only = args.only.as_deref();
        only.is_none_or(|part| name.contains(part))
    };
    let inference = flash(&project, "base/inference")?;
    let training = flash(&project, "base/training")?;
    let mut table = format!(
        "| base | bytes of flash |\n| --- | ---: |\n\
         | a program that predicts: two dense layers, softmax | {inference} |\n\
         | the same that trains, with plain SGD | {training} |\n\n\
         | optimizer | more than plain SGD |\n| --- | ---: |\n"
    );
    for name in OPTIMIZERS.iter().filter(wanted) {
        let more = more(&project, &format!("optimizer/{name}"), training)?;
        writeln!(table, "| {name} | {more} |")?;
    }
    table.push_str("\n| metric | more than without |\n| --- | ---: |\n");
    for name in METRICS.iter().filter(wanted) {
        let more = more(&project, &format!("metric/{name}"), inference)?;
        writeln!(table, "| {name} | {more} |")?;
    }
    table.push_str("\n| operator | more, predicting | more, training |\n| --- | ---: | ---: |\n");
    for name in OPERATORS.iter().filter(wanted) {
        let predicting = more(&project, &format!("inference/{name}"), inference)?;
        let trained = more(&project, &format!("training/{name}"), training)?;
        writeln!(table, "| {name} | {predicting} | {trained} |")?;
    }
    print!("{table}");
    if args.only.is_none() {
        write_table(&project, &table)?;
    }
    Ok(())
}

/// Bytes that the subject's program takes beyond its base.
fn more(project: &Project, subject: &str, base: u64) -> Result<i64> {
    Ok(flash(project, subject)?.cast_signed() - base.cast_signed())
}

/// Bytes of flash of the subject's program.
fn flash(project: &Project, subject: &str) -> Result<u64> {
    ui::step(&format!("Building {subject}"), || {
        let mut cargo = process::cargo();
        cargo
            .args(["build", "--quiet", "--release", "--package", "cost"])
            .args(["--target", TARGET, "--target-dir"])
            .arg(&project.boards_target)
            .env("TINPAIL_COST", subject)
            .current_dir(project.boards().join("cost"));
        process::run(&mut cargo)?;
        let release = project.boards_target.join(TARGET).join("release");
        elf::loaded(&release.join("cost"))
    })
}

fn write_table(project: &Project, table: &str) -> Result<()> {
    let path = project.boards().join("cost/README.md");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let [start, end] = MARKS;
    let (Some((head, _)), Some((_, tail))) = (text.split_once(start), text.split_once(end)) else {
        bail!("{} has lost its marks", path.display());
    };
    let text = format!("{head}{start}{table}{end}{tail}");
    fs::write(&path, text).with_context(|| path.display().to_string())
}
