//! `tinpail run`: predictions on the host, through the executor and the kernels of the device.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use clap::{ArgGroup, Args};
use serde::Serialize;
use tinpail::optim::Sgd;
use tinpail::{Batch, BucketIndex, BucketingModule, Registry, Tensor};
use tinpail_convert::AlignedBlob;
use tinpail_plan::PlanFile;

use crate::args::NetworkArgs;
use crate::array::{Owned, Side};
use crate::network::Network;
use crate::outputs::{self, Output};
use crate::{explain, files, fit, input, npz, weights};

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
    fit::check_names(&network.file, &arrays, &args.input)?;
    let pad = args.pad.map(|side| (side, args.pad_value));
    let (bucket, data) = fit::fit(&network, &arrays, args.bucket, pad)?;
    let batches = fit::batches(&network, bucket, &data)?;
    let states = fit::states(&network.file, &arrays)?;
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
