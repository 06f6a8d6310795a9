//! Arrays of the user's: row-major, any rank, f64 (which holds every f32 and every token).

use anyhow::{Result, bail};
use tinpail::Tensor;
use tinpail::plan::{Port, PortKind};

use crate::text::shape_text;

/// An array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    data: Vec<f64>,
}

/// On which side an array is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Side {
    /// The last steps stay the last steps
    Left,
    /// The first steps stay the first steps
    Right,
}

impl Array {
    /// `None` if shape and length disagree.
    pub fn new(shape: Vec<usize>, data: Vec<f64>) -> Option<Self> {
        let len = shape
            .iter()
            .try_fold(1usize, |n, dim| n.checked_mul(*dim))?;
        (len == data.len()).then_some(Array { shape, data })
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    #[cfg(test)]
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// `count` places of `axis`, from `start` on; those that are there.
    pub fn slice(&self, axis: usize, start: usize, count: usize) -> Array {
        let Some(&len) = self.shape.get(axis) else {
            return self.clone();
        };
        let inner: usize = self.shape.iter().skip(axis + 1).product();
        let (start, end) = (start.min(len), start.saturating_add(count).min(len));
        let rows = self.data.chunks_exact((len * inner).max(1));
        let data = rows.flat_map(|row| &row[start * inner..end * inner]);
        let mut shape = self.shape.clone();
        shape[axis] = end - start;
        Array {
            data: data.copied().collect(),
            shape,
        }
    }

    /// `axis` made `len` long by `value` on one side.
    pub fn pad(&self, axis: usize, len: usize, side: Side, value: f64) -> Array {
        let Some(&old) = self.shape.get(axis).filter(|old| **old < len) else {
            return self.clone();
        };
        let inner: usize = self.shape.iter().skip(axis + 1).product();
        let outer: usize = self.shape.iter().take(axis).product();
        let fill = vec![value; (len - old) * inner];
        let mut data = Vec::with_capacity(outer * len * inner);
        for row in 0..outer {
            let row = &self.data[row * old * inner..(row + 1) * old * inner];
            let (first, second) = match side {
                Side::Left => (&fill[..], row),
                Side::Right => (row, &fill[..]),
            };
            data.extend_from_slice(first);
            data.extend_from_slice(second);
        }
        let mut shape = self.shape.clone();
        shape[axis] = len;
        Array { shape, data }
    }

    /// Arrays one after the other along `axis`; their other axes agree.
    pub fn concat(parts: &[&Array], axis: usize) -> Array {
        let mut shape = parts.first().map_or(Vec::new(), |part| part.shape.clone());
        let outer: usize = shape.iter().take(axis).product();
        let mut data = Vec::new();
        for row in 0..outer {
            for part in parts {
                let len: usize = part.shape.iter().skip(axis).product();
                data.extend_from_slice(&part.data[row * len..(row + 1) * len]);
            }
        }
        if let Some(len) = shape.get_mut(axis) {
            *len = parts.iter().map(|part| part.shape[axis]).sum();
        }
        Array { shape, data }
    }

    /// The values as `port` takes them; -1 is the label that is ignored, where there is one. `name` and positions are for errors.
    pub fn to_port(&self, name: &str, port: &Port) -> Result<Owned> {
        match port.kind {
            PortKind::F32 => Ok(Owned::F32(self.to_f32())),
            PortKind::U16 { min, max, ignore } => {
                let mut values = Vec::with_capacity(self.data.len());
                for (at, &value) in self.data.iter().enumerate() {
                    if value == -1.0 && ignore == Some(u16::MAX) {
                        values.push(u16::MAX);
                        continue;
                    }
                    let whole = value as u16;
                    if f64::from(whole) != value {
                        bail!(
                            "{name}{} is {value}; whole numbers from {min} to {max} are needed",
                            self.place(at)
                        );
                    }
                    if !(min..=max).contains(&whole) && ignore != Some(whole) {
                        bail!(
                            "{name}{} is {value}; the network takes {min} to {max}",
                            self.place(at)
                        );
                    }
                    values.push(whole);
                }
                Ok(Owned::U16(values))
            }
        }
    }

    /// The values, each rounded to the nearest f32.
    pub fn to_f32(&self) -> Vec<f32> {
        self.data.iter().map(|value| *value as f32).collect()
    }

    /// Element `at` by its indices: `[3, 0]`.
    fn place(&self, at: usize) -> String {
        let mut rest = at;
        let mut indices: Vec<usize> = Vec::new();
        for dim in self.shape.iter().rev() {
            indices.push(rest % (*dim).max(1));
            rest /= (*dim).max(1);
        }
        indices.reverse();
        format!("{indices:?}")
    }

    /// The shape as Python prints it.
    pub fn shape_text(&self) -> String {
        shape_text(&self.shape)
    }
}

/// A batch's input, owned.
pub enum Owned {
    F32(Vec<f32>),
    U16(Vec<u16>),
}

impl Owned {
    pub fn lend(&self) -> Tensor<'_> {
        match self {
            Owned::F32(values) => Tensor::F32(values),
            Owned::U16(values) => Tensor::U16(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(shape: &[usize]) -> Array {
        let len: usize = shape.iter().product();
        Array::new(shape.to_vec(), (0..len).map(|n| n as f64).collect()).unwrap()
    }

    #[test]
    fn slices_of_any_axis() {
        let a = array(&[2, 3]);
        assert_eq!(a.slice(0, 1, 1).data(), [3.0, 4.0, 5.0]);
        assert_eq!(a.slice(1, 1, 2).data(), [1.0, 2.0, 4.0, 5.0]);
        assert_eq!(a.slice(1, 1, 9).shape(), [2, 2]);
        assert_eq!(array(&[0, 3]).slice(0, 0, 1).shape(), [0, 3]);
    }

    #[test]
    fn padding_on_either_side() {
        let a = array(&[2, 1, 2]);
        let left = a.pad(1, 2, Side::Left, 9.0);
        assert_eq!(left.shape(), [2, 2, 2]);
        assert_eq!(left.data(), [9.0, 9.0, 0.0, 1.0, 9.0, 9.0, 2.0, 3.0]);
        let right = a.pad(1, 2, Side::Right, 9.0);
        assert_eq!(right.data(), [0.0, 1.0, 9.0, 9.0, 2.0, 3.0, 9.0, 9.0]);
    }

    #[test]
    fn parts_along_any_axis() {
        let (a, b) = (array(&[2, 1]), array(&[2, 2]));
        let joined = Array::concat(&[&a, &b], 1);
        assert_eq!(joined.shape(), [2, 3]);
        assert_eq!(joined.data(), [0.0, 0.0, 1.0, 1.0, 2.0, 3.0]);
        assert_eq!(Array::concat(&[&a, &a], 0).data(), [0.0, 1.0, 0.0, 1.0]);
    }

    #[test]
    fn tokens_are_whole_numbers_in_range() {
        let port = Port {
            kind: PortKind::U16 {
                min: 0,
                max: 5,
                ignore: None,
            },
            len: 6,
        };
        assert!(array(&[2, 3]).to_port("data", &port).is_ok());
        for (value, said) in [
            (6.0, "data[1, 0] is 6; the network takes 0 to 5"),
            (
                0.5,
                "data[1, 0] is 0.5; whole numbers from 0 to 5 are needed",
            ),
            (
                -1.0,
                "data[1, 0] is -1; whole numbers from 0 to 5 are needed",
            ),
        ] {
            let mut a = array(&[2, 3]);
            a.data[3] = value;
            let error = a.to_port("data", &port).err().expect("an error");
            assert_eq!(error.to_string(), said);
        }
    }
}
