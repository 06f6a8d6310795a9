//! Examples as batches of their buckets, epoch by epoch.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use tinpail::BucketIndex;
use tinpail::data::{DataBatch, DataIter, Tensors};
use tinpail::plan::Port;
use tinpail_host::initializer::Random;
use tinpail_plan::PlanFile;
use tinpail_plan::plan_file::Named;

use super::args::LastBatchArg;
use crate::array::{Array, Owned, Side};
use crate::axes::Axes;
use crate::hint::Hint;
use crate::input;

/// How examples become batches.
pub struct Rules {
    pub seed: Option<u64>,
    pub last: LastBatchArg,
    pub pad: Side,
    pub pad_value: f64,
    pub invalid_label: f64,
}

/// Every example, cut and filled up to its bucket: data and labels, one value list for each input.
pub struct Examples {
    /// By example: its bucket and its inputs, data first.
    rows: Vec<(usize, Vec<Array>)>,
    data_inputs: usize,
    axes: Vec<Axes>,
    /// For each bucket its ports, data first, with their names.
    ports: Vec<Vec<(String, Port)>>,
    batch_size: usize,
}

/// The array that says how long each row is.
const LENGTHS: &str = "lengths";

impl Examples {
    /// The examples of a file.
    pub fn read(path: &Path, file: &PlanFile, axes: &[Axes], rules: &Rules) -> Result<Self> {
        let at = || path.display().to_string();
        let arrays = input::read(path)?;
        let default = &file.buckets[usize::from(file.plan.default_bucket)];
        let inputs: Vec<&Named> = default
            .data_shapes
            .iter()
            .chain(&default.label_shapes)
            .collect();
        let data_inputs = default.data_shapes.len();
        let known = |name: &String| name == LENGTHS || inputs.iter().any(|own| own.name == *name);
        let names: Vec<&str> = inputs.iter().map(|own| own.name.as_str()).collect();
        if let Some(name) = arrays.keys().find(|name| !known(name)) {
            return Err(anyhow!("{}: the network has no data or label {name}", at())).hint(
                format!(
                    "it has {}; row lengths are named {LENGTHS}",
                    names.join(", ")
                ),
            );
        }
        let mut of_input = Vec::new();
        for (input, name) in names.iter().enumerate() {
            let array = arrays
                .get(*name)
                .ok_or_else(|| anyhow!("{}: there is no array {name}", at()))?;
            let rank = inputs[input].shape.len();
            ensure!(
                array.shape().len() == rank,
                "{}: {name} has shape {}, the network's has {rank} axes",
                at(),
                array.shape_text()
            );
            of_input.push(array);
        }
        let batch_axis = axes[0]
            .batch
            .with_context(|| format!("{} has no batch axis", names[0]))?;
        let count = of_input[0].shape()[batch_axis];
        for (array, (axes, name)) in of_input.iter().zip(axes.iter().zip(&names)) {
            let own = axes.batch.map(|axis| array.shape()[axis]);
            ensure!(
                own == Some(count),
                "{}: {} has {count} rows, {name} {}",
                at(),
                names[0],
                own.unwrap_or(0)
            );
        }
        let lengths = match arrays.get(LENGTHS) {
            None => None,
            Some(lengths) if lengths.shape() == [count] => Some(lengths.to_f32()),
            Some(lengths) => bail!(
                "{}: {LENGTHS} has shape {}, ({count},) is needed",
                at(),
                lengths.shape_text()
            ),
        };
        let ports = file
            .buckets
            .iter()
            .zip(&file.plan.buckets)
            .map(|(named, rows)| {
                let named = named.data_shapes.iter().chain(&named.label_shapes);
                let data = rows.data.of(&file.plan.ports).iter();
                let ports = data.chain(rows.labels.of(&file.plan.ports));
                named
                    .zip(ports)
                    .map(|(own, port)| (own.name.clone(), *port))
                    .collect()
            });
        let mut examples = Examples {
            rows: Vec::with_capacity(count),
            data_inputs,
            axes: axes.to_vec(),
            ports: ports.collect(),
            batch_size: file.plan.batch_size as usize,
        };
        for row in 0..count {
            let len = lengths.as_ref().map(|lengths| lengths[row]);
            let example = examples.example(file, &of_input, row, len, rules);
            examples
                .rows
                .push(example.with_context(|| format!("{}: row {row}", at()))?);
        }
        Ok(examples)
    }

