//! Scenario g: `fit` for two epochs with validation, `score`, `iter_predict` and `predict` over the batches that MXNet's
//! `BucketSentenceIter` gave, a GRU language model over buckets 3, 5, 7.
//!
//! MXNet trains in batches of 4 and validates in batches of 2, for which it reshapes its executors. A plan has one batch
//! size: batches of 2 get two rows of padding, whose labels the metric ignores and which prediction drops.

use std::convert::Infallible;
use std::ops::ControlFlow;

use serde::Deserialize;
use serde_json::Value;
use tinpail::callback::{Event, on_batch_end, on_epoch_end, on_eval_batch_end, on_eval_end};
use tinpail::data::{DataBatch, DataIter};
use tinpail::math::Math;
use tinpail::metric::{Evaluate, Perplexity};
use tinpail::module::Scored;
use tinpail::optim::Sgd;
use tinpail::{BucketIndex, BucketingModule, Fit, Registry, Score, Tensor as Input};
use tinpail_plan::{Optimizer, Train};

use super::oracle::{self, Files, Scenario, Tensor, Tensors, assert_close};
use super::session::{Module, assert_params, assert_params_file, blob, bucketing, sym_gen};

const BATCH_SIZE: usize = 4;
const KEYS: [u32; 3] = [3, 5, 7];

#[derive(Deserialize)]
struct Oracle {
    params_init: Tensors,
    params_final: Tensors,
    files: Files,
    train_batches: Vec<Value>,
    val_batches: Vec<Value>,
    score_batches: Vec<Value>,
    iter_predict_batches: Vec<Value>,
    events: Vec<Value>,
    log_lines: Vec<String>,
    score: Vec<(String, f64)>,
    iter_predict: Vec<Predicted>,
    predict_shape: Vec<usize>,
}

#[derive(Deserialize)]
struct Predicted {
    nbatch: usize,
    bucket_key: u32,
    outputs: Vec<Tensor>,
}

#[derive(Deserialize)]
struct Recorded {
    bucket_key: u32,
    data: Tensor,
    label: Tensor,
    pad: usize,
}

/// A batch filled up to the plan's size.
struct Full {
    bucket: BucketIndex,
    data: Vec<u16>,
    label: Vec<u16>,
    pad: usize,
}

/// What MXNet's iterator was asked, in order; anything else asked is a failed test.
struct Log {
    /// `None`: a reset.
    entries: Vec<Option<Full>>,
    next: usize,
}

impl Log {
    fn new(entries: &[Value]) -> Self {
        let entry = |entry: &Value| {
            if entry == "reset" {
                return None;
            }
            let batch = Recorded::deserialize(entry).expect("a batch");
            let bucket = KEYS.iter().position(|key| *key == batch.bucket_key);
            let rows = batch.data.shape[0];
            let filled = |tensor: &Tensor| {
                let mut ids = tensor.ids();
                ids.resize(BATCH_SIZE * batch.bucket_key as usize, 0);
                ids
            };
            Some(Full {
                bucket: BucketIndex(bucket.expect("a key") as u16),
                data: filled(&batch.data),
                label: filled(&batch.label),
                pad: batch.pad + BATCH_SIZE - rows,
            })
        };
        Log {
            entries: entries.iter().map(entry).collect(),
            next: 0,
        }
    }

    fn assert_done(&self) {
        assert_eq!(self.next, self.entries.len());
    }
}

impl DataIter for Log {
    type Error = Infallible;

    fn next_batch(&mut self) -> Result<Option<DataBatch<'_>>, Infallible> {
        let Some(Some(full)) = self.entries.get(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        let batch = DataBatch::new(full.bucket, Input::U16(&full.data));
        let batch = batch.with_label(Input::U16(&full.label));
        Ok(Some(batch.with_pad(full.pad)))
    }

    fn reset(&mut self) -> Result<(), Infallible> {
        let entry = self.entries.get(self.next);
        assert!(matches!(entry, Some(None)), "a reset that MXNet has not");
        self.next += 1;
        Ok(())
    }
}

