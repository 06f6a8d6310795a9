//! A plan as a blob: what is loaded beside kernels that are in the firmware already, so that a new model needs no new
//! firmware.
//!
//! One postcard message and a CRC, without names:
//!
//! ```text
//! | magic "TPP2" | kernels | head | counts    | rows of each table, in the order of the counts | crc |
//! | 4 bytes      | varint  |      | 12 varint | postcard of each row                           | 4   |
//!
//! kernels: a fingerprint of the kernels and their operands, for a kernel is stored as its number
//! head:    the numbers of a Plan, in the order of its fields
//! crc:     CRC-32 (ISO-HDLC) of everything before it, little endian
//! ```
//!
//! The rows are decoded once, into memory that the caller provides ([`Storage`], or [`PlanRows`] for a start).
//! [`Loaded`](crate::model::Loaded) then checks what they say.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{
    BucketPlan, Call, Home, Kernel, Loop, Operand, Param, ParamKind, Plan, Port, PortKind, Program,
    Rows, Span, Step, Train,
};
use crate::blob::CRC;
use crate::optim::Kind;
use crate::recipe::Recipe;

/// The first bytes of every plan blob.
pub const MAGIC: [u8; 4] = *b"TPP2";

/// A fingerprint of the kernels, their numbers and their operands: FNV-1a.
pub const KERNELS: u32 = kernels();

const fn kernels() -> u32 {
    let mut hash = 0x811c_9dc5;
    let mut rest = Kernel::ALL;
    while let [kernel, others @ ..] = rest {
        rest = others;
        hash = hashed(hash, kernel.name());
        let mut names = kernel.operand_names();
        while let [name, others @ ..] = names {
            names = others;
            hash = hashed(hash, name);
        }
    }
    hash
}

const fn hashed(mut hash: u32, text: &str) -> u32 {
    let mut bytes = text.as_bytes();
    while let [byte, others @ ..] = bytes {
        bytes = others;
        hash = (hash ^ *byte as u32).wrapping_mul(0x0100_0193);
    }
    (hash ^ 0xff).wrapping_mul(0x0100_0193)
}

/// The numbers of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    schema: u64,
    fingerprint: u64,
    recipe: Recipe,
    train: Train,
    optimizer: Kind,
    batch_size: u32,
    arena_len: u32,
    persistent_len: u32,
    flash_len: u32,
    default_bucket: u16,
}

impl Head {
    #[cfg(feature = "alloc")]
    const fn of(plan: &Plan<'_>) -> Self {
        Head {
            schema: plan.schema,
            fingerprint: plan.fingerprint,
            recipe: plan.recipe,
            train: plan.train,
            optimizer: plan.optimizer,
            batch_size: plan.batch_size,
            arena_len: plan.arena_len,
            persistent_len: plan.persistent_len,
            flash_len: plan.flash_len,
            default_bucket: plan.default_bucket,
        }
    }
}

/// Declares what there is one of for each table.
macro_rules! tables {
    ($($table:ident: $row:ty, $name:ident,)*) => {
        /// A table of a plan.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum Table {
            $($name,)*
        }

        /// How many rows each table has.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct Counts {
            $(pub $table: u16,)*
        }

        impl Counts {
            /// Those of `plan`, whose rows are numbered in 16 bits.
            pub const fn of(plan: &Plan<'_>) -> Self {
                Counts {
                    $($table: plan.$table.len() as u16,)*
                }
            }
        }

        /// Memory for the rows of a plan. What lies in it does not matter.
        pub struct Storage<'s> {
            $(pub $table: &'s mut [$row],)*
        }

        impl<'s> Storage<'s> {
            fn decode(
                self,
                head: Head,
                counts: Counts,
                rest: &mut &[u8],
            ) -> Result<Plan<'s>, PlanError> {
                $(room(Table::$name, self.$table, counts.$table)?;)*
                $(let $table = rows(self.$table, counts.$table, rest)?;)*
                Ok(Plan {
                    schema: head.schema,
                    fingerprint: head.fingerprint,
                    recipe: head.recipe,
                    train: head.train,
                    optimizer: head.optimizer,
                    batch_size: head.batch_size,
                    arena_len: head.arena_len,
                    persistent_len: head.persistent_len,
                    flash_len: head.flash_len,
                    default_bucket: head.default_bucket,
                    $($table,)*
                })
            }
        }

        #[cfg(feature = "alloc")]
        fn encode_rows(plan: &Plan<'_>, out: alloc::vec::Vec<u8>) -> postcard::Result<alloc::vec::Vec<u8>> {
            let mut out = out;
            $(for row in plan.$table {
                out = postcard::to_extend(row, out)?;
            })*
            Ok(out)
        }
    };
}

