//! The user's arrays as batches of a bucket: which bucket, padded to it, cut into batches.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use tinpail::BucketIndex;
use tinpail_plan::PlanFile;

use crate::array::{Array, Owned, Side};
use crate::hint::Hint;
use crate::network::Network;
use crate::text::shape_text;

/// Arrays by name.
pub type Arrays = BTreeMap<String, Array>;

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
pub fn fit(
    network: &Network,
    arrays: &Arrays,
    bucket: Option<u32>,
    pad: Option<(Side, f64)>,
) -> Result<(BucketIndex, Vec<Array>)> {
    let file = &network.file;
    let names = file.data_names();
    let data: Vec<&Array> = names.iter().filter_map(|name| arrays.get(*name)).collect();
    let bucket = match bucket {
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
        if let (Some(axis), Some((side, value))) = (axes.key, pad) {
            array = array.pad(axis, want.shape[axis], side, value);
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
pub fn check_names(file: &PlanFile, arrays: &Arrays, path: &Path) -> Result<()> {
    let names = file.data_names();
    let has = || arrays.keys().cloned().collect::<Vec<String>>().join(", ");
    if let Some(missing) = names.iter().find(|name| !arrays.contains_key(**name)) {
        bail!(
            "{}: there is no array {missing}; it has {}",
            path.display(),
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
            path.display()
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
pub fn batches(network: &Network, bucket: BucketIndex, data: &[Array]) -> Result<Vec<Vec<Owned>>> {
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
pub fn states(file: &PlanFile, arrays: &Arrays) -> Result<Vec<Option<Vec<f32>>>> {
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
