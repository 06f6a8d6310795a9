//! A blob as text or JSON: header, tensors, check sum, and whatever is wrong with it.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, anyhow};
use serde::Serialize;
use tinpail::blob::{Blob, BlobError, DTYPE_F32};
use tinpail::plan::Home;
use tinpail_convert::AlignedBlob;
use tinpail_convert::header::{Header, Row, Said};
use tinpail_plan::PlanFile;

use crate::text::{Align, hex, shape_text, table};

#[derive(Serialize)]
struct Printed {
    bytes: usize,
    version: Option<u16>,
    schema: Option<String>,
    sequence: Option<u32>,
    payload_at: Option<usize>,
    payload_bytes: Option<usize>,
    crc: Option<Crc>,
    tensors: Vec<Tensor>,
    problems: Vec<Problem>,
    /// With a plan: what the device's own reader says.
    #[serde(skip_serializing_if = "Option::is_none")]
    bind: Option<String>,
}

#[derive(Serialize)]
struct Crc {
    stored: String,
    computed: String,
    right: bool,
}

#[derive(Serialize)]
struct Problem {
    at: usize,
    what: String,
}

#[derive(Serialize)]
struct Tensor {
    index: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    dtype: String,
    shape: Vec<usize>,
    offset: u32,
    bytes: Option<usize>,
    /// None: they do not lie in the file.
    stats: Option<Stats>,
}

/// Over the finite values.
#[derive(Clone, Copy, Serialize)]
struct Stats {
    min: f32,
    max: f32,
    mean: f32,
}

/// What the device would do with the blob.
enum Verdict {
    Bound,
    /// The trainable parameters alone: for load_params.
    Saved,
    Refused(BlobError),
}

/// Prints a blob; an error if anything is wrong with it.
pub fn inspect(
    path: &Path,
    bytes: &[u8],
    plan: Option<&PlanFile>,
    json: bool,
    out: &mut impl Write,
) -> Result<()> {
    let header = Header::read(bytes);
    let verdict = plan.map(|plan| verdict(bytes, &header, plan));
    let printed = printed(bytes, &header, plan, verdict.as_ref());
    if json {
        serde_json::to_writer_pretty(&mut *out, &printed)?;
        writeln!(out)?;
    } else {
        print(&printed, out)?;
    }
    match verdict {
        _ if !header.is_sound() => Err(anyhow!("{} is damaged", path.display())),
        Some(Verdict::Refused(_)) => Err(anyhow!("{} does not fit the plan", path.display())),
        _ => Ok(()),
    }
}

fn verdict(bytes: &[u8], header: &Header, file: &PlanFile) -> Verdict {
    let aligned = AlignedBlob::new(bytes);
    match Blob::from_bytes(aligned.bytes(), &file.plan.plan()) {
        Ok(_) => Verdict::Bound,
        Err(BlobError::Missing { .. }) if header.is_sound() && has_trainable(header, file) => {
            Verdict::Saved
        }
        Err(error) => Verdict::Refused(error),
    }
}

/// Whether the tensors are exactly the plan's trainable parameters, and the auxiliary states that move with them.
fn has_trainable(header: &Header, file: &PlanFile) -> bool {
    let params = file.plan.params.iter().enumerate();
    let trainable = params.filter(|(_, param)| param.home != Home::Flash);
    let rows = header.tensors.iter();
    rows.map(|row| (usize::from(row.index), row.len()))
        .eq(trainable.map(|(index, param)| (index, Some(param.len))))
}

