//! Values with a shape, row-major.

/// A dense tensor of f64 in row-major order. A scalar has the shape `[]` and one element.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub shape: Vec<usize>,
    /// As many elements as the product of `shape`: checked where a tensor enters an evaluation.
    pub data: Vec<f64>,
}

impl Tensor {
    pub fn new(shape: impl Into<Vec<usize>>, data: impl Into<Vec<f64>>) -> Self {
        Tensor {
            shape: shape.into(),
            data: data.into(),
        }
    }

    /// The same values as the device holds, widened.
    pub fn from_f32(shape: impl Into<Vec<usize>>, data: &[f32]) -> Self {
        Tensor::new(shape, data.iter().map(|&x| x.into()).collect::<Vec<_>>())
    }

    /// Every element `value`.
    pub fn full(shape: impl Into<Vec<usize>>, value: f64) -> Self {
        let shape = shape.into();
        let data = vec![value; shape.iter().product()];
        Tensor { shape, data }
    }

    /// The element at each index is `value(index)`.
    pub fn from_fn(shape: impl Into<Vec<usize>>, mut value: impl FnMut(&[usize]) -> f64) -> Self {
        let shape = shape.into();
        let data: Vec<f64> = indices(&shape).map(|index| value(&index)).collect();
        Tensor { shape, data }
    }

    /// The element at `index`, which has one entry for each axis.
    pub fn at(&self, index: &[usize]) -> f64 {
        self.data[self.position(index)]
    }

    /// Where in `data` the element at `index` is.
    pub(crate) fn position(&self, index: &[usize]) -> usize {
        (self.shape.iter().zip(index)).fold(0, |position, (size, i)| position * size + i)
    }

    /// `f` of each element.
    pub fn map(&self, f: impl FnMut(f64) -> f64) -> Self {
        let data: Vec<f64> = self.data.iter().copied().map(f).collect();
        Tensor::new(self.shape.clone(), data)
    }

    /// Whether `data` has as many elements as `shape` says.
    pub(crate) fn is_whole(&self) -> bool {
        self.data.len() == self.shape.iter().product::<usize>()
    }
}

/// All indices into `shape`, the last axis fastest.
pub(crate) fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    (0..shape.iter().product()).map(|position: usize| {
        let mut rest = position;
        let mut index = vec![0; shape.len()];
        for (axis, &size) in shape.iter().enumerate().rev() {
            index[axis] = rest % size;
            rest /= size;
        }
        index
    })
}
