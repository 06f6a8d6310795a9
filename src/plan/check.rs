//! Whether a plan that was loaded means something: every row that is named is there, every operand of every call lies
//! in its space at the first and the last turn of its loop, no call writes what it may not, nothing persistent lies on
//! anything else.
//!
//! What the host's validator checks beyond this (that a value is still there when it is read) can make a result wrong,
//! and no more: it is left to the host, which made the plan.

use core::ops::Range;

use super::blob::{PlanError, Table};
use super::{
    Access, BucketPlan, Call, Home, Kernel, Loop, Plan, Port, PortKind, Program, Rows, Space, Span,
    Step, Work,
};
use crate::blob::align_words;

/// Checks all of `plan` but its recipe, for a firmware that links the kernels for which `links` holds.
pub(crate) fn check(plan: &Plan<'_>, links: impl Fn(Kernel) -> bool) -> Result<(), PlanError> {
    let default = usize::from(plan.default_bucket);
    if plan.persistent_len > plan.arena_len
        || plan.arena_len > Span::OFFSET_LIMIT
        || plan.flash_len > Span::OFFSET_LIMIT
        || default >= plan.buckets.len()
    {
        return Err(PlanError::Head);
    }
    check_arrays(plan)?;
    for (row, call) in plan.calls.iter().enumerate() {
        if !links(call.kernel) {
            return Err(PlanError::NotLinked {
                kernel: call.kernel as u16,
            });
        }
        let operands = call.operands_of(plan.operands).len();
        let ints = call.ints_of(plan.ints).len();
        if operands != call.kernel.accesses().len() || ints != usize::from(call.int_count) {
            let table = Table::Calls;
            return Err(PlanError::Row { table, row });
        }
    }
    for (row, port) in plan.ports.iter().enumerate() {
        let empty = matches!(port.kind, PortKind::U16 { min, max, .. } if min > max);
        if empty || port.len > Span::OFFSET_LIMIT {
            let table = Table::Ports;
            return Err(PlanError::Row { table, row });
        }
    }
    for (row, bucket) in plan.buckets.iter().enumerate() {
        check_bucket(plan, row, bucket)?;
    }
    Ok(())
}

/// The rows of `table`, if all of them are there.
fn rows<T>(rows: Rows, table: &[T]) -> Option<&[T]> {
    table.get(usize::from(rows.start)..usize::from(rows.end))
}

fn array(start: u32, len: u32) -> Range<u32> {
    start..start.saturating_add(len)
}

/// The arrays of the persistent part: of each parameter its value, state and gradient, then the carried states.
fn arrays<'p>(plan: &Plan<'p>) -> impl Iterator<Item = (PlanError, Range<u32>)> + use<'p> {
    let optimizer = plan.optimizer;
    let params = plan.params.iter().enumerate();
    let params = params.flat_map(move |(index, param)| {
        let home = match param.home {
            Home::Flash => None,
            Home::Arena(home) => Some(array(home, param.len)),
        };
        let states = optimizer.state_len(param.len);
        let state = param.state.map(|start| array(start, states));
        let grad = param.grad.map(|start| array(start, param.len));
        let residual = param.residual.map(|start| array(start, param.len));
        let own = [home, state, grad, residual].into_iter().flatten();
        own.map(move |array| (PlanError::Param { index }, array))
    });
    let states = plan.states.iter().enumerate();
    params.chain(
        states.map(|(index, span)| (PlanError::State { index }, array(span.offset(), span.len))),
    )
}

fn check_arrays(plan: &Plan<'_>) -> Result<(), PlanError> {
    let mut flash = 0u32;
    for (index, param) in plan.params.iter().enumerate() {
        let rates = param.lr_mult.is_finite() && param.wd_mult.is_finite();
        if param.flash != flash || param.len > Span::OFFSET_LIMIT || !rates {
            return Err(PlanError::Param { index });
        }
        flash = flash.saturating_add(align_words(param.len));
    }
    if flash != plan.flash_len {
        return Err(PlanError::Head);
    }
    let states = plan.states.iter();
    if let Some(index) = states.clone().position(|span| span.space() != Space::Arena) {
        return Err(PlanError::State { index });
    }
    for (at, (error, array)) in arrays(plan).enumerate() {
        let mut others = arrays(plan).take(at);
        let meets = |(_, other): (_, Range<u32>)| meet(&array, &other);
        if array.end > plan.persistent_len || others.any(meets) {
            return Err(error);
        }
    }
    Ok(())
}

fn meet(a: &Range<u32>, b: &Range<u32>) -> bool {
    a.start < b.end && b.start < a.end
}

fn check_bucket(plan: &Plan<'_>, row: usize, bucket: &BucketPlan) -> Result<(), PlanError> {
    let missing = PlanError::Row {
        table: Table::Buckets,
        row,
    };
    let data = rows(bucket.data, plan.ports).ok_or(missing)?;
    let labels = rows(bucket.labels, plan.ports).ok_or(missing)?;
    for (row, trains) in [(bucket.infer, false), (bucket.train, true)] {
        let program = plan.programs.get(usize::from(row)).ok_or(missing)?;
        let bad = PlanError::Row {
            table: Table::Programs,
            row: usize::from(row),
        };
        let spaces = Spaces {
            plan,
            frame: bucket.frame,
            data,
            labels,
            head_grads: rows(program.head_grads, plan.ports).ok_or(bad)?,
            trains,
        };
        spaces.check_program(program, bad)?;
    }
    Ok(())
}

/// What the calls of one program may touch.
struct Spaces<'p> {
    plan: &'p Plan<'p>,
    frame: u16,
    data: &'p [Port],
    labels: &'p [Port],
    head_grads: &'p [Port],
    trains: bool,
}

