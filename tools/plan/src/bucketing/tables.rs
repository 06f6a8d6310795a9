//! The flat tables of a plan, filled program by program. Equal runs of rows are stored once.

use tinpail::plan::{Call, Port, Program, Rows, Span};

use crate::error::Error;

/// The tables under construction.
#[derive(Debug, Default)]
pub struct Tables {
    pub ports: Vec<Port>,
    pub calls: Vec<Call>,
    pub call_names: Vec<String>,
    pub spans: Vec<Span>,
    pub ints: Vec<u32>,
}

/// A call before its operands have rows.
#[derive(Clone, Debug)]
pub struct LooseCall {
    pub kernel: tinpail::plan::Kernel,
    pub spans: Vec<Span>,
    pub ints: Vec<u32>,
    pub node: String,
}

/// A program before it has rows.
#[derive(Clone, Debug, Default)]
pub struct LooseProgram {
    pub forward: Vec<LooseCall>,
    pub backward: Vec<LooseCall>,
    pub check: Vec<LooseCall>,
    pub update: Vec<LooseCall>,
    pub head_grads: Vec<Port>,
    pub outputs: Vec<Span>,
    pub input_grads: Vec<Span>,
}

/// The rows of `table` that hold `run`: those that are there already, or new ones.
fn intern<T: Copy + PartialEq>(table: &mut Vec<T>, run: &[T]) -> Result<Rows, Error> {
    if run.is_empty() {
        return Ok(Rows::default());
    }
    let found = table.windows(run.len()).position(|rows| rows == run);
    let start = found.unwrap_or(table.len());
    if found.is_none() {
        table.extend_from_slice(run);
    }
    rows(start, start + run.len())
}

fn rows(start: usize, end: usize) -> Result<Rows, Error> {
    let row = |row: usize| {
        u16::try_from(row).map_err(|_| {
            Error::Config(format!(
                "the plan has more than {} rows in one table; use fewer buckets or sequence operators",
                u16::MAX
            ))
        })
    };
    Ok(Rows {
        start: row(start)?,
        end: row(end)?,
    })
}

impl Tables {
    /// Stores ports.
    pub fn ports(&mut self, ports: &[Port]) -> Result<Rows, Error> {
        intern(&mut self.ports, ports)
    }

    /// Stores a program.
    pub fn program(&mut self, program: &LooseProgram) -> Result<Program, Error> {
        Ok(Program {
            forward: self.calls(&program.forward)?,
            backward: self.calls(&program.backward)?,
            check: self.calls(&program.check)?,
            update: self.calls(&program.update)?,
            head_grads: self.ports(&program.head_grads)?,
            outputs: intern(&mut self.spans, &program.outputs)?,
            input_grads: intern(&mut self.spans, &program.input_grads)?,
        })
    }

    fn calls(&mut self, loose: &[LooseCall]) -> Result<Rows, Error> {
        let mut calls = Vec::new();
        for call in loose {
            calls.push(Call {
                kernel: call.kernel,
                operands: intern(&mut self.spans, &call.spans)?,
                ints: intern(&mut self.ints, &call.ints)?,
            });
        }
        // Calls are not shared between programs: each row has the name of its symbol.
        let start = self.calls.len();
        self.calls.extend(calls);
        self.call_names
            .extend(loose.iter().map(|call| call.node.clone()));
        rows(start, self.calls.len())
    }

    /// Bytes that the tables take in flash.
    pub fn bytes(&self) -> usize {
        size_of_val(self.ports.as_slice())
            + size_of_val(self.calls.as_slice())
            + size_of_val(self.spans.as_slice())
            + size_of_val(self.ints.as_slice())
    }
}
