//! Batches that do not fit their bucket.

use tinpail::error::{BatchError, ForwardError, NoBucket, Side};
use tinpail::{Batch, BucketIndex, Tensor};
use tinpail_plan::{PlanFile, Train};

use crate::common::run::{self, Module};
use crate::common::values::{Input, Sample};
use crate::net::{self, BATCH, CLASSES, LENGTHS, LEVEL, LONG, SHORT, TOKENS, VOCABULARY};

fn forward(module: &mut Module<'_>, sample: &Sample, is_train: bool) -> Result<(), ForwardError> {
    let data: Vec<Tensor<'_>> = sample.data.iter().map(Input::tensor).collect();
    let label: Vec<Tensor<'_>> = sample.labels.iter().map(Input::tensor).collect();
    let bucket = BucketIndex(sample.bucket as u16);
    let batch = Batch::new(bucket, &data).with_label(&label);
    match is_train {
        true => module.session().forward(batch, true),
        false => module.forward(&batch),
    }
}

/// Asserts that the short bucket's good batch, changed by `change`, is refused for inference and for
/// training, on a fresh module and on one that has trained.
#[track_caller]
fn refused(change: impl Fn(&mut Sample), error: BatchError) {
    for is_train in [false, true] {
        refused_in(is_train, &change, error);
    }
}

#[track_caller]
fn refused_in(is_train: bool, change: &impl Fn(&mut Sample), error: BatchError) {
    for train in [Train::Fused, Train::Held] {
        let file = net::plan(train);
        let mut sample = net::sample(&file, SHORT);
        change(&mut sample);
        let attempt = |module: &mut Module<'_>| forward(module, &sample, is_train);
        let error = ForwardError::Batch(error);
        net::refused(&file, net::fresh, attempt, error);
        net::refused(&file, net::trained(&file), attempt, error);
    }
}

fn tokens(sample: &mut Sample) -> &mut Vec<u16> {
    match &mut sample.data[TOKENS] {
        Input::U16(tokens) => tokens,
        Input::F32(_) => panic!("tokens are integers"),
    }
}

#[test]
fn a_bucket_that_does_not_exist() {
    let none = NoBucket {
        index: BucketIndex(2),
        buckets: 2,
    };
    refused(|sample| sample.bucket = 2, BatchError::Bucket(none));
}

#[test]
fn another_number_of_inputs() {
    let count = |found| BatchError::Count {
        side: Side::Data,
        needed: 3,
        found,
    };
    refused(|sample| drop(sample.data.pop()), count(2));
    refused(|sample| sample.data.clear(), count(0));
    refused(|sample| sample.data.push(Input::F32(vec![])), count(4));
}

#[test]
fn another_number_of_labels() {
    let count = |found| BatchError::Count {
        side: Side::Label,
        needed: 1,
        found,
    };
    let twice = |sample: &mut Sample| sample.labels.push(sample.labels[0].clone());
    refused(twice, count(2));
    // Inference does without labels, training does not.
    let none = |sample: &mut Sample| sample.labels.clear();
    refused_in(true, &none, count(0));
    let file = net::plan(Train::Fused);
    let mut sample = net::sample(&file, SHORT);
    net::arena_after(&file, |module| {
        let with = run::infer(&file, module, &sample);
        sample.labels.clear();
        assert_eq!(run::infer(&file, module, &sample), with);
    });
}

#[test]
fn a_batch_of_another_length() {
    let file = net::plan(Train::Fused);
    let longer = net::sample(&file, LONG);
    let len = |port, needed, found| BatchError::Len {
        side: Side::Data,
        port,
        needed,
        found,
    };
    // The length of the other bucket: MXNet would reshape.
    let other = |sample: &mut Sample| sample.data = longer.data.clone();
    refused(other, len(TOKENS, 2 * BATCH, 3 * BATCH));
    let short = |sample: &mut Sample| tokens(sample).truncate(2 * BATCH - 1);
    refused(short, len(TOKENS, 2 * BATCH, 2 * BATCH - 1));
    let empty = |sample: &mut Sample| tokens(sample).clear();
    refused(empty, len(TOKENS, 2 * BATCH, 0));
    let long = |sample: &mut Sample| sample.data[LEVEL] = Input::F32(vec![0.0; 2 * BATCH + 1]);
    refused(long, len(LEVEL, 2 * BATCH, 2 * BATCH + 1));
    let label = BatchError::Len {
        side: Side::Label,
        port: 0,
        needed: BATCH,
        found: 1,
    };
    refused(|sample| sample.labels[0] = Input::U16(vec![1]), label);
}

