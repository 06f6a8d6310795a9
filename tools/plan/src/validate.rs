//! The validator: replays a program over a shadow of the arena, in which every element remembers which
//! buffer's which element it holds. It shares no code with lowering's aliases, liveness or placement. It takes the
//! places of operands and outputs from the tables that are shipped, every turn of every loop read back; of the
//! placement it takes only where parameters and states lie, and which copies became none.
//!
//! | broken rule | code |
//! | --- | --- |
//! | a read finds another buffer's element, or none: an overlap of live buffers, or a missing write | [`Broken::Read`] |
//! | two operands of one call share memory | [`Broken::Overlap`] |
//! | an operand reaches beyond the arena | [`Broken::Bounds`] |
//! | a weight is read after its update began | [`Broken::Stale`] |
//! | an output is gone at the end | [`Broken::Output`] |
//! | something that outlives the step is gone at the end, of this bucket or of another | [`Broken::Lost`] |
//! | a buffer outside of the arena is written | [`Broken::ReadOnly`] |
//! | the tables make another call, or name another space, port or length | [`Broken::Table`] |
//! | a program that makes values again leaves others than the plain one (see [`same`]) | [`Broken::Value`] |

mod same;

pub use same::same;

use std::collections::HashSet;
use std::fmt;

use std::ops::Range;

use tinpail::plan::{Access, Plan, Rows, Space, Span};

use crate::flat::{self, FlatCall};
use crate::ir::{Code, Instr, Phase, Storage, View};

/// Which rule a program breaks, at which call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    Read {
        call: usize,
        buffer: String,
        element: usize,
        holds: String,
    },
    Overlap {
        call: usize,
        left: String,
        right: String,
    },
    Bounds {
        call: usize,
        buffer: String,
        end: usize,
    },
    Stale {
        call: usize,
        buffer: String,
    },
    Output {
        buffer: String,
        element: usize,
        holds: String,
    },
    Lost {
        offset: usize,
        held: String,
        holds: String,
    },
    ReadOnly {
        call: usize,
        buffer: String,
    },
    Table {
        call: usize,
        what: String,
    },
    Value {
        buffer: String,
    },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Read {
                call,
                buffer,
                element,
                holds,
            } => write!(f, "call {call} reads {buffer}[{element}] and finds {holds}"),
            Broken::Overlap { call, left, right } => {
                write!(f, "operands {left} and {right} of call {call} overlap")
            }
            Broken::Bounds { call, buffer, end } => {
                write!(f, "{buffer} of call {call} ends at {end}, beyond the arena")
            }
            Broken::Stale { call, buffer } => {
                write!(f, "call {call} reads {buffer} after its update began")
            }
            Broken::Output {
                buffer,
                element,
                holds,
            } => write!(f, "output {buffer}[{element}] is gone at the end: {holds}"),
            Broken::Lost {
                offset,
                held,
                holds,
            } => write!(f, "{held} is lost from element {offset}: {holds}"),
            Broken::ReadOnly { call, buffer } => {
                write!(f, "call {call} writes {buffer}, which is not in the arena")
            }
            Broken::Table { call, what } => write!(f, "the tables at call {call}: {what}"),
            Broken::Value { buffer } => write!(f, "{buffer} ends as something else"),
        }
    }
}

/// A program whose buffers have places.
pub struct Placed<'c> {
    pub code: &'c Code,
    /// Where each buffer lies in the arena; `None`: not in it.
    pub offsets: &'c [Option<usize>],
    /// Elements at the start of the arena that outlive the step.
    pub persistent_len: usize,
    pub arena_len: usize,
}

/// Where the operands of a call are, in the order of the kernel's; `None`: left out, or not in the arena.
struct Located {
    ranges: Vec<Option<Range<usize>>>,
    /// Whether it is a call at run time. A copy that is none is one of memory onto itself.
    runs: bool,
}

