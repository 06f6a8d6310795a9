//! Problems and placements as CSV: `id,lower,upper,size[,alignment][,gaps][,offset]`.
//!
//! The header names the columns, in any order. Times are half-open; gaps are `lower-upper`, blanks between them.

use std::collections::HashMap;
use std::io::{Read, Write};

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::error::{ProblemError, TableError, TableFault};
use crate::problem::{Buffer, Gap, Problem};

/// A file's rows: a problem, its names, and its offsets if it has any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub ids: Vec<String>,
    pub problem: Problem,
    /// With a column `offset`: one for each buffer.
    pub offsets: Option<Vec<u64>>,
    has_alignment: bool,
    has_gaps: bool,
}

/// Where each column stands.
struct Columns {
    id: usize,
    lower: usize,
    upper: usize,
    size: usize,
    alignment: Option<usize>,
    gaps: Option<usize>,
    offset: Option<usize>,
    len: usize,
}

const NAMES: [&str; 7] = [
    "id",
    "lower",
    "upper",
    "size",
    "alignment",
    "gaps",
    "offset",
];

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, TableFault> {
        let mut found: HashMap<&str, usize> = HashMap::new();
        for (at, name) in header.iter().enumerate() {
            if !NAMES.contains(&name) {
                return Err(TableFault::UnknownColumn { name: name.into() });
            }
            if found.insert(name, at).is_some() {
                return Err(TableFault::ColumnTwice { name: name.into() });
            }
        }
        let optional = |name| found.get(name).copied();
        let needed = |name| optional(name).ok_or(TableFault::ColumnMissing { name });
        Ok(Columns {
            id: needed("id")?,
            lower: needed("lower")?,
            upper: needed("upper")?,
            size: needed("size")?,
            alignment: optional("alignment"),
            gaps: optional("gaps"),
            offset: optional("offset"),
            len: header.len(),
        })
    }
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// The first row that is wrong, with its line.
    pub fn read(mut from: impl Read) -> Result<Self, TableError> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map_err(|error| TableError {
            line: 1,
            fault: TableFault::Unreadable(error.to_string()),
        })?;
        let mut reader = ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .trim(Trim::All)
            .from_reader(bytes.as_slice());
        let mut columns: Option<Columns> = None;
        let mut lines: HashMap<String, u64> = HashMap::new();
        let mut row_lines = Vec::new();
        let mut ids = Vec::new();
        let mut buffers = Vec::new();
        let mut offsets = Vec::new();
        let mut record = StringRecord::new();
        loop {
            let line = line_after_blanks(&bytes, reader.position());
            let more = reader.read_record(&mut record);
            let at = |fault| TableError { line, fault };
            if !more.map_err(|error| at(TableFault::Unreadable(error.to_string())))? {
                break;
            }
            let Some(columns) = &columns else {
                columns = Some(Columns::of(&record).map_err(at)?);
                continue;
            };
            if record.len() != columns.len {
                let (found, needed) = (record.len(), columns.len);
                return Err(at(TableFault::Fields { found, needed }));
            }
            let id = record[columns.id].to_owned();
            if let Some(first) = lines.insert(id.clone(), line) {
                return Err(at(TableFault::IdTwice { id, first }));
            }
            buffers.push(buffer(&record, columns).map_err(at)?);
            if let Some(column) = columns.offset {
                offsets.push(number(&record[column], "offset").map_err(at)?);
            }
            ids.push(id);
            row_lines.push(line);
        }
        let columns = columns.ok_or(TableError {
            line: 1,
            fault: TableFault::ColumnMissing { name: "id" },
        })?;
        let problem = Problem::new(buffers).map_err(|error| TableError {
            line: row_lines.get(error.index()).copied().unwrap_or(1),
            fault: TableFault::Problem(error),
        })?;
        Ok(Table {
            ids,
            problem,
            offsets: columns.offset.map(|_| offsets),
            has_alignment: columns.alignment.is_some(),
            has_gaps: columns.gaps.is_some(),
        })
    }

    /// Writes the columns that were read, and the offsets last.
    ///
    /// # Errors
    ///
    /// Those of `to`.
    pub fn write(&self, to: impl Write) -> std::io::Result<()> {
        let mut writer = csv::Writer::from_writer(to);
        let mut header = vec!["id", "lower", "upper", "size"];
        header.extend(self.has_alignment.then_some("alignment"));
        header.extend(self.has_gaps.then_some("gaps"));
        header.extend(self.offsets.is_some().then_some("offset"));
        writer.write_record(&header)?;
        for (index, (id, buffer)) in self.ids.iter().zip(self.problem.buffers()).enumerate() {
            let numbers = [buffer.lower, buffer.upper, buffer.size];
            let mut fields = vec![id.clone()];
            fields.extend(numbers.map(|number| number.to_string()));
            if self.has_alignment {
                fields.push(buffer.alignment.to_string());
            }
            if self.has_gaps {
                let gaps = buffer.gaps.iter();
                let gaps = gaps.map(|gap| format!("{}-{}", gap.lower, gap.upper));
                fields.push(gaps.collect::<Vec<String>>().join(" "));
            }
            let offset = self.offsets.as_ref().and_then(|offsets| offsets.get(index));
            fields.extend(offset.map(u64::to_string));
            writer.write_record(&fields)?;
        }
        writer.flush()
    }
}

fn buffer(record: &StringRecord, columns: &Columns) -> Result<Buffer, TableFault> {
    Ok(Buffer {
        lower: number(&record[columns.lower], "lower")?,
        upper: number(&record[columns.upper], "upper")?,
        size: number(&record[columns.size], "size")?,
        alignment: match columns.alignment.map(|column| &record[column]) {
            None | Some("") => 1,
            Some(text) => number(text, "alignment")?,
        },
        gaps: match columns.gaps {
            None => Vec::new(),
            Some(column) => record[column]
                .split_whitespace()
                .map(gap)
                .collect::<Result<Vec<Gap>, TableFault>>()?,
        },
    })
}

/// The line of the next record: the reader stands before the blank lines that it skips.
fn line_after_blanks(bytes: &[u8], position: &csv::Position) -> u64 {
    let rest = bytes.iter().skip(position.byte() as usize);
    let blank = rest.take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + blank.filter(|byte| **byte == b'\n').count() as u64
}

fn number(text: &str, column: &'static str) -> Result<u64, TableFault> {
    text.parse().map_err(|_| TableFault::Number {
        column,
        text: text.into(),
    })
}

fn gap(text: &str) -> Result<Gap, TableFault> {
    let ends = text.split_once('-');
    let ends = ends.and_then(|(lower, upper)| Some((lower.parse().ok()?, upper.parse().ok()?)));
    let (lower, upper) = ends.ok_or_else(|| TableFault::Gap { text: text.into() })?;
    Ok(Gap { lower, upper })
}

impl ProblemError {
    /// The position of the buffer that is wrong.
    pub fn index(&self) -> usize {
        match self {
            ProblemError::NoLife { index, .. }
            | ProblemError::ZeroAlignment { index }
            | ProblemError::BadGap { index, .. }
            | ProblemError::TooLarge { index } => *index,
        }
    }
}
