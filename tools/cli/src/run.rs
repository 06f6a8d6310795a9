//! `tinpail run`: predictions on the host, through the executor and the kernels of the device.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{ArgGroup, Args};
use serde::Serialize;
use tinpail::optim::Sgd;
use tinpail::{Batch, BucketIndex, BucketingModule, Registry, Tensor};
use tinpail_convert::AlignedBlob;
use tinpail_plan::PlanFile;

use crate::args::NetworkArgs;
use crate::array::{Array, Owned, Side};
use crate::hint::Hint;
use crate::network::Network;
use crate::outputs::{self, Output};
use crate::text::shape_text;
use crate::{explain, files, input, npz, weights};

#[derive(Args)]
#[command(group(ArgGroup::new("weights").required(true)))]
pub struct RunArgs {
    /// The weights: MXNet's .params, or .safetensors
    #[arg(long, value_name = "FILE", group = "weights")]
    params: Option<PathBuf>,
    /// With --params: a JSON object from names in the file to names in the network
    #[arg(long, value_name = "MAP.json", requires = "params")]
    names: Option<PathBuf>,
    /// The weights: a blob that `tinpail convert` wrote
    #[arg(long, value_name = "FILE", group = "weights")]
    blob: Option<PathBuf>,
    /// Arrays by data name: .npz, or .json with nested lists or {"shape": [..], "data": [..]}.
    /// More rows than a batch run batch by batch; an array named as a state is its value before each batch
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// The bucket [default: the smallest that holds the data]
    #[arg(long, value_name = "KEY")]
    bucket: Option<u32>,
    /// Pad data that is shorter than its bucket
    #[arg(long, value_name = "SIDE")]
    pad: Option<Side>,
    /// What to pad with
    #[arg(long, value_name = "VALUE", default_value_t = 0.0, requires = "pad")]
    pad_value: f64,
    /// Write the outputs as f32 arrays
    #[arg(long, value_name = "OUT.npz")]
    save_outputs: Option<PathBuf>,
    /// Print the outputs as JSON, each float as the shortest decimal that reads back as the same f32
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    network: NetworkArgs,
}

#[derive(Serialize)]
struct Printed<'o> {
    bucket: u32,
    batches: usize,
    outputs: &'o [Output],
}

pub fn run(args: &RunArgs, out: &mut impl Write) -> Result<()> {
    let network = Network::load(&args.network, None)?;
    let blob = read_blob(args, &network.file)?;
    let arrays = input::read(&args.input)?;
    let (bucket, data) = fit(args, &network, &arrays)?;
    let batches = batches(&network, bucket, &data)?;
    let states = states(&network.file, &arrays)?;
    let heads = predict(&network.file, &blob, bucket, &batches, &states)?;
    let names = &network.file.buckets[usize::from(bucket.0)];
    let batch_axis = network.axes.iter().find_map(|axes| axes.batch).unwrap_or(0);
    let batch_size = network.file.plan.batch_size as usize;
    let joined = names.output_shapes.iter().zip(&heads);
    let joined: Vec<Output> = joined
        .map(|(head, values)| outputs::join(head, values, batch_axis, batch_size))
        .collect();
    if let Some(path) = &args.save_outputs {
        let each = joined.iter();
        let each = each.map(|o| (o.name.as_str(), o.shape.as_slice(), o.data.as_slice()));
        files::write(path, &npz::write(each)?)?;
    }
    if args.json {
        let printed = Printed {
            bucket: names.key,
            batches: batches.len(),
            outputs: &joined,
        };
        serde_json::to_writer(&mut *out, &printed)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "bucket {}, batches {}", names.key, batches.len())?;
    for output in &joined {
        outputs::print(output, out)?;
    }
    Ok(())
}

fn read_blob(args: &RunArgs, plan: &PlanFile) -> Result<AlignedBlob> {
    let bytes = match (&args.params, &args.blob) {
        (Some(params), _) => {
            let weights = weights::read(params, args.names.as_deref())?;
            weights::to_blob(plan, &weights, params)?
        }
        (None, Some(blob)) => {
            std::fs::read(blob).with_context(|| format!("cannot read {}", blob.display()))?
        }
        (None, None) => bail!("--params or --blob is needed"),
    };
    Ok(AlignedBlob::new(&bytes))
}