#[test]
fn numbers_for_integers_and_the_reverse() {
    let floats = |sample: &mut Sample| sample.data[TOKENS] = Input::F32(vec![0.0; 2 * BATCH]);
    refused(
        floats,
        BatchError::Kind {
            side: Side::Data,
            port: TOKENS,
        },
    );
    let integers = |sample: &mut Sample| sample.data[LEVEL] = Input::U16(vec![0; 2 * BATCH]);
    refused(
        integers,
        BatchError::Kind {
            side: Side::Data,
            port: LEVEL,
        },
    );
    let label = |sample: &mut Sample| sample.labels[0] = Input::F32(vec![0.0; BATCH]);
    refused(
        label,
        BatchError::Kind {
            side: Side::Label,
            port: 0,
        },
    );
}

#[test]
fn a_token_a_length_or_a_label_out_of_range() {
    let range = |port, at, value, max: usize| BatchError::Range {
        side: Side::Data,
        port,
        at,
        value,
        max: max as u16,
    };
    for value in [VOCABULARY as u16, u16::MAX] {
        let error = range(TOKENS, 3, value, VOCABULARY - 1);
        refused(|sample| tokens(sample)[3] = value, error);
    }
    // SequenceLast needs at least one step, and the bucket has two.
    for value in [0, 3, u16::MAX] {
        let lengths = |sample: &mut Sample| sample.data[LENGTHS] = Input::U16(vec![1, value]);
        refused(lengths, range(LENGTHS, 1, value, 2));
    }
    for value in [CLASSES as u16, u16::MAX - 1] {
        let label = |sample: &mut Sample| sample.labels[0] = Input::U16(vec![value, 0]);
        let error = BatchError::Range {
            side: Side::Label,
            port: 0,
            at: 0,
            value,
            max: CLASSES as u16 - 1,
        };
        refused(label, error);
    }
}

/// An ignored label is out of range only where none is ignored.
#[test]
fn an_ignored_label_is_taken() {
    let file = net::plan(Train::Fused);
    let mut sample = net::sample(&file, SHORT);
    sample.labels[0] = Input::U16(vec![u16::MAX, 0]);
    net::arena_after(&file, |module| {
        run::train(&file, module, &sample, true);
    });
}

/// A refused batch changes nothing: the forward before it stands, outputs and all.
#[test]
fn a_refused_batch_leaves_the_step_before_it() {
    for train in [Train::Fused, Train::Held] {
        let file = net::plan(train);
        let good = net::sample(&file, LONG);
        let expected = step_with(&file, &good, false);
        assert_eq!(step_with(&file, &good, true), expected);
    }
}

/// The arena after a step, with or without a refused batch at each place in it.
fn step_with(file: &PlanFile, sample: &Sample, refused: bool) -> Vec<u32> {
    let data: Vec<Tensor<'_>> = sample.data.iter().map(Input::tensor).collect();
    let label: Vec<Tensor<'_>> = sample.labels.iter().map(Input::tensor).collect();
    let batch = Batch::new(LONG, &data).with_label(&label);
    let bad = Batch::new(SHORT, &data).with_label(&label);
    net::arena_after(file, |module| {
        let mut session = module.session();
        session.forward(batch, true).expect("forward");
        let outputs = session.get_outputs(0).expect("outputs").to_vec();
        if refused {
            session.forward(bad, true).expect_err("another bucket's");
            session.forward(bad, false).expect_err("another bucket's");
            assert_eq!(session.get_outputs(0), Ok(outputs.as_slice()));
        }
        session.backward().expect("backward");
        if refused {
            session.forward(bad, true).expect_err("another bucket's");
        }
        session.update().expect("update");
        assert_eq!(session.get_outputs(0), Ok(outputs.as_slice()));
    })
}

#[test]
fn a_plan_for_inference_does_not_train() {
    let file = net::plan(Train::None);
    let sample = net::sample(&file, SHORT);
    let attempt = |module: &mut Module<'_>| forward(module, &sample, true);
    net::refused(&file, net::fresh, attempt, ForwardError::NotForTraining);
}