impl Spaces<'_> {
    fn check_program(&self, program: &Program, bad: PlanError) -> Result<(), PlanError> {
        for phase in [
            program.forward,
            program.backward,
            program.check,
            program.update,
        ] {
            for step in rows(phase, self.plan.steps).ok_or(bad)? {
                self.check_step(*step, bad)?;
            }
        }
        for ends in [program.outputs, program.input_grads] {
            for operand in rows(ends, self.plan.operands).ok_or(bad)? {
                let span = self.plan.span(self.frame, *operand).ok_or(bad)?;
                let lent = matches!(span.space(), Space::Arena | Space::Flash);
                if !lent || !self.holds(span) {
                    return Err(bad);
                }
            }
        }
        Ok(())
    }

    fn check_step(&self, step: Step, bad: PlanError) -> Result<(), PlanError> {
        let row = match step.work() {
            Work::Call(row) => return self.check_call(row, 0, &[]),
            Work::Loop(row) => usize::from(row),
        };
        let Loop {
            count,
            body,
            strides,
        } = self.plan.loops.get(row).ok_or(bad)?;
        let bad = PlanError::Row {
            table: Table::Loops,
            row,
        };
        let mut strides = self.plan.strides.get(usize::from(*strides)..).ok_or(bad)?;
        let last = count.checked_sub(1).ok_or(bad)?;
        for step in rows(*body, self.plan.steps).ok_or(bad)? {
            let Work::Call(row) = step.work() else {
                return Err(bad);
            };
            let call = self.plan.calls.get(usize::from(row)).ok_or(bad)?;
            let own = call.stride_count();
            let (own, others) = strides.split_at_checked(own).ok_or(bad)?;
            self.check_call(row, last, own)?;
            strides = others;
        }
        Ok(())
    }

    /// Checks the call in row `row` at its first turn and at turn `last`.
    fn check_call(&self, row: u16, last: u16, strides: &[i16]) -> Result<(), PlanError> {
        let row = usize::from(row);
        let missing = PlanError::Row {
            table: Table::Calls,
            row,
        };
        let call = *self.plan.calls.get(row).ok_or(missing)?;
        let count = call.kernel.accesses().len();
        for at in 0..count {
            let bad = PlanError::Operand {
                call: row,
                operand: at,
            };
            let [first, end] = self.turns(call, at, last, strides).ok_or(bad)?;
            if !self.holds(first) || !self.holds(end) {
                return Err(bad);
            }
            let access = call.kernel.accesses().get(at);
            if access != Some(&Access::Read) && !self.may_write(first, end) {
                return Err(PlanError::ReadOnly {
                    call: row,
                    operand: at,
                });
            }
            for other in 0..at {
                let others = self.turns(call, other, last, strides).ok_or(bad)?;
                if !apart([first, end], others) {
                    return Err(PlanError::Overlap { call: row });
                }
            }
        }
        Ok(())
    }

    /// The call's operand number `at` at the first turn and at turn `last`.
    fn turns(&self, call: Call, at: usize, last: u16, strides: &[i16]) -> Option<[Span; 2]> {
        let operand = call.operands_of(self.plan.operands).get(at)?;
        let first = self.plan.span(self.frame, *operand)?;
        let stride = strides.get(at).copied().unwrap_or(0);
        let end = first.shifted(i32::from(stride) * i32::from(last))?;
        Some([first, end])
    }

    /// Whether the span lies in its space.
    fn holds(&self, span: Span) -> bool {
        let port = |ports: &[Port], port: u8| ports.get(usize::from(port)).map(|port| port.len);
        let len = match span.space() {
            Space::Arena => Some(self.plan.arena_len),
            Space::Flash => Some(self.plan.flash_len),
            Space::Data(at) => port(self.data, at),
            Space::Label(at) => port(self.labels, at),
            Space::HeadGrad(at) => port(self.head_grads, at),
        };
        len.is_some_and(|len| span.offset().saturating_add(span.len) <= len)
    }

    /// Whether a call may write here, from one turn to another: in the transient part, or in arrays of parameters (a loop may
    /// go from one to the next), with no state between them.
    fn may_write(&self, first: Span, end: Span) -> bool {
        if first.len == 0 {
            return true;
        }
        if first.space() != Space::Arena {
            return false;
        }
        let from = first.offset().min(end.offset());
        let to = first.offset().max(end.offset()).saturating_add(first.len);
        if from >= self.plan.persistent_len {
            return true;
        }
        let is_param = |owner: &PlanError| matches!(owner, PlanError::Param { .. });
        let within = |span: Span| {
            let end = span.offset().saturating_add(span.len);
            let mut own = arrays(self.plan).filter(|(owner, _)| is_param(owner));
            own.any(|(_, array)| array.start <= span.offset() && end <= array.end)
        };
        let mut others = arrays(self.plan).filter(|(owner, _)| !is_param(owner));
        let free = others.all(|(_, array)| to <= array.start || array.end <= from);
        self.trains && within(first) && within(end) && free
    }
}

/// Whether two operands share no element at any turn: they lie on the same sides at the first and the last, and move
/// evenly in between.
fn apart(a: [Span; 2], b: [Span; 2]) -> bool {
    let ([a, a_end], [b, b_end]) = (a, b);
    let outside = |span: Span| span.space() != Space::Arena || span.len == 0;
    let before = |a: Span, b: Span| a.offset().saturating_add(a.len) <= b.offset();
    outside(a)
        || outside(b)
        || (before(a, b) && before(a_end, b_end))
        || (before(b, a) && before(b_end, a_end))
}
