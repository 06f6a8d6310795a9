//! `tinpail place`: offsets for the buffers of a CSV file, or a check of offsets that it has.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use tinpail_place::{Fault, Solution, Table, check, minimise, within};

use crate::files;
use crate::hint::Hint;

/// Steps of the search unless told otherwise: seconds, for a thousand buffers.
const NODES: u64 = 300_000;

#[derive(Args)]
pub struct PlaceArgs {
    /// The buffers: id,lower,upper,size[,alignment][,gaps], lifetimes half-open, gaps as lower-upper
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// Write the rows with a column offset
    #[arg(short, long, value_name = "OUT.csv", conflicts_with = "check")]
    output: Option<PathBuf>,
    /// Find a peak of at most N, not the smallest
    #[arg(long, value_name = "N", conflicts_with = "check")]
    capacity: Option<u64>,
    /// Steps of the exact search at most; the same number gives the same offsets
    #[arg(long, value_name = "N", default_value_t = NODES, conflicts_with = "check")]
    nodes: u64,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Check the offsets that FILE.csv has: overlaps and alignments
    #[arg(long)]
    check: bool,
}

#[derive(Serialize)]
struct Printed {
    peak: u64,
    lower_bound: u64,
    optimal: bool,
    nodes: u64,
}

#[derive(Serialize)]
struct Checked {
    buffers: usize,
    peak: u64,
}

pub fn place(args: &PlaceArgs, out: &mut impl Write) -> Result<()> {
    let mut table = read(&args.file)?;
    if args.check {
        return print_check(args, &table, out);
    }
    let solution = match args.capacity {
        Some(capacity) => within(&table.problem, capacity, args.nodes),
        None => minimise(&table.problem, args.nodes),
    };
    checked(&table, &solution.offsets).context("the planner is at fault")?;
    print(args, &solution, out)?;
    if let Some(capacity) = args.capacity.filter(|capacity| solution.peak > *capacity) {
        let Solution {
            peak, lower_bound, ..
        } = solution;
        if lower_bound > capacity {
            bail!("no placement fits into {capacity}: it takes at least {lower_bound}");
        }
        let failed: Result<()> = Err(anyhow::anyhow!(
            "no placement within {capacity} was found in {} nodes; the best takes {peak}",
            solution.nodes
        ));
        return failed.hint("whether there is one is open: try more --nodes");
    }
    if let Some(path) = &args.output {
        table.offsets = Some(solution.offsets);
        let mut bytes = Vec::new();
        table.write(&mut bytes)?;
        files::write(path, &bytes)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Table> {
    let shown = path.display();
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {shown}"))?;
    Table::read(file).with_context(|| shown.to_string())
}

fn print(args: &PlaceArgs, solution: &Solution, out: &mut impl Write) -> Result<()> {
    let printed = Printed {
        peak: solution.peak,
        lower_bound: solution.lower_bound,
        optimal: solution.optimal(),
        nodes: solution.nodes,
    };
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &printed)?;
        writeln!(out)?;
        return Ok(());
    }
    let Printed {
        peak,
        lower_bound,
        optimal,
        nodes,
    } = printed;
    let proof = if optimal {
        "optimal"
    } else {
        "not proven optimal"
    };
    writeln!(
        out,
        "peak {peak}, lower bound {lower_bound}: {proof}; {nodes} nodes"
    )?;
    if let Some(path) = &args.output {
        // Written only if the capacity holds.
        if args.capacity.is_none_or(|capacity| peak <= capacity) {
            writeln!(out, "offsets: {}", path.display())?;
        }
    }
    Ok(())
}

fn print_check(args: &PlaceArgs, table: &Table, out: &mut impl Write) -> Result<()> {
    let shown = args.file.display();
    let Some(offsets) = &table.offsets else {
        bail!("{shown} has no column offset");
    };
    let peak = checked(table, offsets).with_context(|| shown.to_string())?;
    let buffers = table.ids.len();
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &Checked { buffers, peak })?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "{buffers} buffers, peak {peak}: no overlap")?;
    Ok(())
}

/// The peak of a placement, or what is wrong with it, by id.
fn checked(table: &Table, offsets: &[u64]) -> Result<u64> {
    let id = |index: usize| table.ids.get(index).map_or("?", String::as_str);
    check(&table.problem, offsets).map_err(|fault| match fault {
        Fault::Overlap {
            first,
            second,
            time,
            address,
        } => anyhow::anyhow!(
            "buffers {} and {} overlap at time {time}, address {address}",
            id(first),
            id(second)
        ),
        Fault::Misaligned {
            index,
            offset,
            alignment,
        } => anyhow::anyhow!(
            "buffer {} lies at {offset}, which is no multiple of its alignment {alignment}",
            id(index)
        ),
        other => other.into(),
    })
}