impl Placed<'_> {
    /// Checks the program as the tables of `plan` have it: program `row`, in a bucket whose own operands begin at
    /// `frame`. `is_elided` says which copies are no calls.
    pub fn validate_tables(
        &self,
        plan: &Plan<'_>,
        frame: u16,
        row: u16,
        is_elided: &dyn Fn(&Instr) -> bool,
    ) -> Result<(), Broken> {
        let table = |call: usize, what: &str| Broken::Table {
            call,
            what: what.into(),
        };
        let program = plan.program(row);
        let mut phases = Vec::new();
        for rows in [
            program.forward,
            program.backward,
            program.check,
            program.update,
        ] {
            let calls = flat::calls(plan, frame, rows);
            let calls = calls.ok_or_else(|| table(0, "a row is missing"))?;
            phases.push(calls.into_iter());
        }
        let mut located = Vec::new();
        for (at, instr) in self.code.instrs.iter().enumerate() {
            if is_elided(instr) {
                located.push(Located {
                    ranges: self.ranges(&instr.operands),
                    runs: false,
                });
                continue;
            }
            let call = phases[instr.phase as usize].next();
            let call = call.ok_or_else(|| table(at, "a call is missing"))?;
            located.push(Located {
                ranges: self.call_ranges(plan, at, instr, &call)?,
                runs: true,
            });
        }
        if phases.iter().any(|phase| phase.len() > 0) {
            return Err(table(self.code.instrs.len(), "there are more calls"));
        }
        let mut ends = Vec::new();
        let sides = [
            (program.outputs, &self.code.outputs),
            (program.input_grads, &self.code.input_grads),
        ];
        for (rows, views) in sides {
            ends.extend(self.end_ranges(plan, frame, rows, views)?);
        }
        self.replay(&located, &ends)
    }

    fn ranges(&self, views: &[Option<View>]) -> Vec<Option<Range<usize>>> {
        let range = |view: &Option<View>| {
            let view = (*view)?;
            let start = self.offsets[view.buf.0]? + view.offset;
            Some(start..start + view.len)
        };
        views.iter().map(range).collect()
    }

    fn call_ranges(
        &self,
        plan: &Plan<'_>,
        at: usize,
        instr: &Instr,
        call: &FlatCall,
    ) -> Result<Vec<Option<Range<usize>>>, Broken> {
        let same = call.kernel == instr.kernel
            && call.ints == instr.ints
            && call.spans.len() == instr.operands.len();
        if !same {
            let what = format!(
                "{:?} {:?} for {:?} {:?}",
                call.kernel, call.ints, instr.kernel, instr.ints
            );
            return Err(Broken::Table { call: at, what });
        }
        let operands = instr.operands.iter().zip(&call.spans);
        operands
            .map(|(view, span)| self.span_range(plan, at, *view, *span))
            .collect()
    }

    fn end_ranges(
        &self,
        plan: &Plan<'_>,
        frame: u16,
        rows: Rows,
        views: &[View],
    ) -> Result<Vec<Option<Range<usize>>>, Broken> {
        let at = self.code.instrs.len();
        let operands = rows.of(plan.operands);
        let spans: Option<Vec<Span>> = operands.iter().map(|o| plan.span(frame, *o)).collect();
        match spans {
            Some(spans) if spans.len() == views.len() => views
                .iter()
                .zip(spans)
                .map(|(view, span)| self.span_range(plan, at, Some(*view), span))
                .collect(),
            _ => Err(Broken::Table {
                call: at,
                what: "other outputs".into(),
            }),
        }
    }

    /// Where in the arena the tables have a view, if it lies there; it has the view's length, and outside of the arena
    /// the view's place.
    fn span_range(
        &self,
        plan: &Plan<'_>,
        at: usize,
        view: Option<View>,
        span: Span,
    ) -> Result<Option<Range<usize>>, Broken> {
        let wanted = view.filter(|view| view.len > 0).map(|view| {
            let outside = |start: usize, space| (space, Some(start + view.offset), view.len);
            match self.code.buf(view).storage {
                _ if self.offsets[view.buf.0].is_some() => (Space::Arena, None, view.len),
                Storage::Param(index) => outside(plan.params[index].flash as usize, Space::Flash),
                Storage::Data(port) => outside(0, Space::Data(port as u8)),
                Storage::Label(port) => outside(0, Space::Label(port as u8)),
                Storage::HeadGrad(port) => outside(0, Space::HeadGrad(port as u8)),
                _ => (Space::Arena, None, view.len),
            }
        });
        let range = span.range();
        match wanted {
            None if span.len == 0 => Ok(None),
            Some((space, start, len))
                if span.space() == space
                    && range.len() == len
                    && start.is_none_or(|start| start == range.start) =>
            {
                Ok((space == Space::Arena).then_some(range))
            }
            _ => Err(Broken::Table {
                call: at,
                what: format!("{span:?} for {wanted:?}"),
            }),
        }
    }

    /// Replays the calls, and looks for the outputs, `ends`.
    fn replay(&self, located: &[Located], ends: &[Option<Range<usize>>]) -> Result<(), Broken> {
        let mut replay = Replay {
            code: self.code,
            offsets: self.offsets,
            shadow: vec![None; self.arena_len],
            updated: HashSet::new(),
        };
        replay.fill_persistent()?;
        let persistent = replay.shadow.iter_mut().take(self.persistent_len);
        for (offset, cell) in persistent.enumerate() {
            cell.get_or_insert((OF_OTHERS, offset));
        }
        let before = replay.shadow.clone();
        for (at, (instr, located)) in self.code.instrs.iter().zip(located).enumerate() {
            replay.call(at, instr, located)?;
        }
        for (view, range) in self.code.pinned().zip(ends) {
            replay.check_output(view, range.clone())?;
        }
        for (offset, (held, holds)) in before.iter().zip(&replay.shadow).enumerate() {
            if held.is_some() && held != holds {
                return Err(Broken::Lost {
                    offset,
                    held: replay.describe(*held),
                    holds: replay.describe(*holds),
                });
            }
        }
        Ok(())
    }
}

/// In place of a buffer: persistent memory that this program does not know.
const OF_OTHERS: usize = usize::MAX;

/// An element of a buffer, as the shadow remembers it.
type Cell = Option<(usize, usize)>;

