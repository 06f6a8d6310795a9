//! `tinpail convert`: trained weights to the blob in flash.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use crate::args::NetworkArgs;
use crate::network::Network;
use crate::text::hex;
use crate::{files, weights};

#[derive(Args)]
pub struct ConvertArgs {
    /// MXNet's .params, or .safetensors
    params: PathBuf,
    /// The blob [default: PARAMS with the extension .blob]
    #[arg(short, long, value_name = "OUT.blob")]
    output: Option<PathBuf>,
    /// A JSON object from names in PARAMS to names in the network
    #[arg(long, value_name = "MAP.json")]
    names: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    network: NetworkArgs,
}

#[derive(Serialize)]
struct Summary {
    blob: PathBuf,
    bytes: usize,
    schema: String,
    tensors: usize,
    elements: usize,
    /// Tensors of the file that the network does not have.
    left_out: Vec<String>,
}

pub fn convert(args: &ConvertArgs, out: &mut impl Write) -> Result<()> {
    let plan = Network::load(&args.network, None)?.file;
    let weights = weights::read(&args.params, args.names.as_deref())?;
    let bytes = weights::to_blob(&plan, &weights, &args.params)?;
    let blob = match &args.output {
        Some(output) => output.clone(),
        None => args.params.with_extension("blob"),
    };
    if blob == args.params {
        bail!("{} would be overwritten", blob.display());
    }
    files::write(&blob, &bytes)?;
    let is_used = |name: &str| plan.params.iter().any(|param| param.name == name);
    let unused = weights.iter().filter(|entry| !is_used(&entry.name));
    let summary = Summary {
        blob,
        bytes: bytes.len(),
        schema: hex(plan.plan.schema),
        tensors: plan.params.len(),
        elements: plan.params.iter().map(|param| param.len()).sum(),
        left_out: unused.map(|entry| entry.full_name()).collect(),
    };
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &summary)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "{}: {} tensors, {} weights, {} bytes, schema {}",
        summary.blob.display(),
        summary.tensors,
        summary.elements,
        summary.bytes,
        summary.schema,
    )?;
    if !summary.left_out.is_empty() {
        let names = summary.left_out.join(", ");
        writeln!(
            out,
            "left out, for the network has no such parameter: {names}"
        )?;
    }
    Ok(())
}
