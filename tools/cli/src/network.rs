//! [`Network`]: a plan with its names, from a file or from symbol.json files.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use tinpail_plan::{Bucketing, Error, Net, Op, Optimizer, PlanFile, Train, json, report};

use crate::args::{ConfigArgs, Declared, NetworkArgs};
use crate::axes::Axes;
use crate::hint::Hint;
use crate::{explain, symbols};

/// A planned network.
pub struct Network {
    pub file: PlanFile,
    /// For each data input.
    pub axes: Vec<Axes>,
}

impl Network {
    /// The network that the options name.
    pub fn load(args: &NetworkArgs, ram_limit: Option<usize>) -> Result<Self> {
        let network = match (&args.plan, &args.symbols) {
            (Some(plan), _) => {
                let file = read_plan(plan)?;
                let axes = Axes::of_plan(&file);
                Network { file, axes }
            }
            (None, Some(dir)) => {
                let file = from_symbols(dir, &args.config)?;
                let axes = args.config.data.iter().map(Axes::of_declared).collect();
                Network { file, axes }
            }
            (None, None) => bail!("--plan or --symbols is needed"),
        };
        let needed = network.file.report.arena_bytes;
        match ram_limit {
            Some(limit) if needed > limit => Err(Error::RamLimit {
                needed,
                limit,
                table: report::table(&network.file),
            })
            .hint("fewer or shorter buckets, --train fused or none, a smaller batch, or --fixed layers need less"),
            _ => Ok(network),
        }
    }
}

/// A plan file, with its tables and names checked against each other.
pub fn read_plan(path: &Path) -> Result<PlanFile> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = PlanFile::from_bytes(&bytes).with_context(|| path.display().to_string());
    let file = file.hint(
        "a plan file is what Bucketing::emit writes to OUT_DIR as NAME.plan.postcard, or `tinpail plan -o`; one of another version of tinpail must be made anew",
    )?;
    match is_consistent(&file) {
        true => Ok(file),
        false => bail!("{}: names and tables of the plan disagree", path.display()),
    }
}

/// Whether every name has its row: the fingerprint covers the tables alone.
fn is_consistent(file: &PlanFile) -> bool {
    let plan = &file.plan;
    let params = file.params.iter().zip(&plan.params);
    let states = file.states.iter().zip(&plan.states);
    let buckets = file.buckets.iter().zip(&plan.buckets);
    file.params.len() == plan.params.len()
        && file.states.len() == plan.states.len()
        && file.buckets.len() == plan.buckets.len()
        && file.report.buckets.len() == plan.buckets.len()
        && file.step_names.len() == plan.steps.len()
        && usize::from(plan.default_bucket) < plan.buckets.len()
        && params
            .into_iter()
            .all(|(n, row)| elements(&n.shape) == Some(row.len as usize))
        && states
            .into_iter()
            .all(|(n, row)| elements(&n.shape) == Some(row.len as usize))
        && buckets.into_iter().all(|(names, row)| {
            let ports = |rows: tinpail::plan::Rows, names: &[tinpail_plan::plan_file::Named]| {
                let ports = rows.of(&plan.ports);
                let pairs = ports.iter().zip(names);
                ports.len() == names.len()
                    && pairs
                        .into_iter()
                        .all(|(p, n)| elements(&n.shape) == Some(p.len as usize))
            };
            let tables = plan.plan();
            let outputs = tables.program(row.infer).outputs.of(tables.operands);
            let spans: Option<Vec<_>> = outputs
                .iter()
                .map(|output| tables.span(row.frame, *output))
                .collect();
            let outputs = spans.unwrap_or_default();
            let pairs = outputs.iter().zip(&names.output_shapes);
            names.key == row.key
                && ports(row.data, &names.data_shapes)
                && ports(row.labels, &names.label_shapes)
                && outputs.len() == names.output_shapes.len()
                && pairs
                    .into_iter()
                    .all(|(o, n)| elements(&n.shape) == Some(o.len as usize))
        })
}

fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, dim| n.checked_mul(*dim))
}

/// The network of each bucket key, with its data and labels.
pub fn read_symbols(
    dir: &Path,
    data: &[Declared],
    label: &[Declared],
) -> Result<BTreeMap<u32, Net>> {
    let mut nets = BTreeMap::new();
    for (key, path) in symbols::find(dir)? {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let net = json::read(&text).with_context(|| path.display().to_string())?;
        let net = declare(net, key, data, label).with_context(|| path.display().to_string())?;
        nets.insert(key, net);
    }
    Ok(nets)
}

fn from_symbols(dir: &Path, config: &ConfigArgs) -> Result<PlanFile> {
    let nets = read_symbols(dir, &config.data, &config.label)?;
    let keys: Vec<u32> = nets.keys().copied().collect();
    let sym_gen = |key: u32| -> Result<Net, Error> {
        let net = nets.get(&key).cloned();
        net.ok_or_else(|| Error::Config(format!("there is no symbol.json of bucket {key}")))
    };
    let mut bucketing = Bucketing::new(sym_gen)
        .bucket_keys(keys)
        .batch_size(config.batch_size.unwrap_or(1))
        .state_names(config.state.iter().cloned())
        .fixed_param_names(config.fixed.iter().cloned())
        .optimizer(Optimizer::Sgd {
            momentum: config.momentum,
        })
        .train(config.train.map_or(Train::Fused, Train::from))
        .inputs_need_grad(config.inputs_need_grad);
    if let Some(key) = config.default_bucket_key {
        bucketing = bucketing.default_bucket_key(key);
    }
    bucketing
        .plan()
        .map_err(|error| explain::planning(error, &dir.display().to_string()))
}

/// The network with its data and labels.
fn declare(net: Net, key: u32, data: &[Declared], label: &[Declared]) -> Result<Net> {
    let variables = net.nodes.iter().filter(|node| node.op == Op::Variable);
    let known: Vec<String> = variables.map(|node| node.name.clone()).collect();
    let check = |role: &str, declared: &Declared| match known.contains(&declared.name) {
        true => Ok(()),
        false => Err(anyhow!(
            "--{role} {}: no such argument; the network has {}",
            declared.name,
            known.join(", ")
        )),
    };
    if data.is_empty() {
        return Err(anyhow!("which argument is the data, and of what shape?")).hint(format!(
            "declare it as --data NAME=SHAPE, such as --data data=B,K,12, and labels as --label NAME=SHAPE; the network's arguments are {}",
            known.join(", ")
        ));
    }
    let mut net = net;
    for declared in data {
        check("data", declared)?;
        net = net.data(&declared.name, declared.shape(key));
    }
    for declared in label {
        check("label", declared)?;
        net = net.label(&declared.name, declared.shape(key));
    }
    Ok(net)
}
