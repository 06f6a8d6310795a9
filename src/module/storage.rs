//! Saving and loading parameters, and the optimizer's state: two slots of a NOR flash each, written in turn.
//!
//! A save goes to the slot that does not hold the newest parameters, and its CRC is written last: a reset
//! in the middle of it leaves the other slot, and with it the parameters of the save before.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

use super::{BucketingModule, Stage};
use crate::blob::{self, Counters, Entry, FlashSource, Need, ReadFailure, Sink, align_words};
use crate::error::{LoadError, SaveError};
use crate::model::Model;
use crate::optim::{Kind, Optimizer};
use crate::plan::{Home, Param, Plan, Space, Span};

/// Two ranges of a flash, each of `len` bytes, aligned to its erase size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Slots {
    pub first: u32,
    pub second: u32,
    /// Bytes of each.
    pub len: u32,
}

impl Slots {
    /// Whether they share no byte and end within 32-bit addresses.
    fn are_apart(self) -> bool {
        let end = |start: u32| start.checked_add(self.len);
        match (end(self.first), end(self.second)) {
            (Some(first_end), Some(second_end)) => {
                first_end <= self.second || second_end <= self.first
            }
            _ => false,
        }
    }
}

/// Which slot holds the newest parameters.
struct Newest {
    at: u32,
    found: blob::Found,
}

