//! `tinpail inspect`: what is in a file.

mod blob;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde::Serialize;
use tinpail_convert::{Listed, list_file};

use crate::hint::Hint;
use crate::text::{Align, shape_text, table};
use crate::{network, plan};

#[derive(Args)]
pub struct InspectArgs {
    /// A blob, a .params, a .safetensors or a plan file
    file: PathBuf,
    /// For a blob: the plan, which has the names and decides whether it would be bound
    #[arg(long, value_name = "NAME.plan.postcard")]
    plan: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// What a file is.
enum Kind {
    Blob,
    Plan,
    Weights,
}

pub fn inspect(args: &InspectArgs, out: &mut impl Write) -> Result<()> {
    let path = &args.file;
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    match kind(path, &bytes)? {
        Kind::Blob => {
            let plan = args.plan.as_deref().map(network::read_plan).transpose()?;
            blob::inspect(path, &bytes, plan.as_ref(), args.json, out)
        }
        Kind::Plan => {
            let file = network::read_plan(path)?;
            match args.json {
                true => plan::print_json(&file, out),
                false => plan::print(&file, out),
            }
        }
        Kind::Weights => weights(&list_file(path)?, args.json, out),
    }
}

/// By the extension, so that a damaged file is still what it was; then by the first bytes.
fn kind(path: &Path, bytes: &[u8]) -> Result<Kind> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("params" | "safetensors") => return Ok(Kind::Weights),
        Some("blob") => return Ok(Kind::Blob),
        _ => {}
    }
    if bytes.starts_with(&tinpail::blob::MAGIC) {
        return Ok(Kind::Blob);
    }
    if bytes.starts_with(b"tinplan") || extension == Some("postcard") {
        return Ok(Kind::Plan);
    }
    let unknown = anyhow!(
        "{}: neither its name nor its first bytes say what it is",
        path.display()
    );
    Err(unknown).hint("inspect reads .blob, .params, .safetensors and .plan.postcard")
}

#[derive(Serialize)]
struct WeightsJson<'w> {
    tensors: Vec<TensorJson<'w>>,
}

#[derive(Serialize)]
struct TensorJson<'w> {
    name: &'w str,
    dtype: &'w str,
    shape: Option<&'w [usize]>,
}

fn weights(listed: &[Listed], json: bool, out: &mut impl Write) -> Result<()> {
    if json {
        let tensors = listed.iter().map(|tensor| TensorJson {
            name: &tensor.name,
            dtype: &tensor.dtype,
            shape: tensor.shape.as_deref(),
        });
        let tensors = tensors.collect();
        serde_json::to_writer_pretty(&mut *out, &WeightsJson { tensors })?;
        writeln!(out)?;
        return Ok(());
    }
    let columns = [
        ("name", Align::Left),
        ("dtype", Align::Left),
        ("shape", Align::Left),
    ];
    let row = |tensor: &Listed| {
        let shape = tensor.shape.as_deref().map_or("-".into(), shape_text);
        vec![tensor.name.clone(), tensor.dtype.clone(), shape]
    };
    let rows: Vec<Vec<String>> = listed.iter().map(row).collect();
    table(out, &columns, &rows)?;
    writeln!(out, "{} tensors", listed.len())?;
    Ok(())
}
