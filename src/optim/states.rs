//! Where an optimizer keeps what it remembers about each weight.

use core::mem::take;

/// The states of a run of a parameter's weights: arrays as long as the parameter, one after the other, each seen from
/// the run's first weight on.
///
/// ```text
/// | array 0: len values | array 1: len values | ...
///     ^ run                 ^ run
/// ```
#[derive(Debug, Default)]
pub struct States<'s> {
    words: &'s mut [f32],
    /// Elements of the parameter: from an array to the next.
    len: usize,
}

impl<'s> States<'s> {
    /// `words` from the run's first state in the first array on; `len` is the parameter's.
    pub fn new(words: &'s mut [f32], len: usize) -> Self {
        States { words, len }
    }

    /// Whether the plan keeps none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Those of the weights from `at` on.
    #[inline]
    pub fn after(&mut self, at: usize) -> States<'_> {
        States {
            words: self.words.get_mut(at..).unwrap_or(&mut []),
            len: self.len,
        }
    }

    /// The first array.
    #[inline]
    pub fn one(self) -> &'s mut [f32] {
        self.words
    }

    /// The arrays; those that are not there are empty.
    #[inline]
    pub fn arrays<const N: usize>(self) -> [&'s mut [f32]; N] {
        let mut rest = self.words;
        core::array::from_fn(|_| {
            let all = take(&mut rest);
            // The last array of a run ends before the parameter's length.
            let end = self.len.min(all.len());
            match all.split_at_mut_checked(end) {
                Some((array, after)) => {
                    rest = after;
                    array
                }
                None => &mut [],
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_sees_its_part_of_each_array() {
        let mut words = [0.0, 1.0, 2.0, 10.0, 11.0, 12.0];
        let mut states = States::new(&mut words[1..], 3);
        let [a, b] = states.after(1).arrays();
        assert_eq!((a[0], &*b), (2.0, &[12.0f32][..]));
        let [a, b, none] = states.arrays();
        assert_eq!((&a[..2], &*b), (&[1.0, 2.0][..], &[11.0f32, 12.0][..]));
        assert!(none.is_empty());
    }
}
