//! The data files, read in place; dataset.py draws their layout.

use crate::Error;

/// Coefficients of a step.
pub const CHANNELS: usize = 12;
/// Speakers.
pub const CLASSES: usize = 9;

/// A file, aligned so that its floats can be read in place.
#[repr(C, align(16))]
struct Aligned<T: ?Sized>(T);

/// Embeds a file where the linker script puts test data: besides the firmware's flash.
macro_rules! test_data {
    ($name:ident, $path:literal) => {
        #[cfg_attr(target_os = "none", unsafe(link_section = ".testdata"))]
        static $name: Aligned<[u8; include_bytes!($path).len()]> = Aligned(*include_bytes!($path));
    };
}

test_data!(TRAIN, "../data/train.bin");
test_data!(TEST, "../data/test.bin");
test_data!(ADAPT, "../data/adapt.bin");
test_data!(MICROPHONES, "../data/microphones.bin");

/// One recording: its steps, channel by channel, and who speaks.
#[derive(Clone, Copy, Debug)]
pub struct Utterance {
    /// `[T, 12]`
    pub steps: &'static [f32],
    pub label: u16,
}

impl Utterance {
    /// Time steps.
    pub fn len(&self) -> usize {
        self.steps.len() / CHANNELS
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// A file of utterances.
#[derive(Clone, Copy)]
pub struct Utterances {
    directory: &'static [u8],
    values: &'static [f32],
}

const HEADER: usize = 16;
const ENTRY: usize = 8;

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn floats(bytes: &'static [u8]) -> Option<&'static [f32]> {
    bytemuck::try_cast_slice(bytes).ok()
}

impl Utterances {
    fn read(bytes: &'static [u8]) -> Option<Self> {
        if bytes.get(..4)? != b"TPSV" {
            return None;
        }
        let count = u32_at(bytes, 8)? as usize;
        let (_, rest) = bytes.split_at_checked(HEADER)?;
        let (directory, values) = rest.split_at_checked(count * ENTRY)?;
        Some(Utterances {
            directory,
            values: floats(values)?,
        })
    }

    fn get(&self, entry: &[u8]) -> Option<Utterance> {
        let first = u32_at(entry, 0)? as usize * CHANNELS;
        let len = usize::from(*entry.get(4)?) * CHANNELS;
        Some(Utterance {
            steps: self.values.get(first..first + len)?,
            label: u16::from(*entry.get(5)?),
        })
    }

    /// Every utterance, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = Result<Utterance, Error>> + '_ {
        let (entries, _) = self.directory.as_chunks::<ENTRY>();
        entries
            .iter()
            .map(|entry| self.get(entry).ok_or(Error::Data))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.directory.len() / ENTRY
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.directory.is_empty()
    }
}

/// The utterances that the network was trained with.
pub fn train() -> Result<Utterances, Error> {
    Utterances::read(&TRAIN.0).ok_or(Error::Data)
}

/// The utterances that nothing was ever chosen by.
pub fn test() -> Result<Utterances, Error> {
    Utterances::read(&TEST.0).ok_or(Error::Data)
}

/// The labelled utterances of the fine-tuning, five of each speaker, in the order of training.
pub fn adapt() -> Result<Utterances, Error> {
    Utterances::read(&ADAPT.0).ok_or(Error::Data)
}

/// A microphone: x' = x M, rows by columns.
pub type Microphone = &'static [f32];

/// The microphone of a seed, 1 to 10.
pub fn microphone(seed: usize) -> Result<Microphone, Error> {
    let bytes = &MICROPHONES.0;
    let count = u32_at(bytes, 8).ok_or(Error::Data)? as usize;
    let matrices = bytes.get(HEADER + 4 * count..).and_then(floats);
    let start = seed.checked_sub(1).ok_or(Error::Data)? * CHANNELS * CHANNELS;
    matrices
        .and_then(|matrices| matrices.get(start..start + CHANNELS * CHANNELS))
        .ok_or(Error::Data)
}