/// The bucket of that key.
pub fn bucket_of_key(file: &PlanFile, key: u32) -> Result<BucketIndex> {
    let found = file.buckets.iter().position(|bucket| bucket.key == key);
    match found {
        Some(index) => Ok(BucketIndex(index as u16)),
        None => Err(anyhow!("there is no bucket {key}"))
            .hint(format!("the network has the buckets {}", keys(file))),
    }
}

fn keys(file: &PlanFile) -> String {
    let keys = file.buckets.iter().map(|bucket| bucket.key.to_string());
    keys.collect::<Vec<String>>().join(", ")
}

/// The bucket, and the data in its shape but for the batch.
fn fit(
    args: &RunArgs,
    network: &Network,
    arrays: &BTreeMap<String, Array>,
) -> Result<(BucketIndex, Vec<Array>)> {
    let file = &network.file;
    let names = file.data_names();
    check_names(file, &names, arrays, args)?;
    let data: Vec<&Array> = names.iter().filter_map(|name| arrays.get(*name)).collect();
    let bucket = match args.bucket {
        Some(key) => bucket_of_key(file, key)?,
        None => choose(network, &names, &data)?,
    };
    let bound = &file.buckets[usize::from(bucket.0)];
    let mut fitted = Vec::new();
    for ((want, array), axes) in bound.data_shapes.iter().zip(data).zip(&network.axes) {
        let name = &want.name;
        let rank = want.shape.len();
        ensure!(
            array.shape().len() == rank,
            "{name} has shape {}, bucket {} needs {}",
            array.shape_text(),
            bound.key,
            shape_text(&want.shape)
        );
        let mut array = array.clone();
        if let (Some(axis), Some(side)) = (axes.key, args.pad) {
            array = array.pad(axis, want.shape[axis], side, args.pad_value);
        }
        for axis in (0..rank).filter(|axis| Some(*axis) != axes.batch) {
            let (needed, found) = (want.shape[axis], array.shape()[axis]);
            if needed == found {
                continue;
            }
            let error = anyhow!(
                "{name} has shape {}: axis {axis} is {found}, bucket {} needs {needed}",
                array.shape_text(),
                bound.key,
            );
            return match axes.key == Some(axis) && found < needed {
                true => Err(error)
                    .hint("--pad left or --pad right fills it up: pad as the network was trained"),
                false => Err(error),
            };
        }
        fitted.push(array);
    }
    Ok((bucket, fitted))
}

/// Every data input is there, and every array is something of the network's.
fn check_names(
    file: &PlanFile,
    names: &[&str],
    arrays: &BTreeMap<String, Array>,
    args: &RunArgs,
) -> Result<()> {
    let has = || arrays.keys().cloned().collect::<Vec<String>>().join(", ");
    if let Some(missing) = names.iter().find(|name| !arrays.contains_key(**name)) {
        bail!(
            "{}: there is no array {missing}; it has {}",
            args.input.display(),
            has()
        );
    }
    let labels = file.buckets.iter().flat_map(|bucket| &bucket.label_shapes);
    let states = file.states.iter();
    let others: Vec<&str> = labels.chain(states).map(|own| own.name.as_str()).collect();
    let known = |name: &&String| names.contains(&name.as_str()) || others.contains(&name.as_str());
    match arrays.keys().find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => Err(anyhow!(
            "{}: the network has no data, label or state {name}",
            args.input.display()
        ))
        .hint(format!("its data are {}", names.join(", "))),
    }
}

/// The smallest bucket that holds the data.
fn choose(network: &Network, names: &[&str], data: &[&Array]) -> Result<BucketIndex> {
    let file = &network.file;
    let mut len: Option<(&str, usize)> = None;
    for ((name, array), axes) in names.iter().zip(data).zip(&network.axes) {
        let Some(&own) = axes.key.and_then(|axis| array.shape().get(axis)) else {
            continue;
        };
        match len {
            Some((first, other)) if other != own => {
                bail!("{first} is {other} long, but {name} {own}")
            }
            _ => len = Some((name, own)),
        }
    }
    if let Some((name, len)) = len {
        return file.plan.plan().fitting(len).ok_or_else(|| {
            anyhow!(
                "{name} is {len} long, more than any bucket holds: {}",
                keys(file)
            )
        });
    }
    match file.buckets.len() {
        1 => Ok(BucketIndex(0)),
        _ => Err(anyhow!(
            "no axis of the data has the length of the bucket key"
        ))
        .hint(format!(
            "name the bucket: --bucket with one of {}",
            keys(file)
        )),
    }
}

