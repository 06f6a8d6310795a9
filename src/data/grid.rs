//! A batch in its buffers: padding everywhere, then rows.

use super::{DataError, Layout, PadSide, Rules, Sentences};

/// The buffers of one batch, each exactly as long as the batch.
pub(super) struct Grid<'b, 'a, T> {
    rules: &'b Rules<'a, T>,
    key: usize,
    data: &'b mut [T],
    label: &'b mut [T],
}

impl<'b, 'a, T: Copy> Grid<'b, 'a, T> {
    /// Of padding alone.
    pub(super) fn new<E>(
        rules: &'b Rules<'a, T>,
        key: usize,
        data: &'b mut [T],
        label: &'b mut [T],
    ) -> Result<Self, DataError<E>> {
        let needed = key.saturating_mul(rules.batch_size);
        let found = data.len();
        let data = data.get_mut(..needed);
        let data = data.ok_or(DataError::Data { needed, found })?;
        let found = label.len();
        let label = label.get_mut(..needed);
        let label = label.ok_or(DataError::Label { needed, found })?;
        data.fill(rules.padding);
        label.fill(rules.invalid_label);
        Ok(Self {
            rules,
            key,
            data,
            label,
        })
    }

    /// Writes sequence `index` as row `row`.
    pub(super) fn write<S: Sentences<Value = T>>(
        &mut self,
        source: &mut S,
        index: usize,
        row: usize,
    ) -> Result<(), DataError<S::Error>> {
        let needed = source.len(index).map_err(DataError::Source)?;
        let room = self.key.checked_sub(needed);
        let room = room.ok_or(DataError::Changed { index })?;
        let first = match self.rules.pad_side {
            PadSide::Right => 0,
            PadSide::Left => room,
        };
        let mut found = 0usize;
        let put = |value| {
            if found < needed {
                self.put(row, first.saturating_add(found), value);
            }
            found = found.saturating_add(1);
        };
        source.read(index, put).map_err(DataError::Source)?;
        if found == needed {
            Ok(())
        } else {
            Err(DataError::Len {
                index,
                needed,
                found,
            })
        }
    }

    /// One value: data of its step, label of the step before.
    fn put(&mut self, row: usize, step: usize, value: T) {
        let at = self.at(row, step);
        if let Some(data) = self.data.get_mut(at) {
            *data = value;
        }
        let Some(before) = step.checked_sub(1) else {
            return;
        };
        let at = self.at(row, before);
        if let Some(label) = self.label.get_mut(at) {
            *label = value;
        }
    }

    fn at(&self, row: usize, step: usize) -> usize {
        let (major, width, minor) = match self.rules.layout {
            Layout::Nt => (row, self.key, step),
            Layout::Tn => (step, self.rules.batch_size, row),
        };
        major.saturating_mul(width).saturating_add(minor)
    }
}
