//! A plan's tables read back: every call that a program makes, one after the other.

use tinpail::plan::{Kernel, Plan, Rows, Span, Work};

/// A call as it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct FlatCall {
    /// The row of `Plan::steps` that names it.
    pub step: usize,
    /// Turns of its loop that are over; 0 outside of loops.
    pub turn: u16,
    pub kernel: Kernel,
    pub spans: Vec<Span>,
    pub ints: Vec<u32>,
}

/// The calls of the steps in `rows`, for a bucket whose own operands begin at `frame`. `None` if a row is missing.
pub fn calls(plan: &Plan<'_>, frame: u16, rows: Rows) -> Option<Vec<FlatCall>> {
    let mut calls = Vec::new();
    for step in usize::from(rows.start)..usize::from(rows.end) {
        let Work::Loop(row) = plan.steps.get(step)?.work() else {
            calls.push(call(plan, frame, step, 0, &[])?);
            continue;
        };
        let row = plan.loops.get(usize::from(row))?;
        for turn in 0..row.count {
            let mut strides = plan.strides.get(usize::from(row.strides)..)?;
            for step in usize::from(row.body.start)..usize::from(row.body.end) {
                let call = call(plan, frame, step, turn, strides)?;
                strides = strides.get(call.spans.len() + call.ints.len()..)?;
                calls.push(call);
            }
        }
    }
    Some(calls)
}

fn call(plan: &Plan<'_>, frame: u16, step: usize, turn: u16, strides: &[i16]) -> Option<FlatCall> {
    let Work::Call(row) = plan.steps.get(step)?.work() else {
        return None;
    };
    let call = plan.calls.get(usize::from(row))?;
    let by = |at: usize| i32::from(turn) * i32::from(strides.get(at).copied().unwrap_or(0));
    let operands = call.operands_of(plan.operands);
    let spans: Option<Vec<Span>> = operands
        .iter()
        .enumerate()
        .map(|(at, operand)| plan.span(frame, *operand)?.shifted(by(at)))
        .collect();
    let ints = call.ints_of(plan.ints).iter().enumerate();
    Some(FlatCall {
        step,
        turn,
        kernel: call.kernel,
        spans: spans?,
        ints: ints
            .map(|(at, int)| int.wrapping_add_signed(by(operands.len() + at)))
            .collect(),
    })
}
