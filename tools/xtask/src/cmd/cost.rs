//! `cargo xtask cost`: what each optimizer, metric and operator adds to a firmware's flash. Writes the table of
//! `boards/cost/README.md`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::{elf, marked, process, project::Project, setup, ui};

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

/// The modules of tinpail that a base has functions of, at most: what it uses, with what lies in them. (Kernels that are
/// inlined have no function.)
const OF_INFERENCE: &[&str] = &[
    "arena",
    "blob",
    "error",
    "exec",
    "kernel::arm::gates",
    "kernel::arm::gemm",
    "kernel::arm::gemv",
    "kernel::call",
    "kernel::dense",
    "kernel::finite",
    "kernel::rows",
    "kernel::softmax",
    "math",
    "model",
    "module",
    "plan",
];
const OF_TRAINING: &[&str] = &[
    "kernel::arm::finite",
    "kernel::arm::outer",
    "kernel::arm::rows",
    "kernel::arm::sgd",
    "optim::common",
    "optim::sgd",
    "optim::states",
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
    uses_only(&project, OF_INFERENCE)?;
    let training = flash(&project, "base/training")?;
    uses_only(&project, &[OF_INFERENCE, OF_TRAINING].concat())?;
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
        marked::write(&project.boards().join("cost/README.md"), MARKS, &table)?;
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
            .args(["--config", "profile.release.debug=0"])
            .args(["--target", TARGET, "--target-dir"])
            .arg(&project.boards_target)
            .env("TINPAIL_COST", subject)
            .current_dir(project.boards().join("cost"));
        process::run(&mut cargo)?;
        elf::loaded(&program(project))
    })
}

/// What was built last.
fn program(project: &Project) -> PathBuf {
    let release = project.boards_target.join(TARGET).join("release");
    release.join("cost")
}

/// That the program which was built last has functions of these modules of tinpail and of no other: what is not used
/// takes nothing.
fn uses_only(project: &Project, expected: &[&str]) -> Result<()> {
    let functions = elf::functions(&program(project))?;
    let modules: BTreeSet<String> = functions.iter().filter_map(|name| module(name)).collect();
    ensure!(!modules.is_empty(), "the program has no symbols");
    let other: Vec<_> = modules
        .iter()
        .filter(|module| {
            let within = |parent: &&&str| {
                let rest = module.strip_prefix(**parent);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            };
            !expected.iter().any(|parent| within(&parent))
        })
        .collect();
    ensure!(
        other.is_empty(),
        "the base has functions of {other:?}, which it does not use"
    );
    Ok(())
}

/// The module, three levels deep, of a function or of the type whose method it is, from its mangled name: a path there
/// is names after their lengths, or names with two dots between them.
fn module(mangled: &str) -> Option<String> {
    let names = match mangled.split_once("tinpail..") {
        Some((_, path)) => dotted(path),
        None => counted(mangled.split_once("7tinpail")?.1),
    };
    // The last one is the function's own, and a type's is no module's.
    let (_, path) = names.split_last()?;
    let modules = path.iter().take(3);
    let modules: Vec<_> = modules
        .take_while(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
        .copied()
        .collect();
    Some(modules.join("::")).filter(|path| !path.is_empty())
}

/// `optim..sgd..Sgd$u20$as...`
fn dotted(path: &str) -> Vec<&str> {
    let end = path.find('$').unwrap_or(path.len());
    path[..end].split("..").collect()
}

/// `4exec3run17h09ac...`, the hash left out.
fn counted(mut path: &str) -> Vec<&str> {
    let mut names = Vec::new();
    loop {
        let digits = path.len() - path.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let len = path[..digits].parse::<usize>();
        let Some(name) = len.ok().and_then(|len| path.get(digits..digits + len)) else {
            break;
        };
        let is_hash = name.len() == 17 && name.starts_with('h');
        if !is_hash {
            names.push(name);
        }
        path = &path[digits + name.len()..];
    }
    names
}

#[cfg(test)]
mod tests {
    use super::module;

    #[test]
    fn modules_of_mangled_names() {
        let module = |name| module(name).unwrap_or_default();
        assert_eq!(module("_ZN7tinpail4exec3run17h09ac487594f1c9a9E"), "exec");
        let nested = "_ZN7tinpail6kernel4call6update16apply_compressed17hf07daf9171da2401E";
        assert_eq!(module(nested), "kernel::call::update");
        let method = "_ZN71_$LT$tinpail..optim..sgd..Sgd$u20$as$u20$tinpail..optim..Optimizer$GT$5apply17h402e4d78920e12c6E";
        assert_eq!(module(method), "optim::sgd");
        assert_eq!(module("_ZN4core3fmt5write17h402e4d78920e12c6E"), "");
    }
}
