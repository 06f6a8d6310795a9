//! Which sequences a bucket has, and shuffling them.

use super::{DataError, Filled, Rules, Sentences};
use crate::plan::BucketIndex;

/// How many sequences have a bucket, and how many are too long for all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub kept: usize,
    pub discarded: usize,
}

/// A bucket: its position among the keys, and its key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Group {
    pub bucket: usize,
    pub key: usize,
}

impl Group {
    /// The smallest that holds `len` steps; of several with the same key, the first.
    fn fitting(keys: &[usize], len: usize) -> Option<Self> {
        let fits = keys.iter().enumerate().filter(|(_, key)| **key >= len);
        let (bucket, key) = fits.min_by_key(|(_, key)| **key)?;
        Some(Self { bucket, key: *key })
    }

    pub(super) fn of_bucket(keys: &[usize], bucket: usize) -> Option<Self> {
        let key = *keys.get(bucket)?;
        Some(Self { bucket, key })
    }

    /// The bucket of a sequence that had one.
    pub(super) fn of_sentence<S: Sentences>(
        source: &mut S,
        keys: &[usize],
        index: usize,
    ) -> Result<Self, DataError<S::Error>> {
        let len = source.len(index).map_err(DataError::Source)?;
        Self::fitting(keys, len).ok_or(DataError::Changed { index })
    }

    pub(super) fn filled<T>(self, rules: &Rules<'_, T>, rows: usize) -> Filled {
        Filled {
            bucket: BucketIndex(self.bucket as u16),
            key: self.key,
            len: self.key.saturating_mul(rules.batch_size),
            pad: rules.batch_size.saturating_sub(rows),
        }
    }
}

/// Counts the sequences that have a bucket and those that have none.
pub(super) fn count<S: Sentences>(
    source: &mut S,
    keys: &[usize],
) -> Result<Counts, DataError<S::Error>> {
    let longest = keys.iter().copied().max().unwrap_or(0);
    let (count, mut kept) = (source.count(), 0usize);
    for index in 0..count {
        if source.len(index).map_err(DataError::Source)? <= longest {
            kept = kept.saturating_add(1);
        }
    }
    Ok(Counts {
        kept,
        discarded: count.saturating_sub(kept),
    })
}

/// Counts the sequences of one bucket.
pub(super) fn count_in<S: Sentences>(
    source: &mut S,
    keys: &[usize],
    bucket: usize,
) -> Result<usize, DataError<S::Error>> {
    let (mut count, mut from) = (0usize, 0);
    while let Some(index) = find(source, keys, bucket, from)? {
        count = count.saturating_add(1);
        from = index.saturating_add(1);
    }
    Ok(count)
}

/// The first sequence of a bucket, from sequence `from` on.
pub(super) fn find<S: Sentences>(
    source: &mut S,
    keys: &[usize],
    bucket: usize,
    from: usize,
) -> Result<Option<usize>, DataError<S::Error>> {
    for index in from..source.count() {
        let len = source.len(index).map_err(DataError::Source)?;
        if Group::fitting(keys, len).is_some_and(|group| group.bucket == bucket) {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// The keys that MXNet takes if it is given none: every length, from the shortest, that at least `batch_size` sequences
/// have; but not 0. Writes them into `keys` and returns how many there are.
pub fn keys_of_lengths<S: Sentences>(
    source: &mut S,
    batch_size: usize,
    keys: &mut [usize],
) -> Result<usize, DataError<S::Error>> {
    let (mut needed, mut last) = (0usize, 0);
    loop {
        // The shortest length above the last, and how many have it.
        let (mut shortest, mut count) = (None, 0usize);
        for index in 0..source.count() {
            let len = source.len(index).map_err(DataError::Source)?;
            match shortest {
                _ if len <= last => {}
                Some(shortest) if len > shortest => {}
                Some(shortest) if len == shortest => count = count.saturating_add(1),
                _ => (shortest, count) = (Some(len), 1),
            }
        }
        let Some(shortest) = shortest else {
            break;
        };
        last = shortest;
        if count >= batch_size {
            if let Some(key) = keys.get_mut(needed) {
                *key = shortest;
            }
            needed = needed.saturating_add(1);
        }
    }
    let found = keys.len();
    if needed > found {
        return Err(DataError::KeysRoom { needed, found });
    }
    Ok(needed)
}

/// Fills `order` with the sequences that have a bucket, `kept` of them: whole batches in random order, each of random
/// sequences of one bucket; then, bucket by bucket, the rest. Returns how many are in whole batches.
pub(super) fn shuffle<S: Sentences>(
    source: &mut S,
    keys: &[usize],
    batch_size: usize,
    kept: usize,
    order: &mut [u16],
    seed: u64,
) -> Result<usize, DataError<S::Error>> {
    let (max, found) = (usize::from(u16::MAX) + 1, source.count());
    if found > max {
        return Err(DataError::Count { max, found });
    }
    let found = order.len();
    let order = order.get_mut(..kept);
    let order = order.ok_or(DataError::Order {
        needed: kept,
        found,
    })?;
    let mut random = Random::new(seed);
    // Whole batches grow from the front; what is left of each bucket, from the back, in reverse.
    let (mut front, mut back) = (0usize, kept);
    for bucket in 0..keys.len() {
        let (mut end, mut from) = (front, 0);
        while let Some(index) = find(source, keys, bucket, from)? {
            match order.get_mut(end) {
                Some(place) => *place = index as u16,
                None => return Err(DataError::Changed { index }),
            }
            end = end.saturating_add(1);
            from = index.saturating_add(1);
        }
        let own = order.get_mut(front..end).unwrap_or(&mut []);
        for at in (1..own.len()).rev() {
            swap(own, at, random.below(at.saturating_add(1)));
        }
        let left = own.len().checked_rem(batch_size).unwrap_or(0);
        for _ in 0..left {
            end = end.saturating_sub(1);
            back = back.saturating_sub(1);
            if let Some(index) = order.get(end).copied()
                && let Some(place) = order.get_mut(back)
            {
                *place = index;
            }
        }
        front = end;
    }
    if let Some(rest) = order.get_mut(front..) {
        rest.reverse();
    }
    let batches = front.checked_div(batch_size).unwrap_or(0);
    for at in (1..batches).rev() {
        let with = random.below(at.saturating_add(1));
        let (at, with) = (
            at.saturating_mul(batch_size),
            with.saturating_mul(batch_size),
        );
        for row in 0..batch_size {
            swap(order, at.saturating_add(row), with.saturating_add(row));
        }
    }
    Ok(front)
}

fn swap(values: &mut [u16], a: usize, b: usize) {
    let (Some(at_a), Some(at_b)) = (values.get(a).copied(), values.get(b).copied()) else {
        return;
    };
    if let Some(place) = values.get_mut(a) {
        *place = at_b;
    }
    if let Some(place) = values.get_mut(b) {
        *place = at_a;
    }
}

/// PCG-XSH-RR 64/32 (O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms", 2014).
struct Random(u64);

const INCREMENT: u64 = 1_442_695_040_888_963_407;

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_add(INCREMENT));
        random.next();
        random
    }

    fn next(&mut self) -> u32 {
        let old = self.0;
        self.0 = old
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(INCREMENT);
        let mixed = (((old >> 18) ^ old) >> 27) as u32;
        mixed.rotate_right((old >> 59) as u32)
    }

    /// Below `end`, which is at most 2^16: the high half of a product, which favours no value by more than 2^-16 of its
    /// chance.
    fn below(&mut self, end: usize) -> usize {
        (u64::from(self.next()).wrapping_mul(end as u64) >> 32) as usize
    }
}