struct Replay<'c> {
    code: &'c Code,
    offsets: &'c [Option<usize>],
    shadow: Vec<Cell>,
    /// Parameters whose update has begun.
    updated: HashSet<usize>,
}

impl Replay<'_> {
    fn name(&self, view: View) -> String {
        self.code.buf(view).name.clone()
    }

    fn describe(&self, cell: Cell) -> String {
        match cell {
            None => "nothing".into(),
            Some((OF_OTHERS, element)) => format!("element {element} of other programs"),
            Some((buf, element)) => format!("{}[{element}]", self.code.bufs[buf].name),
        }
    }

    /// What outlives a step is there from the start.
    fn fill_persistent(&mut self) -> Result<(), Broken> {
        for (index, buf) in self.code.bufs.iter().enumerate() {
            let Some(offset) = self.offsets[index] else {
                continue;
            };
            if buf.storage == Storage::Transient {
                continue;
            }
            let end = offset + buf.len;
            let Some(cells) = self.shadow.get_mut(offset..end) else {
                return Err(Broken::Bounds {
                    call: 0,
                    buffer: buf.name.clone(),
                    end,
                });
            };
            for (element, cell) in cells.iter_mut().enumerate() {
                if let Some((other, _)) = *cell {
                    return Err(Broken::Overlap {
                        call: 0,
                        left: buf.name.clone(),
                        right: self.code.bufs[other].name.clone(),
                    });
                }
                *cell = Some((index, element));
            }
        }
        Ok(())
    }

    fn call(&mut self, at: usize, instr: &Instr, located: &Located) -> Result<(), Broken> {
        let operands: Vec<Placement> = instr
            .operands
            .iter()
            .zip(instr.kernel.accesses())
            .zip(&located.ranges)
            .filter_map(|((view, access), range)| Some(((*view)?, *access, range.clone())))
            .collect();
        for (view, _, range) in &operands {
            let end = range.as_ref().map_or(0, |range| range.end);
            if end > self.shadow.len() {
                return Err(Broken::Bounds {
                    call: at,
                    buffer: self.name(*view),
                    end,
                });
            }
        }
        // A copy of memory onto itself is how two buffers share a place; all else must be disjoint.
        let is_identity =
            !located.runs && located.ranges[0].is_some() && located.ranges[0] == located.ranges[1];
        if !is_identity {
            self.check_disjoint(at, &operands)?;
        }
        for (view, access, range) in &operands {
            if matches!(access, Access::Read | Access::Update) {
                self.check_read(at, *view, range.clone())?;
            }
            let stale = self.updated.contains(&view.buf.0);
            if *access == Access::Read && stale {
                return Err(Broken::Stale {
                    call: at,
                    buffer: self.name(*view),
                });
            }
        }
        for (view, access, range) in &operands {
            if *access == Access::Read {
                continue;
            }
            let Some(range) = range.clone() else {
                return Err(Broken::ReadOnly {
                    call: at,
                    buffer: self.name(*view),
                });
            };
            for (element, cell) in self.shadow[range].iter_mut().enumerate() {
                *cell = Some((view.buf.0, view.offset + element));
            }
            let is_weight = matches!(self.code.buf(*view).storage, Storage::Param(_));
            if is_weight && instr.phase == Phase::Update {
                self.updated.insert(view.buf.0);
            }
        }
        Ok(())
    }

    fn check_disjoint(&self, at: usize, operands: &[Placement]) -> Result<(), Broken> {
        for (index, (left, _, a)) in operands.iter().enumerate() {
            for (right, _, b) in &operands[index + 1..] {
                let (Some(a), Some(b)) = (a, b) else {
                    continue;
                };
                if a.start < b.end && b.start < a.end {
                    return Err(Broken::Overlap {
                        call: at,
                        left: self.name(*left),
                        right: self.name(*right),
                    });
                }
            }
        }
        Ok(())
    }

    /// The first element of `view` that is not at its place in `range`.
    fn lost(&self, view: View, range: Option<Range<usize>>) -> Option<(usize, Cell)> {
        self.shadow[range?]
            .iter()
            .enumerate()
            .map(|(element, cell)| (view.offset + element, *cell))
            .find(|(element, cell)| *cell != Some((view.buf.0, *element)))
    }

    fn check_read(&self, at: usize, view: View, range: Option<Range<usize>>) -> Result<(), Broken> {
        match self.lost(view, range) {
            None => Ok(()),
            Some((element, holds)) => Err(Broken::Read {
                call: at,
                buffer: self.name(view),
                element,
                holds: self.describe(holds),
            }),
        }
    }

    fn check_output(&self, view: View, range: Option<Range<usize>>) -> Result<(), Broken> {
        match self.lost(view, range) {
            None => Ok(()),
            Some((element, holds)) => Err(Broken::Output {
                buffer: self.name(view),
                element,
                holds: self.describe(holds),
            }),
        }
    }
}

/// An operand, how it is used, and where it lies in the arena, if it does.
type Placement = (View, Access, Option<Range<usize>>);

#[cfg(test)]
mod tests;
