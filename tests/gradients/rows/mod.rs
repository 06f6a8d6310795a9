//! The table: one file for each family of operators.

mod cells;
mod elementwise;
mod functions;
mod layers;
mod losses;
mod norms;
mod recurrent;
mod sequence;
mod shape;
mod windows;

use super::row::Row;

/// Every row.
pub fn rows() -> Vec<Row> {
    let families = [
        layers::rows(),
        windows::rows(),
        norms::rows(),
        elementwise::rows(),
        functions::rows(),
        shape::rows(),
        sequence::rows(),
        recurrent::rows(),
        cells::rows(),
        losses::rows(),
    ];
    families.into_iter().flatten().collect()
}

/// Runs `check` on every row for one sample and for three, and names all rows that fail.
#[track_caller]
pub fn for_every_row(check: impl Fn(&Row, usize)) {
    let mut failed = Vec::new();
    for row in &rows() {
        for batch_size in [1, 3] {
            let run = std::panic::AssertUnwindSafe(|| check(row, batch_size));
            if std::panic::catch_unwind(run).is_err() {
                failed.push(format!("{}, batch {batch_size}", row.name));
            }
        }
    }
    assert!(failed.is_empty(), "{} failed: {failed:#?}", failed.len());
}
