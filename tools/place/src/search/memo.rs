//! States that are known to have no solution.

/// A state's hash: 128 bits, so that two states that meet by chance are out of the question.
pub type Key = u128;

/// One odd multiplier and a mix of it, for two independent halves.
fn mix(mut word: u64) -> u64 {
    word ^= word >> 32;
    word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word ^= word >> 29;
    word = word.wrapping_mul(0xd6e8_feb8_6659_fd93);
    word ^ (word >> 32)
}

/// What a key starts from: a failure says nothing about another capacity.
pub fn of_capacity(capacity: u64) -> Key {
    part(u32::MAX, capacity)
}

/// The part of a state's key that an open buffer with its head has.
pub fn part(buffer: u32, head: u64) -> Key {
    let seed = head.wrapping_add(u64::from(buffer).wrapping_mul(0xa076_1d64_78bd_642f));
    let (low, high) = (mix(seed), mix(seed ^ 0xe703_7ed1_a0b4_28db));
    Key::from(high) << 64 | Key::from(low)
}

/// A table of keys in which a newer key takes the place of an older one.
pub struct Memo {
    rows: Vec<Key>,
}

impl Memo {
    pub fn new(bits: u32) -> Self {
        Memo {
            rows: vec![0; 1 << bits],
        }
    }

    fn row(&self, key: Key) -> usize {
        key as usize & (self.rows.len() - 1)
    }

    pub fn contains(&self, key: Key) -> bool {
        self.rows[self.row(key)] == key
    }

    pub fn insert(&mut self, key: Key) {
        let row = self.row(key);
        self.rows[row] = key;
    }
}
