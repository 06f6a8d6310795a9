//! `cargo xtask memory`: the transient bytes of a training step of known networks. Writes the table of ARCHITECTURE.md.

mod nets;

use anyhow::{Result, ensure};
use tinpail_plan::{Bucketing, Error, Net, Optimizer, PlanFile, Train};

use crate::{marked, project::Project, ui};

#[derive(clap::Args)]
pub struct Args {
    /// Only networks whose name has this in it; the table is printed and not written
    #[arg(long)]
    only: Option<String>,
}

/// What stands before and after the table in the file.
const MARKS: [&str; 2] = ["<!-- memory -->\n", "<!-- end of memory -->\n"];

/// A network, and the RAM that a step is granted.
struct Work {
    name: &'static str,
    net: fn() -> Net,
    /// Parameters that are no weights of the network, or are left as they are.
    fixed: &'static [&'static str],
    /// Bytes of transients that a step may take: the smallest figure of other planners.
    limit: usize,
    /// Bytes of what is trained.
    params: usize,
    /// Bytes of transients of others when only the last layer is trained.
    last: Option<usize>,
}

const WORKS: &[Work] = &[
    Work {
        name: "LSTM, 8 steps",
        net: || nets::lstm(8),
        fixed: &["lstm_h2h_bias"],
        limit: 8_448,
        params: 37_632,
        last: None,
    },
    Work {
        name: "LSTM, 16 steps",
        net: || nets::lstm(16),
        fixed: &["lstm_h2h_bias"],
        limit: 16_256,
        params: 37_632,
        last: None,
    },
    Work {
        name: "LSTM, 32 steps",
        net: || nets::lstm(32),
        fixed: &["lstm_h2h_bias"],
        limit: 33_152,
        params: 37_632,
        last: None,
    },
    Work {
        name: "GRU, 16 steps",
        net: || nets::gru(16),
        fixed: &[],
        limit: 10_904,
        params: 16_920,
        last: None,
    },
    Work {
        name: "conv1d",
        net: nets::conv1d,
        fixed: &[],
        limit: 36_480,
        params: 32_792,
        last: Some(13_312),
    },
    Work {
        name: "DS-CNN",
        net: nets::ds_cnn,
        fixed: &[],
        limit: 210_600,
        params: 90_416,
        last: Some(64_000),
    },
    Work {
        name: "ResNet-8",
        net: nets::resnet8,
        fixed: &[],
        limit: 340_224,
        params: 310_824,
        last: Some(196_608),
    },
    Work {
        name: "MobileNetV1-0.25",
        net: nets::mobilenet,
        fixed: &[],
        limit: 590_464,
        params: 843_400,
        last: Some(221_184),
    },
];

/// One network's plans.
struct Row {
    params: usize,
    fused: usize,
    step: usize,
    limited: usize,
    /// Multiply-and-adds of the limited step in percent of the others'.
    macs: u64,
    last: usize,
}

impl Row {
    fn line(&self, work: &Work) -> String {
        let Row {
            params,
            fused,
            step,
            limited,
            macs,
            last,
        } = self;
        let name = work.name;
        format!("| {name} | {params} | {fused} | {step} | {limited} | {macs} % | {last} |\n")
    }
}

pub fn run(args: &Args) -> Result<()> {
    let project = Project::find()?;
    let wanted = |work: &&Work| {
        let only = args.only.as_deref();
        only.is_none_or(|part| work.name.contains(part))
    };
    let mut table = String::from(
        "| network | parameters | `Fused` | `Step` | `Step`, limit | products | only the last layer |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for work in WORKS.iter().filter(wanted) {
        let row = ui::step(&format!("Planning {}", work.name), || row(work))?;
        table.push_str(&row.line(work));
    }
    print!("{table}");
    if args.only.is_none() {
        marked::write(&project.root.join("ARCHITECTURE.md"), MARKS, &table)?;
    }
    Ok(())
}

/// The figures of one network, none of them above that of other planners.
fn row(work: &Work) -> Result<Row> {
    let net = (work.net)();
    let plan = |train, limit, fixed: &[&str]| plan(&net, train, limit, fixed);
    let fused = plan(Train::Fused, None, work.fixed)?;
    let step = plan(Train::Step, None, work.fixed)?;
    let limited = plan(Train::Step, Some(work.limit), work.fixed)?;
    let parameters = fused.params.iter().map(|param| param.name.as_str());
    let fixed: Vec<&str> = parameters.filter(|name| !name.starts_with("fc_")).collect();
    let last = plan(Train::Step, None, &fixed)?;
    let recomputed = limited.report.buckets[0].train.as_ref();
    let recomputed = recomputed.and_then(|train| train.recomputed);
    let macs = recomputed.map(|recomputed| 100 * recomputed.macs / recomputed.plain_macs);
    let row = Row {
        params: fused.report.param_bytes,
        fused: transient(&fused),
        step: transient(&step),
        limited: transient(&limited),
        macs: macs.unwrap_or(100),
        last: transient(&last),
    };
    let name = work.name;
    ensure!(
        row.params == work.params,
        "{name}: {} B of parameters",
        row.params
    );
    ensure!(row.limited <= work.limit, "{name}: {} B", row.limited);
    let most = work.last.unwrap_or(row.last);
    ensure!(
        row.last <= most,
        "{name}: {} B for the last layer",
        row.last
    );
    Ok(row)
}

fn transient(file: &PlanFile) -> usize {
    let train = file.report.buckets[0].train.as_ref();
    train.map_or(0, |train| train.peak_bytes)
}

/// Plain SGD, batch 1; with a limit on the transient bytes. Whole steps give their outputs up.
fn plan(net: &Net, train: Train, limit: Option<usize>, fixed: &[&str]) -> Result<PlanFile, Error> {
    let bucketing = Bucketing::new(|_| Ok(net.clone()))
        .bucket_keys([1])
        .optimizer(Optimizer::Sgd { momentum: false })
        .fixed_param_names(fixed.iter().copied())
        .keep_outputs(train != Train::Step)
        .train(train);
    let Some(limit) = limit else {
        return bucketing.plan();
    };
    let free = bucketing.plan()?;
    let persistent = 4 * free.plan.persistent_len as usize;
    bucketing.ram_limit_bytes(persistent + limit).plan()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No figure is above that of other planners (or there is no row), and the table is the one in the document.
    #[test]
    fn the_table_is_true() {
        let document = Project::find()
            .expect("the project")
            .root
            .join("ARCHITECTURE.md");
        let document = std::fs::read_to_string(document).expect("the document");
        for work in WORKS {
            let own = row(work).expect("plans");
            let line = own.line(work);
            assert!(document.contains(&line), "cargo xtask memory: {line}");
        }
    }
}
