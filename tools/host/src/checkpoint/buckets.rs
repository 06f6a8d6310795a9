//! `PREFIX.buckets`: the bucket keys, as MXNet saves an array without a name.
//!
//! ```text
//! u64 0x112 | u64 0 | u64 1 | u32 0xF993FAC9 | i32 0 dense | i32 1 | i64 n | i32 1 cpu | i32 0 | i32 4 int32 | n x i32 | u64 0
//! ```

use std::path::Path;

use crate::CheckpointError;

/// Everything before the keys, but for their number.
fn head(count: i64) -> Vec<u8> {
    let mut head = Vec::new();
    for word in [0x112u64, 0, 1] {
        head.extend(word.to_le_bytes());
    }
    head.extend(0xF993_FAC9u32.to_le_bytes());
    for word in [0i32, 1] {
        head.extend(word.to_le_bytes());
    }
    head.extend(count.to_le_bytes());
    for word in [1i32, 0, 4] {
        head.extend(word.to_le_bytes());
    }
    head
}

pub fn write(keys: &[u32]) -> Vec<u8> {
    let mut bytes = head(keys.len() as i64);
    keys.iter().for_each(|key| bytes.extend(key.to_le_bytes()));
    bytes.extend(0u64.to_le_bytes());
    bytes
}

pub fn read(path: &Path) -> Result<Vec<u32>, CheckpointError> {
    let bytes = super::read(path)?;
    parse(&bytes).map_err(|what| CheckpointError::Buckets {
        path: path.to_owned(),
        what,
    })
}

fn parse(bytes: &[u8]) -> Result<Vec<u32>, &'static str> {
    const AROUND: usize = 64;
    let count = bytes.len().checked_sub(AROUND).ok_or("it is too short")? / 4;
    let (front, rest) = bytes
        .split_at_checked(AROUND - 8)
        .ok_or("it is too short")?;
    if front != head(count as i64) {
        return Err("it is no single int32 array of MXNet's format V2");
    }
    let (keys, names) = rest.split_at_checked(4 * count).ok_or("it is too short")?;
    if names != [0; 8] {
        return Err("the array has a name, or bytes follow it");
    }
    let (keys, _) = keys.as_chunks::<4>();
    let keys = keys.iter().map(|key| i32::from_le_bytes(*key));
    let keys = keys.map(|key| u32::try_from(key).map_err(|_| "a key is negative"));
    keys.collect()
}

#[cfg(test)]
mod tests {
    use super::{parse, write};

    #[test]
    fn damage_is_refused() {
        let whole = write(&[10, 4, 7]);
        assert_eq!(parse(&whole), Ok(vec![10, 4, 7]));
        for len in 0..whole.len() {
            assert!(parse(&whole[..len]).is_err(), "cut to {len}");
        }
        for at in (0..52).chain(68..whole.len()) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x81;
            assert!(parse(&damaged).is_err(), "byte {at}");
        }
        assert!(parse(&write(&[u32::MAX])).is_err());
    }
}
