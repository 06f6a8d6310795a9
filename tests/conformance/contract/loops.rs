//! fit, score, predict.

use std::convert::Infallible;
use std::ops::ControlFlow;

use serde_json::json;
use tinpail::callback::{Callback, Event};
use tinpail::data::{DataBatch, DataIter};
use tinpail::error::LoopError;
use tinpail::metric::Evaluate;
use tinpail::{BucketIndex, BucketingModule, Model, Tensor};
use tinpail_host::{FitArgs, FitError, Memory, Metrics};

use super::net::{LABEL, Module, data, initialized, ready};
use super::{Absent, Differs, Recorded, Same, Table};

pub const PROBES: Table = &[
    (
        "predict_array",
        Absent("predict takes an iterator; an array does not compile"),
    ),
    (
        "predict_wrong_type",
        Absent("predict takes an iterator; a list does not compile"),
    ),
    (
        "fit_without_num_epoch",
        Absent("num_epoch is no optional argument of FitArgs"),
    ),
    ("fit_zero_epochs_non_bucket_iter", Same(no_epochs)),
    (
        "fit_with_iterator_without_bucket_key",
        Absent("every batch has a bucket: one without does not compile"),
    ),
    (
        "score_num_batch_pulls_one_extra",
        Differs(
            "MXNet takes one batch more and drops it; here it stays in the iterator",
            score_some,
        ),
    ),
    ("iter_predict_drops_pad_rows", Same(pad)),
    ("predict_merge", Same(merged)),
    ("predict_empty_iterator", Same(predict_nothing)),
    ("fit_empty_iterator", Same(fit_nothing)),
    ("fit_epoch_end_symbol_is_last_bucket", Same(last_bucket)),
];

/// Batches of these buckets, of which the last has one row of padding.
struct Keys {
    keys: &'static [u32],
    next: usize,
    taken: usize,
    values: Vec<f32>,
}

impl Keys {
    fn new(keys: &'static [u32]) -> Self {
        Keys {
            keys,
            next: 0,
            taken: 0,
            values: Vec::new(),
        }
    }
}

impl DataIter for Keys {
    type Error = Infallible;

    fn next_batch(&mut self) -> Result<Option<DataBatch<'_>>, Infallible> {
        let Some(key) = self.keys.get(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        self.taken += 1;
        self.values = data(*key);
        let bucket = BucketIndex(u16::from(*key == 4));
        let batch = DataBatch::new(bucket, Tensor::F32(&self.values));
        let pad = usize::from(self.next == self.keys.len());
        Ok(Some(batch.with_label(Tensor::U16(&LABEL)).with_pad(pad)))
    }

    fn reset(&mut self) -> Result<(), Infallible> {
        self.next = 0;
        Ok(())
    }
}

fn accuracy() -> Metrics {
    Metrics::create(["acc"]).expect("known")
}

fn fit(
    module: &mut Module<'_>,
    keys: &mut Keys,
    num_epoch: u32,
) -> Result<u32, FitError<Infallible>> {
    let fitted = module.fit(FitArgs {
        train_data: keys,
        eval_data: None,
        eval_metric: &mut accuracy(),
        validation_metric: None,
        callback: None,
        begin_epoch: 0,
        num_epoch,
    });
    fitted.map(|fitted| fitted.epoch)
}

fn no_epochs(mxnet: &Recorded) {
    assert_eq!(*mxnet.result(), json!(null));
    let memory = Memory::new();
    let mut keys = Keys::new(&[4]);
    assert_eq!(
        fit(&mut ready(&memory), &mut keys, 0).expect("nothing to do"),
        0
    );
    assert_eq!(keys.taken, 0);
}

fn score_some(mxnet: &Recorded) {
    assert_eq!(mxnet.result()["batches_pulled_from_iterator"], 3);
    let memory = Memory::new();
    let mut keys = Keys::new(&[4, 2, 4, 2]);
    let scored = initialized(&memory).score(&mut keys, &mut accuracy(), Some(2));
    assert_eq!(scored.expect("scored").batches, 2);
    assert_eq!(keys.taken, 2);
}

fn pad(mxnet: &Recorded) {
    let memory = Memory::new();
    let mut module = initialized(&memory);
    let mut keys = Keys::new(&[4, 2]);
    let core = module.core_mut().expect("initialized");
    let mut predictions = core.iter_predict(&mut keys).expect("reset");
    let mut shapes = Vec::new();
    while let Some(batch) = predictions.next_batch().expect("predicted") {
        let rows = batch.outputs.get(0).expect("an output").len() / 2;
        shapes.push(json!([[rows, 2]]));
    }
    assert_eq!(json!(shapes), *mxnet.result());
}

/// MXNet's three forms of the result; here they are merged, and every output has its name.
fn merged(mxnet: &Recorded) {
    let memory = Memory::new();
    let predicted = initialized(&memory)
        .predict(&mut Keys::new(&[4, 2]))
        .expect("predicted");
    assert_eq!(predicted.len(), 1);
    assert_eq!(json!([predicted[0].1.len() / 2, 2]), mxnet.result()[0]);
}

fn predict_nothing(mxnet: &Recorded) {
    let memory = Memory::new();
    let predicted = initialized(&memory)
        .predict(&mut Keys::new(&[]))
        .expect("nothing");
    assert_eq!(
        json!(
            predicted
                .into_iter()
                .map(|(name, _)| name)
                .collect::<Vec<_>>()
        ),
        *mxnet.result()
    );
}

fn fit_nothing(mxnet: &Recorded) {
    assert_eq!(mxnet.raises(), "StopIteration");
    let memory = Memory::new();
    let error = fit(&mut ready(&memory), &mut Keys::new(&[]), 1);
    assert!(matches!(
        error,
        Err(FitError::Loop(LoopError::Empty { epoch: 0 }))
    ));
}

/// The bucket at the end of each epoch.
struct Seen(Vec<[u32; 2]>);

impl<M: Model> Callback<M> for Seen {
    fn epoch_end(
        &mut self,
        module: &mut BucketingModule<'_, M>,
        event: Event,
        _: &mut dyn Evaluate,
    ) -> ControlFlow<()> {
        let current = module.current_bucket();
        assert_eq!(current, event.bucket);
        let key = module.plan().bucket(current).expect("a bucket").key;
        self.0.push([event.epoch, key]);
        ControlFlow::Continue(())
    }
}

fn last_bucket(mxnet: &Recorded) {
    let result = mxnet.result();
    let memory = Memory::new();
    let mut module = ready(&memory);
    let (mut train, mut seen) = (Keys::new(&[4, 2]), Seen(Vec::new()));
    module
        .fit(FitArgs {
            train_data: &mut train,
            eval_data: Some(&mut Keys::new(&[4])),
            eval_metric: &mut accuracy(),
            validation_metric: None,
            callback: Some(&mut seen),
            begin_epoch: 0,
            num_epoch: 2,
        })
        .expect("fitted");
    assert_eq!(json!(seen.0), result["bucket_at_epoch_end"]);
    assert_eq!(json!(train.next), result["resets_position"]);
}
