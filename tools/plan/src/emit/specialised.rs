//! The code of a specialised model: a plan's calls as types, and each phase of each bucket as a sequence of them.

use std::collections::BTreeMap;
use std::fmt::Write;

use tinpail::kernel::call::adapter;
use tinpail::plan::{Call, Rows, Span, Work};

use crate::plan_file::PlanBuf;

/// The calls that are declared so far, and their number by what their type holds.
#[derive(Default)]
struct Calls {
    declared: String,
    numbers: BTreeMap<String, usize>,
}

impl Calls {
    /// The type of a call: the same for calls over the same spans and integers.
    fn name(&mut self, plan: &PlanBuf, frame: u16, call: &Call, strides: &[i16]) -> String {
        let view = plan.plan();
        let operands = call.operands_of(&plan.operands);
        let spans: Vec<String> = operands
            .iter()
            .map(|operand| super::span(&view.span(frame, *operand).unwrap_or(Span::NONE)))
            .collect();
        let body = format!(
            "    const PLAN: &'static ::tinpail::Plan<'static> = &PLAN;\n\
             \x20   const SPANS: &'static [::tinpail::plan::Span] = &[{}];\n\
             \x20   const INTS: &'static [u32] = &{:?};\n\
             \x20   const STRIDES: &'static [i16] = &{strides:?};\n",
            spans.join(", "),
            call.ints_of(&plan.ints),
        );
        let next = self.numbers.len();
        let number = *self.numbers.entry(body.clone()).or_insert(next);
        let name = format!("Call{number}");
        if number == next {
            let _ = write!(
                self.declared,
                "struct {name};\nimpl ::tinpail::exec::Fixed for {name} {{\n{body}}}\n"
            );
        }
        name
    }

    /// The statement that runs a call.
    fn statement(
        &mut self,
        plan: &PlanBuf,
        frame: u16,
        row: u16,
        (turn, strides): (&str, &[i16]),
    ) -> String {
        let call = &plan.calls[usize::from(row)];
        format!(
            "run.call({}, {turn}, ::tinpail::kernel::call::{})?;",
            self.name(plan, frame, call, strides),
            adapter(call.kernel)
        )
    }

    /// The statements of a phase.
    fn phase(&mut self, plan: &PlanBuf, frame: u16, rows: Rows) -> String {
        let mut out = String::new();
        for step in rows.of(&plan.steps) {
            match step.work() {
                Work::Call(row) => {
                    let statement = self.statement(plan, frame, row, ("0", &[]));
                    let _ = writeln!(out, "                {statement}");
                }
                Work::Loop(row) => {
                    let repeated = &plan.loops[usize::from(row)];
                    let mut strides = &plan.strides[usize::from(repeated.strides)..];
                    let _ = writeln!(out, "                for turn in 0..{} {{", repeated.count);
                    for step in repeated.body.of(&plan.steps) {
                        let Work::Call(row) = step.work() else {
                            continue;
                        };
                        let own;
                        (own, strides) =
                            strides.split_at(plan.calls[usize::from(row)].stride_count());
                        let statement = self.statement(plan, frame, row, ("turn", own));
                        let _ = writeln!(out, "                    {statement}");
                    }
                    out.push_str("                }\n");
                }
            }
        }
        out
    }
}

/// The types, and the model's `run`.
pub fn source(plan: &PlanBuf) -> (String, String) {
    let mut calls = Calls::default();
    let mut phases: BTreeMap<(u16, u16, u16), String> = BTreeMap::new();
    for bucket in &plan.buckets {
        for program in [bucket.infer, bucket.train] {
            let program = plan.plan().program(program);
            for rows in [
                program.forward,
                program.backward,
                program.check,
                program.update,
            ] {
                if !rows.is_empty() {
                    phases
                        .entry((bucket.frame, rows.start, rows.end))
                        .or_insert_with(|| calls.phase(plan, bucket.frame, rows));
                }
            }
        }
    }
    let mut arms = String::new();
    for ((frame, start, end), statements) in phases {
        let _ = write!(
            arms,
            "            ({frame}, {start}, {end}) => {{\n{statements}                Ok(())\n            }}\n"
        );
    }
    let run = format!(
        "    fn run(&self, run: &mut ::tinpail::exec::Run<'_, '_, Self::Optimizer>) -> Result<(), ::tinpail::exec::Fault> {{\n\
         \x20       match run.key() {{\n{arms}\
         \x20           (_, start, end) if start == end => Ok(()),\n\
         \x20           _ => Err(::tinpail::exec::Fault::Step),\n\
         \x20       }}\n    }}\n"
    );
    (calls.declared, run)
}