    fn example(
        &self,
        file: &PlanFile,
        arrays: &[&Array],
        row: usize,
        len: Option<f32>,
        rules: &Rules,
    ) -> Result<(usize, Vec<Array>)> {
        let key_axis = self.axes[0].key;
        let all = key_axis.map(|axis| arrays[0].shape()[axis]);
        let steps = match (len, all) {
            (Some(len), Some(all)) => {
                let whole = len as usize;
                ensure!(
                    whole as f32 == len && (1..=all).contains(&whole),
                    "its length is {len}; whole numbers from 1 to {all} are needed"
                );
                Some(whole)
            }
            (None, all) => all,
            (Some(_), None) => bail!(
                "no axis of the data has the length of the bucket key, so that lengths mean nothing"
            ),
        };
        let bucket = match steps {
            Some(steps) => file.plan.plan().fitting(steps).ok_or_else(|| {
                let keys: Vec<String> =
                    file.buckets.iter().map(|own| own.key.to_string()).collect();
                anyhow!(
                    "it is {steps} long, more than any bucket holds: {}",
                    keys.join(", ")
                )
            })?,
            None => BucketIndex(file.plan.default_bucket),
        };
        let bucket = usize::from(bucket.0);
        let key = file.buckets[bucket].key as usize;
        let own = &file.buckets[bucket];
        let shapes = own.data_shapes.iter().chain(&own.label_shapes);
        let mut inputs = Vec::new();
        for (input, (array, wanted)) in arrays.iter().zip(shapes).enumerate() {
            let axes = self.axes[input];
            let mut own = match axes.batch {
                Some(axis) => array.slice(axis, row, 1),
                None => (*array).clone(),
            };
            if let (Some(axis), Some(steps)) = (axes.key, steps) {
                let value = match input < self.data_inputs {
                    true => rules.pad_value,
                    false => rules.invalid_label,
                };
                own = own.slice(axis, 0, steps).pad(axis, key, rules.pad, value);
            }
            for axis in (0..wanted.shape.len()).filter(|axis| Some(*axis) != axes.batch) {
                let (needed, found) = (wanted.shape[axis], own.shape()[axis]);
                ensure!(
                    needed == found,
                    "{}: axis {axis} is {found}, bucket {key} needs {needed}",
                    wanted.name
                );
            }
            inputs.push(own);
        }
        Ok((bucket, inputs))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The examples of each batch of an epoch, in its order, with the bucket.
    fn batches(&self, rules: &Rules, epoch: u64) -> Vec<(usize, Vec<usize>)> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        let mut random = rules
            .seed
            .map(|seed| Random::new(seed ^ epoch.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        if let Some(random) = &mut random {
            shuffle(&mut order, random);
        }
        let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); self.ports.len()];
        let mut first: Vec<Vec<usize>> = vec![Vec::new(); self.ports.len()];
        let mut batches = Vec::new();
        for row in order {
            let bucket = self.rows[row].0;
            waiting[bucket].push(row);
            if first[bucket].len() < self.batch_size {
                first[bucket].push(row);
            }
            if waiting[bucket].len() == self.batch_size {
                batches.push((bucket, std::mem::take(&mut waiting[bucket])));
            }
        }
        if rules.last == LastBatchArg::Fill {
            for (bucket, mut rows) in waiting.into_iter().enumerate() {
                if !rows.is_empty() {
                    let missing = self.batch_size - rows.len();
                    rows.extend(first[bucket].iter().cycle().take(missing));
                    batches.push((bucket, rows));
                }
            }
        }
        if let Some(random) = &mut random {
            shuffle(&mut batches, random);
        }
        batches
    }

    /// The inputs of a batch, data first.
    fn batch(&self, bucket: usize, rows: &[usize]) -> Result<Vec<Owned>> {
        let inputs = self.ports[bucket].iter().enumerate();
        let inputs = inputs.map(|(input, (name, port))| {
            let parts: Vec<&Array> = rows.iter().map(|row| &self.rows[*row].1[input]).collect();
            let whole = match self.axes[input].batch {
                Some(axis) => Array::concat(&parts, axis),
                None => parts[0].clone(),
            };
            whole.to_port(name, port)
        });
        inputs.collect()
    }

    /// That every example is what its ports take, and how many of them an epoch leaves out.
    pub fn check(&self, rules: &Rules) -> Result<usize> {
        for (number, (bucket, inputs)) in self.rows.iter().enumerate() {
            for (input, (name, port)) in inputs.iter().zip(&self.ports[*bucket]) {
                input
                    .to_port(name, port)
                    .with_context(|| format!("row {number}"))?;
            }
        }
        let batches = self.batches(rules, 0);
        ensure!(
            !batches.is_empty(),
            "no bucket has the {} examples that a batch takes",
            self.batch_size
        );
        let taken: usize = batches.iter().map(|(_, rows)| rows.len()).sum();
        Ok(self.rows.len().saturating_sub(taken))
    }

    /// The batches of an epoch.
    pub fn batches_per_epoch(&self, rules: &Rules) -> usize {
        self.batches(rules, 0).len()
    }
}

fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for last in (1..items.len()).rev() {
        items.swap(last, (random.bits() % (last as u64 + 1)) as usize);
    }
}

/// The batches of one epoch after the other.
pub struct Epochs<'e> {
    examples: &'e Examples,
    rules: &'e Rules,
    epoch: u64,
    batches: std::vec::IntoIter<(usize, Vec<usize>)>,
    current: Vec<Owned>,
}

impl<'e> Epochs<'e> {
    /// From epoch `epoch` on.
    pub fn new(examples: &'e Examples, rules: &'e Rules, epoch: u32) -> Self {
        let epoch = u64::from(epoch);
        Epochs {
            examples,
            rules,
            epoch,
            batches: examples.batches(rules, epoch).into_iter(),
            current: Vec::new(),
        }
    }
}

impl DataIter for Epochs<'_> {
    type Error = anyhow::Error;

    fn next_batch(&mut self) -> Result<Option<DataBatch<'_>>> {
        let Some((bucket, rows)) = self.batches.next() else {
            return Ok(None);
        };
        self.current = self.examples.batch(bucket, &rows)?;
        let (data, label) = self.current.split_at(self.examples.data_inputs);
        let batch = DataBatch::new(BucketIndex(bucket as u16), tensors(data)?);
        Ok(Some(batch.with_label(tensors(label)?)))
    }

    fn reset(&mut self) -> Result<()> {
        self.epoch += 1;
        self.batches = self.examples.batches(self.rules, self.epoch).into_iter();
        Ok(())
    }
}

/// The inputs of one side, as a batch lends them.
fn tensors(inputs: &[Owned]) -> Result<Tensors<'_>> {
    Ok(match inputs {
        [] => Tensors::default(),
        [a] => a.lend().into(),
        [a, b] => [a.lend(), b.lend()].into(),
        [a, b, c] => [a.lend(), b.lend(), c.lend()].into(),
        [a, b, c, d] => [a.lend(), b.lend(), c.lend(), d.lend()].into(),
        _ => bail!("the command trains networks of up to four data inputs and four labels"),
    })
}
