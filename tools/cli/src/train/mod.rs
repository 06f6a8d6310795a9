//! `tinpail train`: training on the host, through the executor and the kernels of the device, so that a device would have
//! computed the same bits.

mod args;
mod data;
mod optimizer;
mod report;

use std::io::Write;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Serialize;
use tinpail::data::DataIter;
use tinpail::error::{LoopError, StepError, UpdateError};
use tinpail::optim::{Optimizer, Scheduled};
use tinpail::plan::PortKind;
use tinpail_host::callback::ProgressBar;
use tinpail_host::checkpoint::{params_path, states_path};
use tinpail_host::{
    Bind, FitArgs, FitError, HostModule, InitParams, Memory, Metrics, Network, SetParams,
};
use tinpail_plan::{PlanFile, Train};

pub use args::TrainArgs;

use crate::axes::Axes;
use crate::hint::Hint;
use crate::network::{read_plan, read_symbols};
use crate::{explain, weights};
use data::{Epochs, Examples, Rules};
use optimizer::{Rates, with_optimizer};
use report::{Epoch, Report};

/// A module of any optimizer, and the rate that follows from the number of its updates.
type Module<'m, O> = HostModule<'m, Scheduled<O, Rates>>;

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'p> {
    epochs: &'p [Epoch],
    updates: usize,
    examples: usize,
    /// Examples that an epoch leaves out, because they fill no batch.
    left_out: usize,
    params: String,
}

pub fn train(args: &TrainArgs, out: &mut impl Write) -> Result<()> {
    let begin = args.resume.unwrap_or(0);
    ensure!(
        args.epochs > begin,
        "--epochs {} ends before it begins: --resume {begin}",
        args.epochs
    );
    with_optimizer!(args.optimizer, |optimizer| run(args, optimizer, out))
}

fn run<O: Optimizer + Clone>(args: &TrainArgs, optimizer: O, out: &mut impl Write) -> Result<()> {
    let memory = Memory::new();
    let mut module = bound::<O>(args, &memory)?;
    let file = module.plan_file()?;
    ensure!(
        file.plan.train != Train::None,
        "the plan is for inference: its parameters stay in flash"
    );
    let axes = axes(args, file);
    let rules = Rules {
        seed: (!args.no_shuffle).then_some(args.seed),
        last: args.last_batch,
        pad: args.pad,
        pad_value: args.pad_value,
        invalid_label: args.invalid_label,
    };
    let examples = Examples::read(&args.data_file, file, &axes, &rules)?;
    let at = || args.data_file.display().to_string();
    let left_out = examples.check(&rules).with_context(at)?;
    let eval = args.eval.as_ref().map(|path| {
        let eval = Examples::read(path, file, &axes, &rules)?;
        eval.check(&rules)
            .with_context(|| path.display().to_string())?;
        Ok::<_, anyhow::Error>(eval)
    });
    let eval = eval.transpose()?;
    let in_order = Rules {
        seed: None,
        ..rules
    };

    let begin = args.resume.unwrap_or(0);
    init_params(args, &mut module)?;
    let per_epoch = examples.batches_per_epoch(&rules);
    let rates = Rates::new(
        &args.optimizer,
        &optimizer,
        args.epochs as usize * per_epoch,
    )?;
    init_optimizer(&mut module, Scheduled::new(optimizer, rates))?;
    if args.resume.is_some() {
        module.load_optimizer_states(states_path(&args.output, begin))?;
    }

    let (mut metric, mut validation) = (metrics(args, file)?, metrics(args, file)?);
    let checkpoints = module.checkpoints(
        &args.output,
        args.checkpoint_period.unwrap_or(u32::MAX),
        true,
    )?;
    let names = metric.names();
    let mut callbacks = (
        ProgressBar::new(names.clone(), per_epoch),
        Report::new(names, (!args.json).then_some(&mut *out)),
        checkpoints,
    );
    let mut train_data = Epochs::new(&examples, &rules, begin);
    let mut eval_data = eval.as_ref().map(|eval| Epochs::new(eval, &in_order, 0));
    let fitted = module.fit(FitArgs {
        train_data: &mut train_data,
        eval_data: eval_data
            .as_mut()
            .map(|data| data as &mut dyn DataIter<Error = anyhow::Error>),
        eval_metric: &mut metric,
        validation_metric: Some(&mut validation),
        callback: Some(&mut callbacks),
        begin_epoch: begin,
        num_epoch: args.epochs,
    });
    let (_, report, checkpoints) = callbacks;
    let epochs = report.finish()?;
    checkpoints.result()?;
    fitted.map_err(failed)?;
    module.save_checkpoint(&args.output, args.epochs, true)?;

    let params = params_path(&args.output, args.epochs).display().to_string();
    if args.json {
        let printed = Printed {
            epochs: &epochs,
            updates: epochs.len() * per_epoch,
            examples: examples.len(),
            left_out,
            params,
        };
        serde_json::to_writer(&mut *out, &printed)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "{per_epoch} batches an epoch of {} examples, {left_out} left out",
        examples.len()
    )?;
    writeln!(out, "wrote {params}")?;
    Ok(())
}

