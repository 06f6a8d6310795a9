//! The flat tables of a plan. Whatever is equal is stored once; operands that differ from bucket to bucket, in calls
//! that do not, become rows of the buckets' own.

use std::collections::HashMap;

use tinpail::plan::{BucketPlan, Call, Loop, Operand, Port, Program, Rows, Span, Step};

use super::loose::{LooseCall, LooseProgram, LooseStep, is_complete};
use crate::error::Error;

/// A bucket before it has rows.
#[derive(Clone, Debug)]
pub struct LooseBucket {
    pub key: u32,
    pub data: Vec<Port>,
    pub labels: Vec<Port>,
    pub infer: LooseProgram,
    /// Empty if the plan does not train.
    pub train: LooseProgram,
}

impl LooseBucket {
    fn spans(&self) -> Vec<Span> {
        self.infer.spans().chain(self.train.spans()).collect()
    }
}

/// The tables.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    pub buckets: Vec<BucketPlan>,
    pub programs: Vec<Program>,
    pub ports: Vec<Port>,
    pub steps: Vec<Step>,
    /// The symbol of each step; of a loop: that of its first call.
    pub step_names: Vec<String>,
    pub loops: Vec<Loop>,
    pub calls: Vec<Call>,
    pub operands: Vec<Operand>,
    pub strides: Vec<i16>,
    pub spans: Vec<Span>,
    pub ints: Vec<u32>,
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

/// As [`intern`], of one row below `limit`.
fn intern_one<T: Copy + PartialEq>(table: &mut Vec<T>, row: T, limit: u16) -> Result<u16, Error> {
    let start = intern(table, &[row])?.start;
    (start < limit).then_some(start).ok_or_else(too_many)
}

fn rows(start: usize, end: usize) -> Result<Rows, Error> {
    let row = |row: usize| u16::try_from(row).map_err(|_| too_many());
    Ok(Rows {
        start: row(start)?,
        end: row(end)?,
    })
}

fn too_many() -> Error {
    Error::Config(
        "the plan has too many rows in one table; use fewer buckets or sequence operators".into(),
    )
}

impl Tables {
    /// The tables of these buckets, in their order.
    pub fn of(loose: &[&LooseBucket]) -> Result<Self, Error> {
        let mut tables = Tables::default();
        let spans: Vec<Vec<Span>> = loose.iter().map(|bucket| bucket.spans()).collect();
        let forms: Vec<_> = loose
            .iter()
            .map(|bucket| (bucket.infer.form(), bucket.train.form()))
            .collect();
        let mut plans: Vec<Option<BucketPlan>> = vec![None; loose.len()];
        for first in 0..loose.len() {
            if plans[first].is_some() {
                continue;
            }
            let alike: Vec<usize> = (first..loose.len())
                .filter(|other| forms[*other] == forms[first])
                .collect();
            let group: Vec<&[Span]> = alike.iter().map(|at| spans[*at].as_slice()).collect();
            let (operands, frames) = tables.operands_of(&group)?;
            for (at, frame) in alike.into_iter().zip(frames) {
                plans[at] = Some(tables.bucket(loose[at], frame, &operands)?);
            }
        }
        tables.buckets = plans.into_iter().flatten().collect();
        Ok(tables)
    }

    /// An operand for each position, the same for all buckets of a group, and where each bucket's own rows begin. A
    /// position at which all have the same span is shared; others are told apart by the spans of all buckets.
    fn operands_of(&mut self, group: &[&[Span]]) -> Result<(Vec<Operand>, Vec<u16>), Error> {
        let positions = group.first().map_or(0, |spans| spans.len());
        let mut own: Vec<Vec<Span>> = Vec::new();
        let mut rows: HashMap<Vec<Span>, usize> = HashMap::new();
        let mut shared: HashMap<Span, u16> = HashMap::new();
        let mut operands = Vec::new();
        for position in 0..positions {
            let each: Vec<Span> = group.iter().map(|spans| spans[position]).collect();
            if each.iter().all(|span| *span == each[0]) {
                let row = match shared.get(&each[0]) {
                    Some(row) => *row,
                    None => intern_one(&mut self.spans, each[0], Operand::ROW_LIMIT)?,
                };
                shared.insert(each[0], row);
                operands.push(Operand::shared(row));
                continue;
            }
            let row = *rows.entry(each.clone()).or_insert_with(|| {
                own.push(each);
                own.len() - 1
            });
            let row = u16::try_from(row)
                .ok()
                .filter(|row| *row < Operand::ROW_LIMIT);
            operands.push(Operand::own(row.ok_or_else(too_many)?));
        }
        let mut frames = Vec::new();
        for bucket in 0..group.len() {
            let frame: Vec<Span> = own.iter().map(|each| each[bucket]).collect();
            frames.push(intern(&mut self.spans, &frame)?.start);
        }
        Ok((operands, frames))
    }

