//! Text for people: tables, shapes, numbers.

use std::io::{Result, Write};

/// A shape as Python prints it: `(1, 29, 12)`, `(9,)`.
pub fn shape_text(shape: &[usize]) -> String {
    tinpail_plan::error::Dims(shape.to_vec()).to_string()
}

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// Writes rows in columns as wide as their widest cell, two blanks between them.
pub fn table(out: &mut impl Write, columns: &[(&str, Align)], rows: &[Vec<String>]) -> Result<()> {
    let width = |column: usize, title: &str| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max();
        widest.unwrap_or(0).max(title.len())
    };
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(column, (title, _))| width(column, title))
        .collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for ((cell, width), (_, align)) in cells.zip(&widths).zip(columns) {
            let cell = match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            };
            text.push_str(&cell);
            text.push_str("  ");
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(&mut columns.iter().map(|(title, _)| *title))?;
    for row in rows {
        line(&mut row.iter().map(String::as_str))?;
    }
    Ok(())
}

/// A fingerprint: JSON's numbers cannot hold 64 bits everywhere, and people compare hexadecimal.
pub fn hex(fingerprint: u64) -> String {
    format!("{fingerprint:#018x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns() {
        let mut out = Vec::new();
        let columns = [("name", Align::Left), ("B", Align::Right)];
        let rows = [
            vec!["a".to_owned(), "100".to_owned()],
            vec!["weight".to_owned(), "8".to_owned()],
        ];
        table(&mut out, &columns, &rows).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "name      B\na       100\nweight    8\n");
        assert_eq!(shape_text(&[9]), "(9,)");
    }
}
