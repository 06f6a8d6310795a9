//! NumPy's .npz: a zip of .npy files, stored or deflated.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use anyhow::{Context, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::array::Array;
use crate::npy;

/// More than this an array is not let grow to: a forged archive must not fill the memory.
const MAX_BYTES: u64 = 1 << 32;

/// The arrays by name.
pub fn read(bytes: &[u8]) -> Result<BTreeMap<String, Array>> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).context("this is no .npz archive")?;
    let mut arrays = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).context("the archive is damaged")?;
        let Some(name) = file.name()?.strip_suffix(".npy").map(str::to_owned) else {
            continue;
        };
        let mut npy = Vec::new();
        Read::take(&mut file, MAX_BYTES)
            .read_to_end(&mut npy)
            .with_context(|| format!("array {name}"))?;
        let array = npy::read(&npy).with_context(|| format!("array {name}"))?;
        arrays.insert(name, array);
    }
    Ok(arrays)
}

/// An archive of f32 arrays, stored as `np.savez` does.
pub fn write<'a>(
    arrays: impl Iterator<Item = (&'a str, &'a [usize], &'a [f32])>,
) -> Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, shape, data) in arrays {
        archive.start_file(format!("{name}.npy"), options)?;
        archive.write_all(&npy::write(shape, data))?;
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read() {
        let one = ("one", &[2usize, 1][..], &[1.0f32, 2.0][..]);
        let bytes = write([one, ("two", &[1], &[3.0])].into_iter()).unwrap();
        let arrays = read(&bytes).unwrap();
        assert_eq!(arrays.keys().collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(arrays["one"].shape(), [2, 1]);
        assert_eq!(arrays["two"].data(), [3.0]);
    }

    #[test]
    fn damage_is_an_error_or_other_numbers_but_no_panic() {
        let whole = write([("x", &[2usize][..], &[1.0f32, 2.0][..])].into_iter()).unwrap();
        for len in 0..whole.len() {
            assert!(read(&whole[..len]).is_err(), "cut to {len}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            let _ = read(&damaged);
        }
    }
}
