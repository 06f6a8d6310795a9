//! The outputs of all batches as one array each, and their printing.

use std::io::{Result, Write};

use serde::Serialize;
use tinpail_plan::plan_file::Named;

use crate::text::shape_text;

/// Rows of an output that are printed as text.
const ROWS_SHOWN: usize = 20;

/// One head over all batches.
#[derive(Serialize)]
pub struct Output {
    pub name: String,
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// The batches of one head, one after the other, along the axis of the batch.
///
/// An output of rank 3 or more has its batch where the data has it; one of lower rank is joined along its
/// first axis, as MXNet's `predict` does.
pub fn join(head: &Named, batches: &[Vec<f32>], batch_axis: usize, batch_size: usize) -> Output {
    let kept = head.shape.get(batch_axis) == Some(&batch_size) && head.shape.len() > 2;
    let axis = if kept { batch_axis } else { 0 };
    let inner: usize = head.shape.iter().skip(axis).product();
    let outer: usize = head.shape.iter().take(axis).product();
    let mut data = Vec::new();
    for row in 0..outer {
        for batch in batches {
            data.extend_from_slice(batch.get(row * inner..(row + 1) * inner).unwrap_or(&[]));
        }
    }
    let mut shape = head.shape.clone();
    match shape.get_mut(axis) {
        Some(dim) => *dim *= batches.len(),
        None => shape = vec![batches.len()],
    }
    Output {
        name: head.name.clone(),
        shape,
        data,
    }
}

/// Name, shape and the first rows.
pub fn print(output: &Output, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{} {}", output.name, shape_text(&output.shape))?;
    let width = output.shape.last().copied().unwrap_or(1).max(1);
    let rows = output.data.chunks(width);
    let count = rows.len();
    for row in rows.take(ROWS_SHOWN) {
        let row: Vec<String> = row.iter().map(|value| format!("{value:>10.6}")).collect();
        writeln!(out, "  {}", row.join(" "))?;
    }
    if count > ROWS_SHOWN {
        let more = count - ROWS_SHOWN;
        writeln!(
            out,
            "  and {more} rows more: --json or --save-outputs has them all"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(shape: &[usize]) -> Named {
        Named {
            name: "out".into(),
            shape: shape.to_vec(),
        }
    }

    #[test]
    fn batches_join_along_their_axis() {
        let batches = [vec![1.0, 2.0], vec![3.0, 4.0]];
        let rows = join(&head(&[1, 2]), &batches, 0, 1);
        assert_eq!(
            (rows.shape, rows.data),
            (vec![2, 2], vec![1.0, 2.0, 3.0, 4.0])
        );
        // Time first: (T, N, H).
        let steps = join(&head(&[2, 1, 1]), &batches, 1, 1);
        assert_eq!(
            (steps.shape, steps.data),
            (vec![2, 2, 1], vec![1.0, 3.0, 2.0, 4.0])
        );
    }
}