impl<M: Model> BucketingModule<'_, M> {
    /// Bytes that a slot needs at least; generated models have it as the constant `SAVED_BYTES`.
    pub fn saved_len(&self) -> usize {
        saved_len(self.model.plan().params)
    }

    /// Bytes that a slot of the optimizer's state needs at least; generated models have it as the constant
    /// `SAVED_OPTIMIZER_BYTES`.
    pub fn saved_optimizer_len(&self) -> usize {
        let plan = self.model.plan();
        saved_optimizer_len(plan.params, plan.optimizer)
    }

    /// Writes the trainable parameters, and the auxiliary states beside them, to the slot that does not hold the
    /// newest ones, and reads back what it wrote.
    ///
    /// # Errors
    ///
    /// [`SaveError`]; the newest parameters in flash stay what they were.
    pub fn save_params<F: NorFlash>(
        &self,
        flash: &mut F,
        slots: Slots,
    ) -> Result<(), SaveError<F::Error>> {
        let plan = self.model.plan();
        let range = |param: &Param| match param.home {
            Home::Flash => None,
            Home::Arena(home) => Some(Span::new(Space::Arena, home, param.len).range()),
        };
        let entries = plan.params.iter().enumerate();
        let entries = entries.filter_map(|(index, param)| {
            Some(Entry {
                index: index as u16,
                dims: core::slice::from_ref(&param.len),
                values: self.arena.get(range(param)?)?,
            })
        });
        let mut ranges = plan.params.iter().filter_map(range);
        let fit = ranges.all(|range| self.arena.get(range).is_some());
        self.save(
            flash,
            slots,
            Need::Trainable,
            self.saved_len(),
            fit,
            entries,
        )
    }

    /// Writes what the optimizer remembers to the slot that does not hold the newest such state: its states, the counts
    /// of updates and, of [`Nadam`](crate::optim::Nadam), `m_schedule`. MXNet's `save_optimizer_states`; slots of their
    /// own, not those of the parameters. What gradient compression has not sent yet is not saved, nor are held
    /// gradients.
    ///
    /// # Errors
    ///
    /// [`SaveError`]; the newest state in flash stays what it was.
    pub fn save_optimizer_states<F: NorFlash>(
        &self,
        flash: &mut F,
        slots: Slots,
    ) -> Result<(), SaveError<F::Error>> {
        let plan = self.model.plan();
        let optimizer = self.optimizer.as_ref().ok_or(SaveError::NoOptimizer)?;
        let bits = |count: u32| f32::from_bits(count.min(LARGEST_COUNT));
        let counters: Counters = [
            bits(self.num_update),
            bits(self.begin_num_update),
            optimizer.memory(),
        ];
        let range = |param: &Param| param.state_range(plan.optimizer);
        let mut ranges = plan.params.iter().filter_map(range);
        let fit = ranges.all(|range| self.arena.get(range).is_some());
        let states = plan.params.iter().enumerate();
        let states =
            states.filter_map(|(index, param)| Some((index, self.arena.get(range(param)?)?)));
        let last = (plan.params.len(), &counters[..]);
        let entries = states.chain([last]).map(|(index, values)| Entry {
            index: index as u16,
            dims: &[],
            values,
        });
        let needed = self.saved_optimizer_len();
        self.save(flash, slots, Need::OptimizerState, needed, fit, entries)
    }

    /// Writes a blob to the slot that does not hold the newest one; `fit` says whether all of it lies in the arena.
    fn save<'d, F: NorFlash>(
        &self,
        flash: &mut F,
        slots: Slots,
        need: Need,
        needed: usize,
        fit: bool,
        entries: impl Iterator<Item = Entry<'d>> + Clone,
    ) -> Result<(), SaveError<F::Error>> {
        let plan = self.model.plan();
        if self.poisoned {
            return Err(SaveError::Poisoned);
        }
        if !slots.are_apart() {
            return Err(SaveError::Slots);
        }
        if (slots.len as usize) < needed {
            return Err(SaveError::SlotTooSmall {
                needed,
                found: slots.len as usize,
            });
        }
        if !fit {
            return Err(SaveError::Plan);
        }
        let (at, sequence) = match newest(flash, slots, &plan, need) {
            Ok(newest) if newest.at == slots.first => {
                (slots.second, newest.found.sequence.wrapping_add(1))
            }
            Ok(newest) => (slots.first, newest.found.sequence.wrapping_add(1)),
            Err(Bad::Blob(_)) => (slots.first, 1),
            Err(Bad::Flash(error)) => return Err(SaveError::Flash(error)),
        };
        flash
            .erase(at, at.saturating_add(slots.len))
            .map_err(SaveError::Flash)?;
        let mut sink = FlashSink::new(flash, at);
        blob::write(&mut sink, need.schema(&plan), sequence, entries)?;
        sink.finish().map_err(SaveError::Flash)?;
        // A worn flash takes bytes and gives back others: better known now than at the next start.
        match slot(flash, at, slots.len, &plan, need) {
            Ok(_) => Ok(()),
            Err(Bad::Blob(error)) => Err(SaveError::NotKept(error)),
            Err(Bad::Flash(error)) => Err(SaveError::Flash(error)),
        }
    }

    /// Reads the newest parameters from the slots into the arena. The optimizer's state and the states are
    /// kept; if the module was poisoned, that is cleared and the optimizer's state with it.
    ///
    /// # Errors
    ///
    /// [`LoadError`]; nothing is changed then.
    pub fn load_params<F: ReadNorFlash>(
        &mut self,
        flash: &mut F,
        slots: Slots,
    ) -> Result<(), LoadError<F::Error>> {
        self.load(flash, slots, Need::Trainable)?;
        self.repair();
        Ok(())
    }

    /// Reads what [`save_optimizer_states`](Self::save_optimizer_states) wrote last, after `init_optimizer`: training goes
    /// on to the bit, given the same parameters and the same numbers of the optimizer (and, under a schedule, the same
    /// schedule as at the start: it follows from the number of updates).
    ///
    /// # Errors
    ///
    /// [`LoadError`]; nothing is changed then. The state of another optimizer, or of other parameters, is
    /// [`BlobError::Schema`](crate::blob::BlobError::Schema).
    pub fn load_optimizer_states<F: ReadNorFlash>(
        &mut self,
        flash: &mut F,
        slots: Slots,
    ) -> Result<(), LoadError<F::Error>> {
        if self.optimizer.is_none() {
            return Err(LoadError::NoOptimizer);
        }
        if self.poisoned {
            return Err(LoadError::Poisoned);
        }
        let [num_update, begin_num_update, memory] =
            self.load(flash, slots, Need::OptimizerState)?;
        self.num_update = num_update.to_bits();
        self.begin_num_update = begin_num_update.to_bits();
        if let Some(optimizer) = &mut self.optimizer {
            optimizer.set_memory(memory);
        }
        Ok(())
    }

    /// Copies the newest blob into the arena.
    fn load<F: ReadNorFlash>(
        &mut self,
        flash: &mut F,
        slots: Slots,
        need: Need,
    ) -> Result<Counters, LoadError<F::Error>> {
        let plan = self.model.plan();
        if !slots.are_apart() {
            return Err(LoadError::Slots);
        }
        let newest = newest(flash, slots, &plan, need).map_err(|bad| match bad {
            Bad::Flash(error) => LoadError::Flash(error),
            Bad::Blob(error) => LoadError::NoParams(error),
        })?;
        let mut source = FlashSource::new(flash, newest.at, slots.len as usize);
        if need == Need::Trainable {
            self.stage = Stage::Empty;
            self.graded = None;
        }
        let mut counters = Counters::default();
        let copied = blob::copy_into(
            &mut source,
            &newest.found,
            &plan,
            need,
            self.arena,
            &mut counters,
        );
        if let Err(failure) = copied {
            self.poisoned = true;
            return Err(failure.into());
        }
        Ok(counters)
    }
}

