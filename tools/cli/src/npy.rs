//! NumPy's .npy: a header that is a Python dict, then the elements. Written and read here, because the crates
//! for it bring ndarray or a literal parser along and can overflow on a forged shape.
//!
//! ```text
//! | "\x93NUMPY" | major | minor | header length    | {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } | elements |
//! | 6 bytes     | 1     | 1     | u16; v2 on: u32  | ends in a line feed                                         |          |
//! ```

use anyhow::{Context, Result, anyhow, bail, ensure};
use half::f16;

use crate::array::Array;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads one array: booleans, integers and floats of either byte order become f64.
pub fn read(bytes: &[u8]) -> Result<Array> {
    let rest = bytes.strip_prefix(MAGIC).context("this is no .npy array")?;
    let (version, rest) = rest.split_first_chunk::<2>().context("the header is cut")?;
    let (len, rest) = match version[0] {
        1 => {
            let (len, rest) = rest.split_first_chunk().context("the header is cut")?;
            (usize::from(u16::from_le_bytes(*len)), rest)
        }
        2 | 3 => {
            let (len, rest) = rest.split_first_chunk().context("the header is cut")?;
            (u32::from_le_bytes(*len) as usize, rest)
        }
        other => bail!(".npy version {other} is not known"),
    };
    let (header, elements) = rest.split_at_checked(len).context("the header is cut")?;
    let header = std::str::from_utf8(header).context("the header is no text")?;
    let descr = value(header, "descr")?;
    let descr = descr.trim_matches(['\'', '"']);
    let fortran = match value(header, "fortran_order")? {
        "False" => false,
        "True" => true,
        other => bail!("fortran_order is {other:?}"),
    };
    let shape = shape(value(header, "shape")?)?;
    let data = elements_as_f64(descr, elements)?;
    let count = shape.iter().try_fold(1usize, |n, dim| n.checked_mul(*dim));
    ensure!(
        count == Some(data.len()),
        "shape {shape:?} does not hold {} elements",
        data.len()
    );
    let data = if fortran {
        row_major(&shape, &data)
    } else {
        data
    };
    Array::new(shape, data).context("shape and elements disagree")
}

/// The text of one value of the header's dict.
fn value<'h>(header: &'h str, key: &str) -> Result<&'h str> {
    let missing = || anyhow!("the header has no {key}");
    let at = header
        .find(&format!("'{key}'"))
        .or_else(|| header.find(&format!("\"{key}\"")))
        .ok_or_else(missing)?;
    let after = header.get(at + key.len() + 2..).ok_or_else(missing)?;
    let text = after.trim_start().strip_prefix(':').ok_or_else(missing)?;
    let text = text.trim_start();
    let end = match text.as_bytes().first() {
        Some(b'(') => text.find(')').map(|end| end + 1),
        Some(b'[') => bail!("structured arrays are not read"),
        Some(quote @ (b'\'' | b'"')) => {
            let quote = char::from(*quote);
            text.get(1..)
                .and_then(|rest| rest.find(quote))
                .map(|end| end + 2)
        }
        _ => text.find([',', '}']),
    };
    let end = end.ok_or_else(missing)?;
    Ok(text.get(..end).ok_or_else(missing)?.trim())
}

/// `(3, 4)`, `(3,)` or `()`.
fn shape(text: &str) -> Result<Vec<usize>> {
    let wrong = || format!("{text:?} is no shape");
    let inner = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
        .with_context(wrong)?;
    let dims = inner
        .split(',')
        .map(str::trim)
        .filter(|dim| !dim.is_empty());
    // Python 2 wrote 3L.
    dims.map(|dim| dim.trim_end_matches('L').parse().with_context(wrong))
        .collect()
}