/// The data cut into batches.
fn batches(network: &Network, bucket: BucketIndex, data: &[Array]) -> Result<Vec<Vec<Owned>>> {
    let file = &network.file;
    let batch_size = file.plan.batch_size as usize;
    let mut rows: Option<(&str, usize)> = None;
    let names = file.data_names();
    for ((name, array), axes) in names.iter().zip(data).zip(&network.axes) {
        let own = match axes.batch {
            Some(axis) => array.shape()[axis],
            None => continue,
        };
        match rows {
            Some((first, other)) if other != own => {
                bail!("{first} has {other} rows, but {name} {own}")
            }
            _ => rows = Some((name, own)),
        }
    }
    let rows = rows.map_or(batch_size, |(_, rows)| rows);
    ensure!(rows > 0, "the data has no rows");
    if !rows.is_multiple_of(batch_size) {
        return Err(anyhow!(
            "{rows} rows are no whole number of batches of {batch_size}"
        ))
        .hint("add rows, or plan with a --batch-size that divides them; the last batch is not filled up");
    }
    let ports = file.plan.buckets[usize::from(bucket.0)]
        .data
        .of(&file.plan.ports);
    let mut batches = Vec::new();
    for start in (0..rows).step_by(batch_size) {
        let mut batch = Vec::new();
        for (port, row) in ports.iter().enumerate() {
            let (array, name) = (&data[port], names[port]);
            let part = match network.axes[port].batch {
                Some(axis) => array.slice(axis, start, batch_size),
                None => array.clone(),
            };
            let tensor = part.to_port(name, row);
            batch.push(tensor.with_context(|| match rows == batch_size {
                true => "the data does not fit".into(),
                false => format!("in the batch of rows {start} to {}", start + batch_size - 1),
            })?);
        }
        batches.push(batch);
    }
    Ok(batches)
}

/// The values of those states that the input has.
fn states(file: &PlanFile, arrays: &BTreeMap<String, Array>) -> Result<Vec<Option<Vec<f32>>>> {
    let each = file.states.iter().map(|state| {
        let Some(array) = arrays.get(&state.name) else {
            return Ok(None);
        };
        ensure!(
            array.shape() == state.shape,
            "state {} has shape {}, the network needs {}",
            state.name,
            array.shape_text(),
            shape_text(&state.shape)
        );
        Ok(Some(array.to_f32()))
    });
    each.collect()
}

/// For each head, its values of every batch. States are set anew before each batch.
fn predict(
    file: &PlanFile,
    blob: &AlignedBlob,
    bucket: BucketIndex,
    batches: &[Vec<Owned>],
    states: &[Option<Vec<f32>>],
) -> Result<Vec<Vec<Vec<f32>>>> {
    let model = Registry::<Sgd>::new(file.plan.plan());
    let mut arena = vec![0.0; file.plan.arena_len as usize];
    let mut module = BucketingModule::bind_words(model, &mut arena, blob.bytes())
        .map_err(|error| explain::binding(error, file))?;
    let heads = file.buckets[usize::from(bucket.0)].output_shapes.len();
    let mut outputs = vec![Vec::new(); heads];
    let names = file.data_names();
    for batch in batches {
        module
            .fill_states(0.0)
            .map_err(|error| explain::state(error, "of any name"))?;
        for (index, value) in states.iter().enumerate() {
            if let Some(value) = value {
                module
                    .set_states(index, value)
                    .map_err(|error| explain::state(error, &file.states[index].name))?;
            }
        }
        let data: Vec<Tensor<'_>> = batch.iter().map(Owned::lend).collect();
        module
            .forward(&Batch::new(bucket, &data))
            .map_err(|error| explain::forward(error, &names))?;
        for (head, values) in outputs.iter_mut().enumerate() {
            let output = module.get_outputs(head);
            let output = output.map_err(|error| anyhow!("output {head}: {error:?}"))?;
            values.push(output.to_vec());
        }
    }
    Ok(outputs)
}