/// The largest count whose bits are a finite float.
const LARGEST_COUNT: u32 = 0x7f7f_ffff;

/// Bytes that a slot for these parameters needs at least: more than the blob, rounded up to 64.
pub fn saved_len(params: &[Param]) -> usize {
    let trainable = params.iter().filter(|param| param.home != Home::Flash);
    blob_len(trainable.map(|param| param.len))
}

/// Bytes that a slot for the state of these parameters needs at least.
pub fn saved_optimizer_len(params: &[Param], optimizer: Kind) -> usize {
    let counters = size_of::<Counters>() as u32 / 4;
    let with_state = params.iter().filter(|param| param.state.is_some());
    let lens = with_state.map(|param| optimizer.state_len(param.len));
    blob_len(lens.chain([counters]))
}

fn blob_len(lens: impl Iterator<Item = u32>) -> usize {
    // Header: at most 3 + 1 + 1 + 5 + 5 bytes a tensor, 36 in front, pad and CRC.
    let bytes = lens.fold(64usize, |sum, len| {
        sum.saturating_add(15 + 4 * align_words(len) as usize)
    });
    bytes.div_ceil(64).saturating_mul(64)
}

/// What is wrong with a slot.
enum Bad<E> {
    /// It cannot be read: a write that was cut off may read back as an error of the medium.
    Flash(E),
    Blob(blob::BlobError),
}

fn slot<F: ReadNorFlash>(
    flash: &mut F,
    at: u32,
    len: u32,
    plan: &Plan<'_>,
    need: Need,
) -> Result<Newest, Bad<F::Error>> {
    let mut source = FlashSource::new(flash, at, len as usize);
    match blob::check(&mut source, plan, need) {
        Ok(found) => Ok(Newest { at, found }),
        Err(ReadFailure::Blob(error)) => Err(Bad::Blob(error)),
        Err(ReadFailure::Source(error)) => Err(Bad::Flash(error)),
    }
}

/// The valid slot of the higher sequence number. One good slot is enough; without one, an error of the
/// flash comes before what is wrong with the first slot's bytes.
fn newest<F: ReadNorFlash>(
    flash: &mut F,
    slots: Slots,
    plan: &Plan<'_>,
    need: Need,
) -> Result<Newest, Bad<F::Error>> {
    let first = slot(flash, slots.first, slots.len, plan, need);
    let second = slot(flash, slots.second, slots.len, plan, need);
    match (first, second) {
        (Ok(first), Ok(second)) => {
            // Sequence numbers wrap: the newer one is the one ahead by less than half the range.
            let ahead = second.found.sequence.wrapping_sub(first.found.sequence);
            let second_is_newer = ahead != 0 && ahead < 1 << 31;
            Ok(if second_is_newer { second } else { first })
        }
        (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
        (Err(Bad::Blob(_)), Err(Bad::Flash(error))) => Err(Bad::Flash(error)),
        (Err(error), Err(_)) => Err(error),
    }
}

/// Bytes gathered for one write.
const STAGE: usize = 64;

/// A sink that writes to flash in aligned pieces.
struct FlashSink<'f, F> {
    flash: &'f mut F,
    at: u32,
    staged: heapless::Vec<u8, STAGE>,
}

impl<'f, F: NorFlash> FlashSink<'f, F> {
    const PIECES_FIT: () = assert!(
        STAGE.is_multiple_of(F::WRITE_SIZE),
        "WRITE_SIZE must divide 64"
    );

    fn new(flash: &'f mut F, at: u32) -> Self {
        let () = Self::PIECES_FIT;
        FlashSink {
            flash,
            at,
            staged: heapless::Vec::new(),
        }
    }

    fn write_out(&mut self) -> Result<(), F::Error> {
        self.flash.write(self.at, &self.staged)?;
        self.at += STAGE as u32;
        self.staged.clear();
        Ok(())
    }

    /// Writes what is left, padded with the erased value.
    fn finish(mut self) -> Result<(), F::Error> {
        if self.staged.is_empty() {
            return Ok(());
        }
        while self.staged.push(0xff).is_ok() {}
        self.write_out()
    }
}

impl<F: NorFlash> Sink for FlashSink<'_, F> {
    type Error = F::Error;

    fn put(&mut self, bytes: &[u8]) -> Result<(), F::Error> {
        for byte in bytes {
            if self.staged.is_full() {
                self.write_out()?;
            }
            // Cannot fail: a full stage was just written out.
            let _ = self.staged.push(*byte);
        }
        Ok(())
    }
}