tables! {
    params: Param, Params,
    states: Span, States,
    buckets: BucketPlan, Buckets,
    programs: Program, Programs,
    ports: Port, Ports,
    steps: Step, Steps,
    loops: Loop, Loops,
    calls: Call, Calls,
    operands: Operand, Operands,
    strides: i16, Strides,
    spans: Span, Spans,
    ints: u32, Ints,
}

/// A plan blob is refused. Nothing but the storage was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PlanError {
    /// It does not begin with [`MAGIC`].
    Magic,
    /// It was made for other kernels: by another version of tinpail.
    Kernels { expected: u32, found: u32 },
    /// A byte was changed, or it was cut.
    Crc { expected: u32, found: u32 },
    /// It ends too early, or a number in it has no meaning; `left` bytes follow.
    Malformed { left: usize },
    /// The storage has too few rows for a table.
    Storage {
        table: Table,
        needed: usize,
        found: usize,
    },
    /// Bytes follow the last row.
    Trailing { bytes: usize },
    /// The firmware does not link this kernel (its number: see [`Kernel::ALL`]).
    NotLinked { kernel: u16 },
    /// A number of the plan itself: lengths, the default bucket, the number of buckets.
    Head,
    /// A row of a table names rows that are not there, or has a number without meaning.
    Row { table: Table, row: usize },
    /// A parameter does not lie where the schema puts it in flash, or one of its arrays lies outside of the persistent
    /// part of the arena, or on another array.
    Param { index: usize },
    /// A carried state lies outside of the persistent part of the arena, or on another array.
    State { index: usize },
    /// An operand of a call (a row of the calls) lies outside of its space at the first or the last turn.
    Operand { call: usize, operand: usize },
    /// Two operands of a call share memory, or pass each other in a loop.
    Overlap { call: usize },
    /// A call writes what no call may: something outside of the arena, or persistent memory that is none of its own.
    ReadOnly { call: usize, operand: usize },
}

impl<'s> Plan<'s> {
    /// Decodes a plan blob. What the rows say is checked by [`Loaded`](crate::model::Loaded).
    ///
    /// # Errors
    ///
    /// Any bytes are accepted; whatever is wrong with them is a [`PlanError`].
    pub fn from_bytes(bytes: &[u8], storage: Storage<'s>) -> Result<Self, PlanError> {
        let (head, counts, mut rest) = begin(bytes)?;
        let plan = storage.decode(head, counts, &mut rest)?;
        match rest.len() {
            0 => Ok(plan),
            bytes => Err(PlanError::Trailing { bytes }),
        }
    }

    /// The plan as a blob.
    ///
    /// # Errors
    ///
    /// None that a plan with at most 65,535 rows in each table has.
    #[cfg(feature = "alloc")]
    pub fn to_bytes(&self) -> Result<alloc::vec::Vec<u8>, postcard::Error> {
        let begin = (MAGIC, KERNELS, Head::of(self), Counts::of(self));
        let bytes = postcard::to_extend(&begin, alloc::vec::Vec::new())?;
        let mut bytes = encode_rows(self, bytes)?;
        let crc = CRC.checksum(&bytes);
        bytes.extend(crc.to_le_bytes());
        Ok(bytes)
    }
}

impl Counts {
    /// Those of a plan blob: what its storage must hold.
    ///
    /// # Errors
    ///
    /// As [`Plan::from_bytes`].
    pub fn in_bytes(bytes: &[u8]) -> Result<Self, PlanError> {
        begin(bytes).map(|(_, counts, _)| counts)
    }
}

