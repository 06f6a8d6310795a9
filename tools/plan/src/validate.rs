//! The validator: replays a program over a shadow of the arena, in which every element remembers which
//! buffer's which element it holds. It shares no code with lowering's aliases, liveness or placement, and
//! takes nothing from them but the final offsets.
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

use std::collections::HashSet;
use std::fmt;

use tinpail::plan::{Access, Kernel};

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
        }
    }
}

/// Checks `code` with each buffer at `offsets` (`None`: not in the arena). The first `persistent_len` elements
/// of the arena outlive the step.
pub fn validate(
    code: &Code,
    offsets: &[Option<usize>],
    persistent_len: usize,
    arena_len: usize,
) -> Result<(), Broken> {
    let mut replay = Replay {
        code,
        offsets,
        shadow: vec![None; arena_len],
        updated: HashSet::new(),
    };
    replay.fill_persistent()?;
    for (offset, cell) in replay.shadow.iter_mut().take(persistent_len).enumerate() {
        cell.get_or_insert((OF_OTHERS, offset));
    }
    let before = replay.shadow.clone();
    for (at, instr) in code.instrs.iter().enumerate() {
        replay.call(at, instr)?;
    }
    for view in code.pinned() {
        replay.check_output(view)?;
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

    /// Where the view lies in the arena, if it does.
    fn range(&self, view: View) -> Option<std::ops::Range<usize>> {
        let start = self.offsets[view.buf.0]? + view.offset;
        Some(start..start + view.len)
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

    fn call(&mut self, at: usize, instr: &Instr) -> Result<(), Broken> {
        let operands: Vec<(View, Access)> = instr
            .operands
            .iter()
            .zip(instr.kernel.accesses())
            .filter_map(|(view, access)| Some(((*view)?, *access)))
            .collect();
        for (view, _) in &operands {
            let end = self.range(*view).map_or(0, |range| range.end);
            if end > self.shadow.len() {
                return Err(Broken::Bounds {
                    call: at,
                    buffer: self.name(*view),
                    end,
                });
            }
        }
        // A copy of memory onto itself is how two buffers share a place; all else must be disjoint.
        let ranges: Vec<_> = operands.iter().map(|(view, _)| self.range(*view)).collect();
        let is_identity =
            instr.kernel == Kernel::Copy && ranges[0].is_some() && ranges[0] == ranges[1];
        if !is_identity {
            self.check_disjoint(at, &operands)?;
        }
        for (view, access) in &operands {
            if matches!(access, Access::Read | Access::Update) {
                self.check_read(at, *view)?;
            }
            let stale = self.updated.contains(&view.buf.0);
            if *access == Access::Read && stale {
                return Err(Broken::Stale {
                    call: at,
                    buffer: self.name(*view),
                });
            }
        }
        for (view, access) in &operands {
            if *access == Access::Read {
                continue;
            }
            let Some(range) = self.range(*view) else {
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

    fn check_disjoint(&self, at: usize, operands: &[(View, Access)]) -> Result<(), Broken> {
        for (index, (left, _)) in operands.iter().enumerate() {
            for (right, _) in &operands[index + 1..] {
                let (Some(a), Some(b)) = (self.range(*left), self.range(*right)) else {
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

    /// The first element of `view` that is not where it should be.
    fn lost(&self, view: View) -> Option<(usize, Cell)> {
        let range = self.range(view)?;
        self.shadow[range]
            .iter()
            .enumerate()
            .map(|(element, cell)| (view.offset + element, *cell))
            .find(|(element, cell)| *cell != Some((view.buf.0, *element)))
    }

    fn check_read(&self, at: usize, view: View) -> Result<(), Broken> {
        match self.lost(view) {
            None => Ok(()),
            Some((element, holds)) => Err(Broken::Read {
                call: at,
                buffer: self.name(view),
                element,
                holds: self.describe(holds),
            }),
        }
    }

    fn check_output(&self, view: View) -> Result<(), Broken> {
        match self.lost(view) {
            None => Ok(()),
            Some((element, holds)) => Err(Broken::Output {
                buffer: self.name(view),
                element,
                holds: self.describe(holds),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
