//! `tinpail plan`: what a network costs and what it calls.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Serialize;
use tinpail_plan::plan_file::{BucketNames, Named, Report};
use tinpail_plan::{PlanFile, report};

use crate::args::NetworkArgs;
use crate::calls::{self, CallLine};
use crate::network::Network;
use crate::text::{hex, shape_text};
use crate::{files, fit};

#[derive(Args)]
pub struct PlanArgs {
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
    /// Print each kernel call with its operands
    #[arg(long)]
    calls: bool,
    /// With --calls: those of one bucket
    #[arg(long, value_name = "KEY", requires = "calls")]
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
    report: &'p Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<Vec<CallLine>>,
}

pub fn plan(args: &PlanArgs, out: &mut impl Write) -> Result<()> {
    let file = Network::load(&args.network, args.ram_limit)?.file;
    let bucket = args.bucket.map(|key| fit::bucket_of_key(&file, key));
    let bucket = bucket.transpose()?;
    let calls = args.calls.then(|| calls::lines(&file, bucket));
    if let Some(path) = &args.output {
        files::write(path, &file.to_bytes()?)?;
    }
    if let Some(path) = &args.blob {
        files::write(path, &file.blob()?)?;
    }
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &printed(&file, calls))?;
        writeln!(out)?;
        return Ok(());
    }
    print(&file, out)?;
    if let Some(calls) = calls {
        calls::print(&calls, out)?;
    }
    for path in args.output.iter().chain(&args.blob) {
        writeln!(out, "written to {}", path.display())?;
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
    serde_json::to_writer_pretty(&mut *out, &printed(file, None))?;
    writeln!(out).map_err(|error| anyhow!(error))
}

fn printed(file: &PlanFile, calls: Option<Vec<CallLine>>) -> Printed<'_> {
    let default = file.buckets.get(usize::from(file.plan.default_bucket));
    Printed {
        schema: hex(file.plan.schema),
        fingerprint: hex(file.plan.fingerprint),
        batch_size: file.plan.batch_size,
        train: file.plan.train,
        default_bucket_key: default.map(|bucket| bucket.key),
        params: &file.params,
        states: &file.states,
        buckets: &file.buckets,
        report: &file.report,
        calls,
    }
}
