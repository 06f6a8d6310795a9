//! The code of a specialised model: a plan's calls as types, and each phase of each bucket as a sequence of them.

use std::collections::BTreeMap;
use std::fmt::Write;

use tinpail::kernel::call::adapter;
use tinpail::plan::{Call, Rows, Space, Span, Work};

use crate::plan_file::PlanBuf;

/// The calls that are declared so far, and their number by what their type holds.
#[derive(Default)]
struct Calls {
    declared: String,
    numbers: BTreeMap<String, usize>,
}

impl Calls {
    /// The type of a call: the same for calls over the same spans and integers.
    fn name(&mut self, plan: &PlanBuf, frame: u16, call: &Call, turns: Turns<'_>) -> String {
        let view = plan.plan();
        let operands = call.operands_of(&plan.operands);
        let spans: Vec<Span> = operands
            .iter()
            .map(|operand| view.span(frame, *operand).unwrap_or(Span::NONE))
            .collect();
        let strides = turns.strides;
        let body = format!(
            "    const PLAN: &'static ::tinpail::Plan<'static> = &PLAN;\n\
             \x20   const SPANS: &'static [::tinpail::plan::Span] = &[{}];\n\
             \x20   const INTS: &'static [u32] = &{:?};\n\
             \x20   const STRIDES: &'static [i16] = &{strides:?};\n\
             \x20   const ORDER: Option<&'static [u8]> = {};\n",
            spans.iter().map(super::span).collect::<Vec<_>>().join(", "),
            call.ints_of(&plan.ints),
            turns
                .order(&spans)
                .map_or("None".to_owned(), |order| format!("Some(&{order:?})")),
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
    fn statement(&mut self, plan: &PlanBuf, frame: u16, row: u16, turns: Turns<'_>) -> String {
        let call = &plan.calls[usize::from(row)];
        format!(
            "run.call({}, {}, ::tinpail::kernel::call::{})?;",
            self.name(plan, frame, call, turns),
            turns.number(),
            adapter(call.kernel)
        )
    }

    /// The statements of a phase.
    fn phase(&mut self, plan: &PlanBuf, frame: u16, rows: Rows) -> String {
        let mut out = String::new();
        for step in rows.of(&plan.steps) {
            match step.work() {
                Work::Call(row) => {
                    let statement = self.statement(plan, frame, row, Turns::ONE);
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
                        let turns = Turns {
                            count: repeated.count,
                            strides: own,
                        };
                        let statement = self.statement(plan, frame, row, turns);
                        let _ = writeln!(out, "                    {statement}");
                    }
                    out.push_str("                }\n");
                }
            }
        }
        out
    }
}

/// How often a call runs in its loop, and what its operands and integers grow by every turn.
#[derive(Clone, Copy)]
struct Turns<'p> {
    count: u16,
    strides: &'p [i16],
}

impl Turns<'_> {
    /// Outside of loops.
    const ONE: Self = Turns {
        count: 1,
        strides: &[],
    };

    /// The expression for the number of the turn.
    fn number(self) -> &'static str {
        if self.strides.is_empty() { "0" } else { "turn" }
    }

    /// The operands that take space in the arena, by where they lie, if that is so in every turn.
    fn order(self, spans: &[Span]) -> Option<Vec<usize>> {
        let in_turn = |turn: u16| {
            let mut order: Vec<usize> = (0..spans.len())
                .filter(|at| spans[*at].space() == Space::Arena && !spans[*at].range().is_empty())
                .collect();
            order.sort_by_key(|at| {
                let stride = self.strides.get(*at).copied().unwrap_or(0);
                i64::from(spans[*at].offset()) + i64::from(stride) * i64::from(turn)
            });
            order
        };
        let first = in_turn(0);
        (1..self.count)
            .all(|turn| in_turn(turn) == first)
            .then_some(first)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_holds_in_every_turn_or_there_is_none() {
        let spans = [
            Span::new(Space::Arena, 20, 5),
            Span::new(Space::Data(0), 0, 5),
            Span::new(Space::Arena, 0, 5),
            Span::NONE,
        ];
        let order = |count, strides: &[i16]| Turns { count, strides }.order(&spans);
        assert_eq!(Turns::ONE.order(&spans), Some(vec![2, 0]));
        assert_eq!(order(3, &[5, 5, 5]), Some(vec![2, 0]));
        // Turn about: the one of the second turn lies where the other one of the first lay.
        assert_eq!(order(2, &[-20, 0, 20]), None);
        assert_eq!(order(1, &[-20, 0, 20]), Some(vec![2, 0]));
    }
}
