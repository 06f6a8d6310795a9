//! Little-endian bytes of one element type to `f32`.

use half::{bf16, f16};

/// A finite `f64` that no finite `f32` is near.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("element {index} is {value:e}, more than f32 holds")]
pub struct Overflow {
    /// Which element of the tensor, row-major.
    pub index: usize,
    /// Its value in the file.
    pub value: f64,
}

/// The element types that become `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Float {
    F16,
    Bf16,
    F32,
    F64,
}

impl Float {
    /// The elements of `bytes`. A rest shorter than one element is ignored: callers cut to whole elements.
    pub(crate) fn to_f32(self, bytes: &[u8]) -> Result<Vec<f32>, Overflow> {
        Ok(match self {
            Float::F16 => chunks(bytes)
                .map(|b| f16::from_le_bytes(b).to_f32())
                .collect(),
            Float::Bf16 => chunks(bytes)
                .map(|b| bf16::from_le_bytes(b).to_f32())
                .collect(),
            Float::F32 => chunks(bytes).map(f32::from_le_bytes).collect(),
            Float::F64 => {
                let values = chunks(bytes).map(f64::from_le_bytes).enumerate();
                values
                    .map(|(index, value)| narrow(index, value))
                    .collect::<Result<_, _>>()?
            }
        })
    }
}

fn narrow(index: usize, value: f64) -> Result<f32, Overflow> {
    let narrowed = value as f32;
    if value.is_finite() && !narrowed.is_finite() {
        Err(Overflow { index, value })
    } else {
        Ok(narrowed)
    }
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    let (whole, _) = bytes.as_chunks::<N>();
    whole.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type() {
        assert_eq!(
            Float::F16.to_f32(&[0x00, 0x3e, 0x01, 0x00]),
            Ok(vec![1.5, 2f32.powi(-24)])
        );
        assert_eq!(Float::Bf16.to_f32(&[0xc0, 0x3f]), Ok(vec![1.5]));
        assert_eq!(Float::F32.to_f32(&1.5f32.to_le_bytes()), Ok(vec![1.5]));
        assert_eq!(Float::F64.to_f32(&0.1f64.to_le_bytes()), Ok(vec![0.1]));
        let infinite = Float::F64.to_f32(&f64::INFINITY.to_le_bytes());
        assert_eq!(infinite, Ok(vec![f32::INFINITY]));
        let huge = [1.0f64.to_le_bytes(), 1e39f64.to_le_bytes()].concat();
        assert_eq!(
            Float::F64.to_f32(&huge),
            Err(Overflow {
                index: 1,
                value: 1e39
            })
        );
    }
}
