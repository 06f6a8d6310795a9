//! Where sequences come from: slices, a function, flash, or a reader.

use core::convert::Infallible;

/// Sequences that are numbered from 0. Methods take `&mut self`, for a reader that has to seek.
pub trait Sentences {
    type Value: Copy;
    type Error;

    /// How many there are.
    fn count(&self) -> usize;

    /// How many values sequence `index` has; asked often, and always for the same answer.
    fn len(&mut self, index: usize) -> Result<usize, Self::Error>;

    /// Gives the values of sequence `index` to `put`, one by one: as many as [`Sentences::len`] says.
    fn read(&mut self, index: usize, put: impl FnMut(Self::Value)) -> Result<(), Self::Error>;
}

impl<T: Copy> Sentences for &[&[T]] {
    type Value = T;
    type Error = Infallible;

    fn count(&self) -> usize {
        <[&[T]]>::len(self)
    }

    fn len(&mut self, index: usize) -> Result<usize, Infallible> {
        Ok(self.get(index).map_or(0, |values| values.len()))
    }

    fn read(&mut self, index: usize, put: impl FnMut(T)) -> Result<(), Infallible> {
        let values = self.get(index).copied().unwrap_or(&[]);
        values.iter().copied().for_each(put);
        Ok(())
    }
}

/// Sequences that a function finds by their numbers, below `count`.
#[derive(Clone, Copy, Debug)]
pub struct Indexed<F> {
    pub count: usize,
    pub get: F,
}

impl<'a, T: Copy + 'a, F: Fn(usize) -> &'a [T]> Sentences for Indexed<F> {
    type Value = T;
    type Error = Infallible;

    fn count(&self) -> usize {
        self.count
    }

    fn len(&mut self, index: usize) -> Result<usize, Infallible> {
        Ok((self.get)(index).len())
    }

    fn read(&mut self, index: usize, put: impl FnMut(T)) -> Result<(), Infallible> {
        (self.get)(index).iter().copied().for_each(put);
        Ok(())
    }
}
