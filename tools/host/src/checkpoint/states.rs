//! `PREFIX-EPOCH.states`: what the optimizer holds, in the form in which the device saves it to flash: a blob with a schema
//! and a CRC. So a training goes on here where a device left off, and the other way round.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use tinpail::{BucketingModule, Model, Slots};

/// A flash in memory, of two slots.
pub struct Image {
    bytes: Vec<u8>,
    slot_len: usize,
}

/// Beyond the end of the flash.
#[derive(Clone, Copy, Debug)]
pub struct OutOfBounds;

impl NorFlashError for OutOfBounds {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::OutOfBounds
    }
}

impl ErrorType for Image {
    type Error = OutOfBounds;
}

impl ReadNorFlash for Image {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), OutOfBounds> {
        let start = offset as usize;
        let own = self
            .bytes
            .get(start..start + bytes.len())
            .ok_or(OutOfBounds)?;
        bytes.copy_from_slice(own);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Image {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), OutOfBounds> {
        let own = self.bytes.get_mut(from as usize..to as usize);
        own.ok_or(OutOfBounds)?.fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), OutOfBounds> {
        let start = offset as usize;
        let own = self.bytes.get_mut(start..start + bytes.len());
        own.ok_or(OutOfBounds)?.copy_from_slice(bytes);
        Ok(())
    }
}

impl Image {
    fn empty(slot_len: usize) -> Self {
        Image {
            bytes: vec![0xff; 2 * slot_len],
            slot_len,
        }
    }

    fn slots(&self) -> Slots {
        Slots {
            first: 0,
            second: self.slot_len as u32,
            len: self.slot_len as u32,
        }
    }

    /// What the optimizer of `core` holds.
    pub fn of<M: Model>(core: &BucketingModule<'_, M>) -> Result<Self, String> {
        let mut image = Image::empty(core.saved_optimizer_len());
        let slots = image.slots();
        let saved = core.save_optimizer_states(&mut image, slots);
        saved.map_err(|error| format!("the optimizer's states cannot be saved: {error:?}"))?;
        Ok(image)
    }

    /// Gives it to the optimizer of `core`.
    pub fn restore<M: Model>(&mut self, core: &mut BucketingModule<'_, M>) -> Result<(), String> {
        let slots = self.slots();
        let loaded = core.load_optimizer_states(self, slots);
        loaded.map_err(|error| {
            format!(
                "these are no states of this network's optimizer, or they are damaged: {error:?}"
            )
        })
    }
}

/// The bytes of the file: the first slot.
pub fn write<M: Model>(core: &BucketingModule<'_, M>) -> Result<Vec<u8>, String> {
    let mut image = Image::of(core)?;
    image.bytes.truncate(image.slot_len);
    Ok(image.bytes)
}

/// Reads the bytes of a file.
pub fn read<M: Model>(bytes: &[u8], core: &mut BucketingModule<'_, M>) -> Result<(), String> {
    let needed = core.saved_optimizer_len();
    if bytes.len() != needed {
        let found = bytes.len();
        return Err(format!(
            "the optimizer's states take {needed} bytes, the file has {found}"
        ));
    }
    let mut image = Image::empty(needed);
    image.bytes[..needed].copy_from_slice(bytes);
    image.restore(core)
}