/// An event as MXNet logged it: its name, epoch, batch, and the metric or the sum of all parameters.
#[derive(Debug)]
struct Seen(&'static str, u32, Option<usize>, f64);

fn assert_events(seen: &[Seen], events: &[Value]) {
    assert_eq!(seen.len(), events.len());
    for (at, (Seen(name, epoch, nbatch, value), event)) in seen.iter().zip(events).enumerate() {
        assert_eq!((&event[0], &event[1]), (&(*name).into(), &(*epoch).into()));
        let theirs = match nbatch {
            Some(nbatch) => {
                assert_eq!(event[2], *nbatch, "event {at}");
                event[3][0][1].as_f64()
            }
            None => event[3].as_f64(),
        };
        let what = format!("event {at}, {name} {epoch} {nbatch:?}");
        close(&what, *value, theirs.expect("a number"));
    }
}

#[track_caller]
fn close(what: &str, ours: f64, theirs: f64) {
    let bound = 2e-5 + 1e-5 * theirs.abs();
    assert!(
        (ours - theirs).abs() <= bound,
        "{what}: {ours} against MXNet's {theirs}"
    );
}

/// The values of MXNet's lines that begin so.
fn logged(lines: &[String], what: &str) -> Vec<f64> {
    let value = |line: &String| line.split_once(what)?.1.parse().ok();
    lines.iter().filter_map(value).collect()
}

#[test]
fn fit_score_and_predict_give_mxnets_events_and_numbers() {
    let oracle: Oracle = serde_json::from_slice(&oracle::read("g_fit.json")).expect("g_fit.json");
    let scenario = Scenario {
        params_init: oracle.params_init.clone(),
        aux_init: Tensors::new(),
        steps: Vec::new(),
        files: oracle.files.clone(),
    };
    let sym_gen = sym_gen(&scenario, |net, key| {
        net.data("data", [0, key]).label("softmax_label", [0, key])
    });
    let plan = bucketing(&scenario, sym_gen)
        .batch_size(BATCH_SIZE)
        .optimizer(Optimizer::Sgd { momentum: true })
        .train(Train::Fused)
        .plan()
        .expect("a plan");
    let blob = blob(&plan, &scenario.params_init);
    let mut arena = vec![0.0; plan.plan.arena_len as usize];
    let model = Registry::<Sgd>::new(plan.plan.plan());
    let mut module = Module::bind_words(model, &mut arena, blob.bytes()).expect("bound");
    module
        .init_optimizer(Sgd {
            learning_rate: 0.2,
            momentum: 0.9,
            wd: 1e-4,
            ..Sgd::default()
        })
        .expect("an optimizer");

    let seen = std::cell::RefCell::new(Vec::new());
    let see = |name, event: Event, value| {
        let seen_event = Seen(name, event.epoch, Some(event.nbatch), value);
        seen.borrow_mut().push(seen_event);
        ControlFlow::Continue(())
    };
    let trained = std::cell::RefCell::new(Vec::new());
    let validated = std::cell::RefCell::new(Vec::new());
    let mut callbacks = (
        on_batch_end(|_, event, metric| see("batch_end", event, metric.local(0))),
        on_epoch_end(
            |module: &mut BucketingModule<'_, Registry<'_, Sgd>>, event: Event, metric| {
                let count = module.plan().params.len();
                let params = (0..count).map(|index| module.get_params(index).expect("one"));
                let sum = params.flatten().map(|value| f64::from(*value)).sum();
                let event = Seen("epoch_end", event.epoch, None, sum);
                seen.borrow_mut().push(event);
                trained.borrow_mut().push(metric.global(0));
                ControlFlow::Continue(())
            },
        ),
        on_eval_batch_end(|_, event, metric| see("eval_batch_end", event, metric.local(0))),
        on_eval_end(|_, event, metric| {
            validated.borrow_mut().push(metric.global(0));
            see("eval_end", event, metric.local(0))
        }),
    );
    let (mut train, mut val) = (
        Log::new(&oracle.train_batches),
        Log::new(&oracle.val_batches),
    );
    let mut perplexity = Perplexity::new(Some(0), Math::default());
    let fit = Fit::new(&mut train, &mut perplexity, 2)
        .eval_data(&mut val)
        .callback(&mut callbacks);
    let fitted = module.fit(fit).expect("trained");
    assert_eq!((fitted.epoch, fitted.stopped), (2, false));
    train.assert_done();
    val.assert_done();
    assert_events(&seen.borrow(), &oracle.events);
    for (what, ours) in [
        ("Train-perplexity=", trained),
        ("Validation-perplexity=", validated),
    ] {
        let (ours, theirs) = (ours.into_inner(), logged(&oracle.log_lines, what));
        assert_eq!((ours.len(), theirs.len()), (2, 2));
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            close(what, ours, theirs);
        }
    }
    assert_params("after fit", &module, &plan, &oracle.params_final);
    assert_params_file(&scenario, &module, &plan);

    let mut val = Log::new(&oracle.score_batches);
    let scored = module.score(Score::new(&mut val, &mut perplexity));
    let all = Scored {
        batches: oracle.score_batches.len() - 1,
        stopped: false,
    };
    assert_eq!(scored, Ok(all));
    assert_eq!(oracle.score.len(), 1);
    close("score", perplexity.local(0), oracle.score[0].1);

    let mut val = Log::new(&oracle.iter_predict_batches);
    let mut predictions = module.iter_predict(&mut val).expect("reset");
    for theirs in &oracle.iter_predict {
        let batch = predictions
            .next_batch()
            .expect("predicted")
            .expect("a batch");
        assert_eq!(batch.nbatch, theirs.nbatch);
        assert_eq!(KEYS[usize::from(batch.batch.bucket.0)], theirs.bucket_key);
        assert_eq!(batch.outputs.len(), theirs.outputs.len());
        for (index, theirs) in theirs.outputs.iter().enumerate() {
            let ours = batch.outputs.get(index).expect("an output");
            assert_close(&format!("prediction {}", batch.nbatch), ours, theirs);
        }
    }
    assert!(predictions.next_batch().expect("the end").is_none());

    // The same sentences as in `score`, in some order.
    let mut val = Log::new(&oracle.score_batches);
    let needed = oracle.predict_shape.iter().product();
    let mut merged = vec![f32::NAN; needed];
    assert_eq!(module.predict(&mut val, 0, &mut merged), Ok(needed));
    assert!(merged.iter().all(|value| value.is_finite()));
    let sums = merged.chunks(oracle.predict_shape[1]);
    sums.for_each(|row| close("a row", row.iter().copied().map(f64::from).sum(), 1.0));
}