fn elements_as_f64(descr: &str, bytes: &[u8]) -> Result<Vec<f64>> {
    let (big, kind) = match descr.split_at_checked(1) {
        Some(("<" | "|" | "=", kind)) => (false, kind),
        Some((">", kind)) => (true, kind),
        _ => bail!("dtype {descr:?} is not read"),
    };
    /// Elements of `N` bytes, little endian when they reach `read`.
    fn all<const N: usize>(
        bytes: &[u8],
        big: bool,
        read: impl Fn([u8; N]) -> f64,
    ) -> Result<Vec<f64>> {
        let (whole, rest) = bytes.as_chunks::<N>();
        ensure!(rest.is_empty(), "the last element is cut");
        let element = |bytes: &[u8; N]| {
            let mut bytes = *bytes;
            if big {
                bytes.reverse();
            }
            read(bytes)
        };
        Ok(whole.iter().map(element).collect())
    }
    match kind {
        "f2" => all(bytes, big, |b| f16::from_le_bytes(b).to_f64()),
        "f4" => all(bytes, big, |b| f64::from(f32::from_le_bytes(b))),
        "f8" => all(bytes, big, f64::from_le_bytes),
        "b1" => all(bytes, big, |[b]| f64::from(u8::from(b != 0))),
        "i1" => all(bytes, big, |b| f64::from(i8::from_le_bytes(b))),
        "i2" => all(bytes, big, |b| f64::from(i16::from_le_bytes(b))),
        "i4" => all(bytes, big, |b| f64::from(i32::from_le_bytes(b))),
        "i8" => all(bytes, big, |b| i64::from_le_bytes(b) as f64),
        "u1" => all(bytes, big, |b| f64::from(u8::from_le_bytes(b))),
        "u2" => all(bytes, big, |b| f64::from(u16::from_le_bytes(b))),
        "u4" => all(bytes, big, |b| f64::from(u32::from_le_bytes(b))),
        "u8" => all(bytes, big, |b| u64::from_le_bytes(b) as f64),
        _ => bail!("dtype {descr:?} is not read; numbers and booleans are"),
    }
}

/// Elements whose first index varies fastest, so that the last one does.
fn row_major(shape: &[usize], data: &[f64]) -> Vec<f64> {
    let mut out = Vec::with_capacity(data.len());
    let mut index = vec![0usize; shape.len()];
    for _ in data {
        let mut at = 0;
        for (axis, dim) in shape.iter().enumerate().rev() {
            at = at * dim + index[axis];
        }
        out.push(data[at]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    out
}

/// An f32 array, version 1.
pub fn write(shape: &[usize], data: &[f32]) -> Vec<u8> {
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': {}, }}",
        crate::text::shape_text(shape)
    );
    // The elements begin at a multiple of 64 bytes.
    let unpadded = MAGIC.len() + 4 + header.len() + 1;
    let pad = unpadded.next_multiple_of(64) - unpadded;
    header.push_str(&" ".repeat(pad));
    header.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(header: &str, elements: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(elements);
        bytes
    }

    #[test]
    fn written_and_read() {
        let bytes = write(&[2, 3], &[0.1, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!((bytes.len() - 24) % 64, 0);
        let array = read(&bytes).unwrap();
        assert_eq!(array.shape(), [2, 3]);
        assert_eq!(array.to_f32(), [0.1, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    fn types_orders_and_ranks() {
        let big = npy(
            "{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }\n",
            &[0, 1, 255, 255],
        );
        assert_eq!(read(&big).unwrap().data(), [1.0, -1.0]);
        let fortran = npy(
            "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n",
            &[0, 3, 1, 4, 2, 5],
        );
        assert_eq!(
            read(&fortran).unwrap().data(),
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        );
        let scalar = npy(
            "{'descr': '<f8', 'fortran_order': False, 'shape': ()}",
            &1.5f64.to_le_bytes(),
        );
        assert_eq!(read(&scalar).unwrap().shape(), [0usize; 0]);
        let half = npy(
            "{'descr': '<f2', 'fortran_order': False, 'shape': (1,)}",
            &[0, 0x3e],
        );
        assert_eq!(read(&half).unwrap().data(), [1.5]);
    }

    #[test]
    fn damage_is_an_error_and_no_panic() {
        let whole = write(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        for len in 0..whole.len() {
            assert!(read(&whole[..len]).is_err(), "cut to {len}");
        }
        for at in 0..whole.len() {
            for value in [0, b'\'', b'(', b')', b'9', 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                let _ = read(&damaged);
            }
        }
        for header in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999)}",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        ] {
            assert!(read(&npy(header, &[0; 4])).is_err(), "{header}");
        }
    }
}
