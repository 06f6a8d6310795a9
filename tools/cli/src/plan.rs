//! `tinpail plan`: what a network costs and what it calls.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use serde::Serialize;
use tinpail_plan::plan_file::{BucketNames, Named};
use tinpail_plan::{PlanFile, report};

use crate::args::NetworkArgs;
use crate::calls::{self, CallLine};
use crate::network::Network;
use crate::picture::{self, Mode, Picture};
use crate::text::{hex, shape_text};
use crate::{files, fit};

#[derive(Args)]
pub struct PlanArgs {
    /// Print the plan as JSON: names, costs, and for each program its calls and the buffers in the arena
    #[arg(long)]
    json: bool,
    /// Print each kernel call with its operands
    #[arg(long)]
    calls: bool,
    /// Write a page with the arena call by call: all buckets, inference and training
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Write the arena call by call of one bucket as a picture
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// With --svg: which program [default: train if the plan trains]
    #[arg(long, value_name = "PROGRAM", requires = "svg")]
    program: Option<Mode>,
    /// With --calls: those of one bucket; with --svg: which bucket [default: the default bucket]
    #[arg(long, value_name = "KEY")]
    bucket: Option<u32>,
    /// Fail if the arena needs more
    #[arg(long, value_name = "BYTES")]
    ram_limit: Option<usize>,
    /// Write the plan for convert, plan and run
    #[arg(short, long, value_name = "NAME.plan.postcard")]
    output: Option<PathBuf>,
    /// Write the plan alone, without names, for a firmware that loads it beside the kernels it has
    #[arg(long, value_name = "NAME.plan.blob")]
    blob: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
}

#[derive(Serialize)]
struct Printed<'p> {
    schema: String,
    fingerprint: String,
    batch_size: u32,
    train: tinpail_plan::Train,
    default_bucket_key: Option<u32>,
    params: &'p [Named],
    states: &'p [Named],
    buckets: &'p [BucketNames],
    report: Costs,
    arena: Picture,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<Vec<CallLine>>,
}

/// What the plan costs; each program's share is with its picture.
#[derive(Serialize)]
struct Costs {
    arena_bytes: usize,
    param_bytes: usize,
    optimizer_bytes: usize,
    grad_bytes: usize,
    state_bytes: usize,
    flash_param_bytes: usize,
    plan_bytes: usize,
    buckets: Vec<BucketCost>,
}

#[derive(Serialize)]
struct BucketCost {
    key: u32,
    plan_bytes: usize,
}

pub fn plan(args: &PlanArgs, out: &mut impl Write) -> Result<()> {
    let file = Network::load(&args.network, args.ram_limit)?.file;
    if args.bucket.is_some() && !args.calls && args.svg.is_none() {
        bail!("--bucket is for --calls and --svg");
    }
    let bucket = args.bucket.map(|key| fit::bucket_of_key(&file, key));
    let bucket = bucket.transpose()?;
    let calls = args.calls.then(|| calls::lines(&file, bucket));
    if let Some(path) = &args.output {
        files::write(path, &file.to_bytes()?)?;
    }
    if let Some(path) = &args.blob {
        files::write(path, &file.blob()?)?;
    }
    if args.html.is_some() || args.svg.is_some() {
        draw(args, &file)?;
    }
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &printed(&file, calls)?)?;
        writeln!(out)?;
        return Ok(());
    }
    print(&file, out)?;
    if let Some(calls) = calls {
        calls::print(&calls, out)?;
    }
    let pictures = args.html.iter().chain(&args.svg);
    for path in args.output.iter().chain(&args.blob).chain(pictures) {
        writeln!(out, "written to {}", path.display())?;
    }
    Ok(())
}

/// Writes the pictures that are asked for.
fn draw(args: &PlanArgs, file: &PlanFile) -> Result<()> {
    let picture = Picture::of(file)?;
    let network = args.network.name();
    if let Some(path) = &args.html {
        files::write(
            path,
            picture::page(&picture, file, &network, &[]).as_bytes(),
        )?;
    }
    if let Some(path) = &args.svg {
        let default = file.buckets.get(usize::from(file.plan.default_bucket));
        let key = args.bucket.or(default.map(|bucket| bucket.key));
        let of_bucket = picture
            .programs
            .iter()
            .filter(|own| Some(own.bucket) == key);
        let mut wanted =
            of_bucket.filter(|own| args.program.is_none_or(|mode| own.program == mode));
        let program = wanted.next_back();
        let program = program.context("the plan has no such program: it is for inference alone")?;
        files::write(path, picture::svg(&picture, program, &network).as_bytes())?;
    }
    Ok(())
}

/// The plan as text: names and shapes, then the planner's report.
pub fn print(file: &PlanFile, out: &mut impl Write) -> Result<()> {
    let named = |items: &[Named]| {
        let each = items.iter();
        let each = each.map(|item| format!("{} {}", item.name, shape_text(&item.shape)));
        each.collect::<Vec<String>>().join(", ")
    };
    writeln!(
        out,
        "schema {}  plan {}  batch {}  train {:?}",
        hex(file.plan.schema),
        hex(file.plan.fingerprint),
        file.plan.batch_size,
        file.plan.train,
    )?;
    writeln!(out, "parameters: {}", named(&file.params))?;
    if !file.states.is_empty() {
        writeln!(out, "states: {}", named(&file.states))?;
    }
    for (index, bucket) in file.buckets.iter().enumerate() {
        let default = match usize::from(file.plan.default_bucket) == index {
            true => " (default)",
            false => "",
        };
        writeln!(
            out,
            "bucket {}{default}: data {}; labels {}; outputs {}",
            bucket.key,
            named(&bucket.data_shapes),
            match bucket.label_shapes.as_slice() {
                [] => "none".into(),
                labels => named(labels),
            },
            named(&bucket.output_shapes),
        )?;
    }
    writeln!(out)?;
    write!(out, "{}", report::table(file))?;
    Ok(())
}

/// The plan as JSON.
pub fn print_json(file: &PlanFile, out: &mut impl Write) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, &printed(file, None)?)?;
    writeln!(out).map_err(|error| anyhow!(error))
}

fn printed(file: &PlanFile, calls: Option<Vec<CallLine>>) -> Result<Printed<'_>> {
    let default = file.buckets.get(usize::from(file.plan.default_bucket));
    let report = &file.report;
    let buckets = report.buckets.iter().map(|bucket| BucketCost {
        key: bucket.key,
        plan_bytes: bucket.plan_bytes,
    });
    Ok(Printed {
        schema: hex(file.plan.schema),
        fingerprint: hex(file.plan.fingerprint),
        batch_size: file.plan.batch_size,
        train: file.plan.train,
        default_bucket_key: default.map(|bucket| bucket.key),
        params: &file.params,
        states: &file.states,
        buckets: &file.buckets,
        report: Costs {
            arena_bytes: report.arena_bytes,
            param_bytes: report.param_bytes,
            optimizer_bytes: report.optimizer_bytes,
            grad_bytes: report.grad_bytes,
            state_bytes: report.state_bytes,
            flash_param_bytes: report.flash_param_bytes,
            plan_bytes: report.plan_bytes,
            buckets: buckets.collect(),
        },
        arena: Picture::of(file)?,
        calls,
    })
}