    fn bucket(
        &mut self,
        loose: &LooseBucket,
        frame: u16,
        operands: &[Operand],
    ) -> Result<BucketPlan, Error> {
        let mut operands = operands.iter().copied();
        Ok(BucketPlan {
            key: loose.key,
            data: intern(&mut self.ports, &loose.data)?,
            labels: intern(&mut self.ports, &loose.labels)?,
            frame,
            infer: self.program(&loose.infer, &mut operands)?,
            train: self.program(&loose.train, &mut operands)?,
        })
    }

    /// Stores a program whose operands come in the order of [`LooseProgram::spans`].
    fn program(
        &mut self,
        loose: &LooseProgram,
        operands: &mut impl Iterator<Item = Operand>,
    ) -> Result<u16, Error> {
        let mut phases = [Rows::default(); 4];
        for (rows, phase) in phases.iter_mut().zip(&loose.phases) {
            *rows = self.phase(phase, operands)?;
        }
        let [forward, backward, check, update] = phases;
        let outputs: Vec<Operand> = operands.take(loose.outputs.len()).collect();
        let input_grads: Vec<Operand> = operands.take(loose.input_grads.len()).collect();
        let program = Program {
            forward,
            backward,
            check,
            update,
            head_grads: intern(&mut self.ports, &loose.head_grads)?,
            outputs: intern(&mut self.operands, &outputs)?,
            input_grads: intern(&mut self.operands, &input_grads)?,
        };
        intern_one(&mut self.programs, program, u16::MAX)
    }

    fn phase(
        &mut self,
        phase: &[LooseStep],
        operands: &mut impl Iterator<Item = Operand>,
    ) -> Result<Rows, Error> {
        let mut steps = Vec::new();
        for step in phase {
            let mut calls = Vec::new();
            for call in step.calls() {
                calls.push((self.call(call, operands)?, call.node.as_str()));
            }
            match step {
                LooseStep::Call(_) => steps.extend(calls),
                LooseStep::Loop { count, strides, .. } => {
                    let row = Loop {
                        count: *count,
                        body: self.steps(&calls)?,
                        strides: intern(&mut self.strides, strides)?.start,
                    };
                    let row = intern_one(&mut self.loops, row, Step::ROW_LIMIT)?;
                    let name = calls.first().map_or("", |(_, name)| *name);
                    steps.push((Step::repeat(row), name));
                }
            }
        }
        self.steps(&steps)
    }

    fn call(
        &mut self,
        call: &LooseCall,
        operands: &mut impl Iterator<Item = Operand>,
    ) -> Result<Step, Error> {
        let own: Vec<Operand> = operands.take(call.spans.len()).collect();
        let (Ok(int_count), true) = (u8::try_from(call.ints.len()), is_complete(call)) else {
            let name = call.kernel.name();
            return Err(Error::Invalid(format!(
                "a call of {name} with other operands"
            )));
        };
        let row = Call {
            kernel: call.kernel,
            int_count,
            operands: intern(&mut self.operands, &own)?.start,
            ints: intern(&mut self.ints, &call.ints)?.start,
        };
        intern_one(&mut self.calls, row, Step::ROW_LIMIT).map(Step::call)
    }

    /// Stores a run of steps; one that is there already serves if the symbols are the same too.
    fn steps(&mut self, run: &[(Step, &str)]) -> Result<Rows, Error> {
        if run.is_empty() {
            return Ok(Rows::default());
        }
        let (steps, names): (Vec<Step>, Vec<&str>) = run.iter().copied().unzip();
        let found = (0..self.steps.len()).find(|start| {
            let end = start + run.len();
            self.steps.get(*start..end) == Some(&steps) && self.step_names[*start..end] == names
        });
        let start = found.unwrap_or(self.steps.len());
        if found.is_none() {
            self.steps.extend(steps);
            self.step_names.extend(names.into_iter().map(String::from));
        }
        rows(start, start + run.len())
    }

    /// Bytes that the tables take in flash.
    pub fn bytes(&self) -> usize {
        size_of_val(self.buckets.as_slice())
            + size_of_val(self.programs.as_slice())
            + size_of_val(self.ports.as_slice())
            + size_of_val(self.steps.as_slice())
            + size_of_val(self.loops.as_slice())
            + size_of_val(self.calls.as_slice())
            + size_of_val(self.operands.as_slice())
            + size_of_val(self.strides.as_slice())
            + size_of_val(self.spans.as_slice())
            + size_of_val(self.ints.as_slice())
    }
}
