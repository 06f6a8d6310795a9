//! Every kernel call of a plan as a line.

use std::io::{Result, Write};

use serde::Serialize;
use tinpail::BucketIndex;
use tinpail::plan::{Program, Rows, Space, Span};
use tinpail_plan::PlanFile;
use tinpail_plan::flat::{self, FlatCall};

use crate::text::{Align, table};

/// One call.
#[derive(Serialize)]
pub struct CallLine {
    bucket: u32,
    program: &'static str,
    phase: &'static str,
    kernel: &'static str,
    /// Of a call in a loop: that of its first turn.
    symbol: String,
    /// Turns of its loop that are over.
    turn: u16,
    operands: Vec<Operand>,
    ints: Vec<u32>,
}

/// One operand; offset and length count elements of its space.
#[derive(Serialize)]
struct Operand {
    name: &'static str,
    space: String,
    offset: u32,
    len: u32,
}

/// The calls of one bucket, or of all.
pub fn lines(file: &PlanFile, bucket: Option<BucketIndex>) -> Vec<CallLine> {
    let mut lines = Vec::new();
    let tables = file.plan.plan();
    for (index, plan) in file.plan.buckets.iter().enumerate() {
        if bucket.is_some_and(|wanted| usize::from(wanted.0) != index) {
            continue;
        }
        for (program, row) in [("infer", plan.infer), ("train", plan.train)] {
            for (phase, rows) in phases(&tables.program(row)) {
                let calls = flat::calls(&tables, plan.frame, rows).unwrap_or_default();
                lines.extend(calls.iter().map(|call| CallLine {
                    bucket: plan.key,
                    program,
                    phase,
                    kernel: call.kernel.name(),
                    symbol: file.step_names[call.step].clone(),
                    turn: call.turn,
                    operands: operands(call),
                    ints: call.ints.clone(),
                }));
            }
        }
    }
    lines
}

/// The phases of a program, in the order in which they run.
pub fn phases(program: &Program) -> [(&'static str, Rows); 4] {
    [
        ("forward", program.forward),
        ("backward", program.backward),
        ("check", program.check),
        ("update", program.update),
    ]
}

fn operands(call: &FlatCall) -> Vec<Operand> {
    let names = call.kernel.operand_names().iter();
    names
        .zip(&call.spans)
        .map(|(name, span)| Operand {
            name,
            space: space(span),
            offset: span.offset(),
            len: span.len,
        })
        .collect()
}

fn space(span: &Span) -> String {
    match span.space() {
        _ if span.len == 0 => "none".into(),
        Space::Arena => "arena".into(),
        Space::Flash => "flash".into(),
        Space::Data(port) => format!("data{port}"),
        Space::Label(port) => format!("label{port}"),
        Space::HeadGrad(port) => format!("headgrad{port}"),
    }
}

/// The calls in columns, under a title for each program.
pub fn print(lines: &[CallLine], out: &mut impl Write) -> Result<()> {
    let columns = [
        ("phase", Align::Left),
        ("kernel", Align::Left),
        ("symbol", Align::Left),
        ("operands: space[from..to], in elements", Align::Left),
    ];
    let same = |a: &CallLine, b: &CallLine| a.bucket == b.bucket && a.program == b.program;
    for program in lines.chunk_by(same) {
        let Some(first) = program.first() else {
            continue;
        };
        writeln!(out, "\nbucket {}, {}", first.bucket, first.program)?;
        let row = |line: &CallLine| {
            let operands: Vec<String> = line.operands.iter().map(operand_text).collect();
            vec![
                line.phase.to_owned(),
                line.kernel.to_owned(),
                match line.turn {
                    0 => line.symbol.clone(),
                    turn => format!("{} + {turn}", line.symbol),
                },
                operands.join(" "),
            ]
        };
        let rows: Vec<Vec<String>> = program.iter().map(row).collect();
        table(out, &columns, &rows)?;
    }
    Ok(())
}

fn operand_text(operand: &Operand) -> String {
    let Operand {
        name,
        space,
        offset,
        len,
    } = operand;
    match len {
        0 => format!("{name}=none"),
        _ => format!("{name}={space}[{offset}..{}]", offset.saturating_add(*len)),
    }
}