fn printed(
    bytes: &[u8],
    header: &Header,
    plan: Option<&PlanFile>,
    verdict: Option<&Verdict>,
) -> Printed {
    let tensor = |row: &Row| Tensor {
        index: row.index,
        name: plan
            .and_then(|plan| plan.params.get(usize::from(row.index)))
            .map(|param| param.name.clone()),
        dtype: match row.dtype {
            DTYPE_F32 => "f32".into(),
            other => format!("unknown ({other})"),
        },
        shape: row.dims.iter().map(|dim| *dim as usize).collect(),
        offset: row.offset,
        bytes: row.bytes(),
        stats: header.values(bytes, row).and_then(stats),
    };
    Printed {
        bytes: bytes.len(),
        version: header.version,
        schema: header.schema.map(hex),
        sequence: header.sequence,
        payload_at: header.payload.as_ref().map(|payload| payload.start),
        payload_bytes: header.payload.as_ref().map(|payload| payload.len()),
        crc: header.crc.map(|crc| Crc {
            stored: format!("{:#010x}", crc.stored),
            computed: format!("{:#010x}", crc.computed),
            right: crc.is_right(),
        }),
        tensors: header.tensors.iter().map(tensor).collect(),
        problems: header
            .problems
            .iter()
            .map(|problem| Problem {
                at: problem.at,
                what: Said(problem.error).to_string(),
            })
            .collect(),
        bind: verdict.map(|verdict| match verdict {
            Verdict::Bound => "the plan binds it".into(),
            Verdict::Saved => {
                "saved by a device: it has the trainable parameters, which load_params reads".into()
            }
            Verdict::Refused(error) => format!("the device refuses it: {}", Said(*error)),
        }),
    }
}

fn stats(values: impl Iterator<Item = f32>) -> Option<Stats> {
    let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
    let (mut sum, mut count) = (0f64, 0usize);
    for value in values.filter(|value| value.is_finite()) {
        (min, max) = (min.min(value), max.max(value));
        sum += f64::from(value);
        count += 1;
    }
    (count > 0).then(|| Stats {
        min,
        max,
        mean: (sum / count as f64) as f32,
    })
}

fn print(blob: &Printed, out: &mut impl Write) -> Result<()> {
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "unreadable".into());
    writeln!(
        out,
        "blob, {} bytes: version {}, schema {}, sequence {}",
        blob.bytes,
        or_unknown(blob.version.map(|version| version.to_string())),
        or_unknown(blob.schema.clone()),
        or_unknown(blob.sequence.map(|sequence| sequence.to_string())),
    )?;
    if let (Some(at), Some(bytes)) = (blob.payload_at, blob.payload_bytes) {
        writeln!(out, "payload: {bytes} bytes from byte {at} on")?;
    }
    match &blob.crc {
        Some(crc) if crc.right => writeln!(out, "CRC {}: right", crc.stored)?,
        Some(crc) => writeln!(
            out,
            "CRC {}: wrong, the bytes give {}",
            crc.stored, crc.computed
        )?,
        None => writeln!(out, "CRC: not in the file")?,
    }
    let columns = [
        ("index", Align::Right),
        ("name", Align::Left),
        ("dtype", Align::Left),
        ("shape", Align::Left),
        ("offset", Align::Right),
        ("bytes", Align::Right),
        ("min", Align::Right),
        ("max", Align::Right),
        ("mean", Align::Right),
    ];
    let row = |tensor: &Tensor| {
        let stat = |stat: fn(&Stats) -> f32| match &tensor.stats {
            Some(stats) => format!("{:.6}", stat(stats)),
            None => "-".into(),
        };
        vec![
            tensor.index.to_string(),
            tensor.name.clone().unwrap_or_else(|| "-".into()),
            tensor.dtype.clone(),
            shape_text(&tensor.shape),
            tensor.offset.to_string(),
            tensor.bytes.map_or("-".into(), |bytes| bytes.to_string()),
            stat(|stats| stats.min),
            stat(|stats| stats.max),
            stat(|stats| stats.mean),
        ]
    };
    let rows: Vec<Vec<String>> = blob.tensors.iter().map(row).collect();
    table(out, &columns, &rows)?;
    for problem in &blob.problems {
        writeln!(out, "wrong at byte {}: {}", problem.at, problem.what)?;
    }
    if let Some(bind) = &blob.bind {
        writeln!(out, "{bind}")?;
    }
    Ok(())
}