/// The module, bound to the plan file or to the plan of the symbols.
fn bound<'m, O: Optimizer + Clone>(args: &TrainArgs, memory: &'m Memory) -> Result<Module<'m, O>> {
    let own = &args.network;
    let Some(dir) = &own.symbols else {
        let path = own.plan.as_ref().context("--plan or --symbols is needed")?;
        let file = read_plan(path)?;
        let (planned, wanted) = (file.plan.optimizer, O::KIND);
        if planned != wanted {
            return Err(anyhow!(
                "the plan is for {planned:?}, --optimizer is {wanted:?}"
            ))
            .hint(
                "a plan reserves the state of one optimizer: give that one, or plan for the other",
            );
        }
        return Ok(HostModule::of_plan(memory, file));
    };
    let nets = read_symbols(dir, &own.data, &own.label)?;
    let largest = nets.keys().next_back().copied().unwrap_or_default();
    let planning = |error| explain::planning(error, &dir.display().to_string());
    let network =
        Network::of_nets(nets, own.default_bucket_key.unwrap_or(largest)).map_err(planning)?;
    let network = network
        .fixed_param_names(own.fixed.iter().cloned())
        .map_err(planning)?;
    let mut module = HostModule::new(memory, network);
    module
        .bind(&Bind {
            batch_size: own.batch_size.unwrap_or(1),
            optimizer: optimizer::planned(&args.optimizer),
            ..Bind::default()
        })
        .map_err(|error| match error {
            tinpail_host::BindError::Plan(error) => planning(error),
            other => other.into(),
        })?;
    Ok(module)
}

/// Of each data input, then of each label.
fn axes(args: &TrainArgs, file: &PlanFile) -> Vec<Axes> {
    let own = &args.network;
    let declared = own.data.iter().chain(&own.label);
    match own.symbols {
        Some(_) => declared.map(Axes::of_declared).collect(),
        None => [Axes::of_plan(file), Axes::of_labels(file)].concat(),
    }
}

fn init_params<O: Optimizer + Clone>(args: &TrainArgs, module: &mut Module<'_, O>) -> Result<()> {
    if let Some(epoch) = args.resume {
        let set = SetParams::default();
        return Ok(module.load_params(params_path(&args.output, epoch), set)?);
    }
    let given = args.params.as_ref().map(|path| weights::read(path, None));
    let given = given.transpose()?;
    let initializer = args.initializer.map(optimizer::initializer);
    let default = InitParams {
        seed: args.seed,
        ..InitParams::default()
    };
    let init = match &given {
        None => InitParams {
            initializer: initializer.as_ref().or(default.initializer),
            ..default
        },
        Some(given) => InitParams {
            initializer: initializer.as_ref(),
            params: Some(given),
            allow_missing: initializer.is_some(),
            allow_extra: true,
            ..default
        },
    };
    let done = module.init_params(&init);
    match (&done, &args.params) {
        (Err(_), Some(path)) => done
            .with_context(|| path.display().to_string())
            .hint("--initializer makes those that the file lacks"),
        (Err(_), None) => done.hint("another --initializer, or --params with values for it"),
        (Ok(()), _) => Ok(()),
    }
}

fn init_optimizer<O: Optimizer + Clone>(
    module: &mut Module<'_, O>,
    optimizer: Scheduled<O, Rates>,
) -> Result<()> {
    let done = module.init_optimizer(optimizer, false);
    done.hint(
        "check the numbers of the optimizer, and that the plan reserves the state that they need",
    )
}

fn metrics(args: &TrainArgs, file: &PlanFile) -> Result<Metrics> {
    if !args.metric.is_empty() {
        return Ok(Metrics::create(args.metric.iter().map(String::as_str))?);
    }
    let labels = file
        .plan
        .buckets
        .first()
        .map(|bucket| bucket.labels.of(&file.plan.ports));
    let classes = labels
        .and_then(<[_]>::first)
        .map(|port| port.kind != PortKind::F32);
    match classes {
        Some(true) => Ok(Metrics::create(["acc"])?),
        Some(false) => Ok(Metrics::create(["mse"])?),
        None => Err(anyhow!(
            "the network has no label to measure its output with"
        ))
        .hint("--metric loss measures the output itself"),
    }
}

/// Why training ended.
fn failed(error: FitError<anyhow::Error>) -> anyhow::Error {
    let error = match error {
        FitError::Loop(LoopError::Data(error)) => return error,
        FitError::Loop(error) => error,
        other => return other.into(),
    };
    let diverged = matches!(
        error,
        LoopError::Step(StepError::Update(
            UpdateError::NotFinite | UpdateError::Overflow
        ))
    );
    let failed: Result<()> = Err(match diverged {
        true => anyhow!("training diverged: a gradient or a parameter is not finite"),
        false => anyhow!("training fails: {error:?}"),
    });
    let failed = match diverged {
        true => failed.hint("a smaller --lr, or --clip-gradient"),
        false => failed,
    };
    failed.err().unwrap_or_else(|| anyhow!("no error"))
}