/// Everything before the rows, and the bytes of those.
fn begin(bytes: &[u8]) -> Result<(Head, Counts, &[u8]), PlanError> {
    if !bytes.starts_with(&MAGIC) {
        return Err(PlanError::Magic);
    }
    let Some((covered, stored)) = bytes.split_last_chunk::<4>() else {
        return Err(PlanError::Malformed { left: 0 });
    };
    let (expected, found) = (u32::from_le_bytes(*stored), CRC.checksum(covered));
    if expected != found {
        return Err(PlanError::Crc { expected, found });
    }
    let mut rest = covered.get(MAGIC.len()..).unwrap_or(&[]);
    let found = next(&mut rest)?;
    if found != KERNELS {
        return Err(PlanError::Kernels {
            expected: KERNELS,
            found,
        });
    }
    Ok((next(&mut rest)?, next(&mut rest)?, rest))
}

fn next<T: DeserializeOwned>(rest: &mut &[u8]) -> Result<T, PlanError> {
    let malformed = PlanError::Malformed { left: rest.len() };
    let (value, left) = postcard::take_from_bytes(rest).map_err(|_| malformed)?;
    *rest = left;
    Ok(value)
}

fn room<T>(table: Table, storage: &[T], count: u16) -> Result<(), PlanError> {
    let (needed, found) = (usize::from(count), storage.len());
    if needed > found {
        return Err(PlanError::Storage {
            table,
            needed,
            found,
        });
    }
    Ok(())
}

fn rows<'s, T: DeserializeOwned>(
    storage: &'s mut [T],
    count: u16,
    rest: &mut &[u8],
) -> Result<&'s [T], PlanError> {
    let rows = storage.get_mut(..usize::from(count)).unwrap_or(&mut []);
    for row in rows.iter_mut() {
        *row = next(rest)?;
    }
    Ok(rows)
}

/// [`Storage`] of its own: `ROWS` each for steps, calls, operands, strides, spans and integers, `FEW` each for the
/// other tables.
#[derive(Clone, Debug)]
pub struct PlanRows<const FEW: usize, const ROWS: usize> {
    params: [Param; FEW],
    states: [Span; FEW],
    buckets: [BucketPlan; FEW],
    programs: [Program; FEW],
    ports: [Port; FEW],
    loops: [Loop; FEW],
    steps: [Step; ROWS],
    calls: [Call; ROWS],
    operands: [Operand; ROWS],
    strides: [i16; ROWS],
    spans: [Span; ROWS],
    ints: [u32; ROWS],
}

impl<const FEW: usize, const ROWS: usize> PlanRows<FEW, ROWS> {
    /// Empty rows; const, for a static.
    pub const fn new() -> Self {
        const NONE: Rows = Rows { start: 0, end: 0 };
        PlanRows {
            params: [Param {
                len: 0,
                flash: 0,
                home: Home::Flash,
                kind: ParamKind::Argument,
                state: None,
                grad: None,
                residual: None,
                lr_mult: 0.0,
                wd_mult: 0.0,
            }; FEW],
            states: [Span::NONE; FEW],
            buckets: [BucketPlan {
                key: 0,
                data: NONE,
                labels: NONE,
                frame: 0,
                infer: 0,
                train: 0,
            }; FEW],
            programs: [Program {
                forward: NONE,
                backward: NONE,
                check: NONE,
                update: NONE,
                head_grads: NONE,
                outputs: NONE,
                input_grads: NONE,
            }; FEW],
            ports: [Port {
                kind: PortKind::F32,
                len: 0,
            }; FEW],
            loops: [Loop {
                count: 0,
                body: NONE,
                strides: 0,
            }; FEW],
            steps: [Step::call(0); ROWS],
            calls: [Call {
                kernel: Kernel::Copy,
                int_count: 0,
                operands: 0,
                ints: 0,
            }; ROWS],
            operands: [Operand::shared(0); ROWS],
            strides: [0; ROWS],
            spans: [Span::NONE; ROWS],
            ints: [0; ROWS],
        }
    }

    /// All of it.
    pub const fn storage(&mut self) -> Storage<'_> {
        Storage {
            params: &mut self.params,
            states: &mut self.states,
            buckets: &mut self.buckets,
            programs: &mut self.programs,
            ports: &mut self.ports,
            steps: &mut self.steps,
            loops: &mut self.loops,
            calls: &mut self.calls,
            operands: &mut self.operands,
            strides: &mut self.strides,
            spans: &mut self.spans,
            ints: &mut self.ints,
        }
    }
}

impl<const FEW: usize, const ROWS: usize> Default for PlanRows<FEW, ROWS> {
    fn default() -> Self {
        Self::new()
    }
}
