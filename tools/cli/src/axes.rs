//! Which axis of an input is the batch, and which the bucket key.

use tinpail_plan::PlanFile;
use tinpail_plan::plan_file::{BucketNames, Named};

use crate::args::{Declared, Dim};

/// The two axes of one data input, where it has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axes {
    pub batch: Option<usize>,
    pub key: Option<usize>,
}

impl Axes {
    /// As declared.
    pub fn of_declared(declared: &Declared) -> Self {
        let position = |dim: Dim| declared.dims.iter().position(|own| *own == dim);
        Axes {
            batch: position(Dim::Batch),
            key: position(Dim::Key),
        }
    }

    /// For each data input of a plan, which knows numbers only: the key's axis is the first that has the key's
    /// length in every bucket, the batch's the first other one that has the batch's size in every bucket.
    pub fn of_plan(file: &PlanFile) -> Vec<Self> {
        Self::of_side(file, |bucket| &bucket.data_shapes)
    }

    /// The same for each label.
    pub fn of_labels(file: &PlanFile) -> Vec<Self> {
        Self::of_side(file, |bucket| &bucket.label_shapes)
    }

    fn of_side(file: &PlanFile, side: impl Fn(&BucketNames) -> &[Named]) -> Vec<Self> {
        let ports = file.buckets.first().map_or(0, |bucket| side(bucket).len());
        let port = |port: usize| {
            let buckets = file.buckets.iter();
            let shapes: Vec<(u32, &[usize])> = buckets
                .filter_map(|bucket| Some((bucket.key, side(bucket).get(port)?.shape.as_slice())))
                .collect();
            guess(&shapes, file.plan.batch_size as usize)
        };
        (0..ports).map(port).collect()
    }
}

fn guess(shapes: &[(u32, &[usize])], batch_size: usize) -> Axes {
    let rank = shapes.first().map_or(0, |(_, shape)| shape.len());
    let axes_of = |len: &dyn Fn(u32) -> usize| -> Vec<usize> {
        let everywhere = |axis: &usize| {
            let mut all = shapes.iter();
            all.all(|(key, shape)| shape.get(*axis) == Some(&len(*key)))
        };
        (0..rank).filter(everywhere).collect()
    };
    let keys = axes_of(&|key| key as usize);
    let batches = axes_of(&|_| batch_size);
    // One bucket whose key is the batch size: batch first, as MXNet's layouts have it by default.
    if keys == batches && keys.len() > 1 {
        return Axes {
            batch: Some(batches[0]),
            key: Some(keys[1]),
        };
    }
    let key = keys.first().copied();
    Axes {
        batch: batches.into_iter().find(|axis| Some(*axis) != key),
        key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_found_in_numbers() {
        let axes = |batch, key| Axes { batch, key };
        let buckets: &[(u32, &[usize])] = &[(12, &[1, 12, 12]), (29, &[1, 29, 12])];
        assert_eq!(guess(buckets, 1), axes(Some(0), Some(1)));
        let time_major: &[(u32, &[usize])] = &[(4, &[4, 2]), (2, &[2, 2])];
        assert_eq!(guess(time_major, 2), axes(Some(1), Some(0)));
        assert_eq!(guess(&[(3, &[3, 3])], 3), axes(Some(0), Some(1)));
        assert_eq!(guess(&[(5, &[1, 40])], 1), axes(Some(0), None));
        assert_eq!(guess(&[(5, &[5])], 1), axes(None, Some(0)));
    }
}
