//! The runtime's small errors in words, with the names that only the host knows.

use anyhow::{Result, anyhow};
use tinpail::error::{AccessError, BatchError, BindError, ForwardError, Side};
use tinpail_convert::header::Said;
use tinpail_plan::{Error, PlanFile};

use crate::hint::Hint;

fn hinted(error: anyhow::Error, hint: impl Into<String>) -> anyhow::Error {
    let refused: Result<()> = Err(error).hint(hint);
    match refused {
        Err(error) => error,
        Ok(()) => anyhow!("no error"),
    }
}

/// A network that could not be planned.
pub fn planning(error: Error, network: &str) -> anyhow::Error {
    let hint = match &error {
        Error::UnsupportedOp { .. } => Some(
            "tinpail lists its operators in tools/plan/src/symbol/op.rs; build the network from those",
        ),
        Error::Unknown { .. } | Error::BadShape { .. } | Error::Shape { .. } => Some(
            "check --data, --label and --batch-size: B is the batch, K the bucket key, and every argument that is neither parameter nor state must be declared",
        ),
        Error::UnknownName { .. } => Some("check --state and --fixed"),
        _ => None,
    };
    let error = anyhow::Error::new(error).context(network.to_owned());
    match hint {
        Some(hint) => hinted(error, hint),
        None => error,
    }
}

/// A plan and a blob that do not go together.
pub fn binding(error: BindError, file: &PlanFile) -> anyhow::Error {
    match error {
        BindError::Blob(error) => blob(error, file),
        BindError::Recipe => {
            anyhow!("the plan was made for functions or products that this command lacks")
        }
        BindError::Plan => hinted(
            anyhow!("the plan does not fit this version of tinpail"),
            "make it anew",
        ),
        other => anyhow!("the module cannot be bound: {other:?}"),
    }
}

/// What the device says about a blob, with the parameter's name.
pub fn blob(error: tinpail::blob::BlobError, file: &PlanFile) -> anyhow::Error {
    use tinpail::blob::BlobError::{Dtype, Hole, Missing, Overlap, Schema, Shape};
    let named = match error {
        Dtype { index, .. } | Shape { index, .. } => Some(index),
        Overlap { index } | Hole { index } | Missing { index } => Some(index),
        _ => None,
    };
    let param = named.and_then(|index| file.params.get(usize::from(index)));
    let said = match param {
        Some(param) => anyhow!("the blob is refused: {} ({})", Said(error), param.name),
        None => anyhow!("the blob is refused: {}", Said(error)),
    };
    match error {
        Schema { .. } => hinted(
            said,
            "it was converted for another network: convert the .params again with this plan",
        ),
        Missing { .. } => hinted(
            said,
            "a blob that a device saved has the trainable parameters only; load it there, or predict from a converted one",
        ),
        _ => hinted(said, "`tinpail inspect` shows what is wrong with it"),
    }
}

/// A batch that does not fit its bucket. The command checks batches before; this is what is left.
pub fn forward(error: ForwardError, names: &[&str]) -> anyhow::Error {
    let name = |port: usize| names.get(port).copied().unwrap_or("data");
    match error {
        ForwardError::Batch(BatchError::Len {
            side: Side::Data,
            port,
            needed,
            found,
        }) => anyhow!("{}: {found} elements instead of {needed}", name(port)),
        ForwardError::Batch(BatchError::Kind {
            side: Side::Data,
            port,
        }) => {
            anyhow!("{}: another type is needed", name(port))
        }
        ForwardError::Batch(BatchError::Range {
            side: Side::Data,
            port,
            at,
            value,
            max,
        }) => anyhow!("{}: element {at} is {value}, more than {max}", name(port)),
        other => anyhow!("forward fails: {other:?}"),
    }
}

/// A state that cannot be set.
pub fn state(error: AccessError, name: &str) -> anyhow::Error {
    match error {
        AccessError::Len { needed, found } => {
            anyhow!("state {name}: {found} elements instead of {needed}")
        }
        AccessError::NotFinite { at } => anyhow!("state {name}: element {at} is not finite"),
        other => anyhow!("state {name}: {other:?}"),
    }
}
