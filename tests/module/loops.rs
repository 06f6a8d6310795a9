//! fit, score, predict and what they call.

use std::cell::Cell;
use std::convert::Infallible;
use std::ops::ControlFlow;

use tinpail::callback::{Checkpoint, Speed, Speedometer, on_batch_end, on_epoch_end, on_eval_end};
use tinpail::data::{
    BucketSentenceIter, DataBatch, DataIter, Fill, Filler, LastBatch, Rules, SentenceBatches,
    SliceIter,
};
use tinpail::error::{BatchError, ForwardError, LoopError, PredictError, Side, StepError};
use tinpail::metric::{Accuracy, CrossEntropy, Evaluate, Loss, Metric, MetricError, Of};
use tinpail::module::{Fitted, Scored};
use tinpail::{Fit, Score, Slots, Tensor};

use crate::flash::{Flash, FlashError};
use crate::net::{self, BATCH, BUCKET, INPUTS};

const VALUES: [[f32; BATCH * INPUTS]; 3] = [
    [0.1, 0.2, 0.3, -0.3, 0.9, -0.5],
    [0.7, -0.2, 0.4, -0.1, 0.1, -0.8],
    [-0.7, 0.5, 0.2, 0.3, -0.6, 0.8],
];

fn batches() -> [DataBatch<'static>; 3] {
    let batch = |values: &'static [f32; 6]| {
        DataBatch::new(BUCKET, Tensor::F32(values)).with_label(Tensor::U16(&[1, 0]))
    };
    [batch(&VALUES[0]), batch(&VALUES[1]), batch(&VALUES[2])]
}

#[test]
fn fit_is_the_loop_by_hand() {
    let (file, all) = (net::plan(), batches());
    let by_hand = net::bound(&file, |mut module| {
        for _ in 0..2 {
            for batch in &all {
                module.train_step(&batch.batch()).expect("a step");
            }
        }
        net::params(&module)
    });
    net::bound(&file, |mut module| {
        let (mut data, mut metric) = (SliceIter::new(&all), Accuracy::new());
        let fitted = module.fit(Fit::new(&mut data, &mut metric, 5).begin_epoch(3));
        let expected = Fitted {
            epoch: 5,
            stopped: false,
        };
        assert_eq!(fitted, Ok(expected));
        assert_eq!(net::params(&module), by_hand);
        assert_eq!(metric.sums().local.count, 6);
    });
}

#[test]
fn a_callback_ends_the_loop_and_says_where_to_go_on() {
    let mut none = ();
    let (file, all) = (net::plan(), batches());
    net::bound(&file, |mut module| {
        let calls = Cell::new(0);
        let stop_at = |last: usize| {
            let calls = &calls;
            on_batch_end(move |_, event, _| {
                calls.set(calls.get() + 1);
                match event.nbatch == last {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })
        };
        let mut data = SliceIter::new(&all);
        let mut callbacks = (
            stop_at(1),
            on_batch_end(|_, _, _| ControlFlow::Continue(())),
        );
        let fit = Fit::new(&mut data, &mut none, 2).callback(&mut callbacks);
        let stopped = |epoch| {
            Ok(Fitted {
                epoch,
                stopped: true,
            })
        };
        assert_eq!(module.fit(fit), stopped(0));
        assert_eq!(calls.get(), 2);
        // After the epoch: the next one is to come.
        let mut callback = on_epoch_end(|_, event, _| {
            assert_eq!(event.nbatch, 1, "the rest of the epoch");
            ControlFlow::Break(())
        });
        let fit = Fit::new(&mut data, &mut none, 2).callback(&mut callback);
        assert_eq!(module.fit(fit), stopped(1));
        // In the validation.
        let (mut data, mut eval) = (SliceIter::new(&all), SliceIter::new(&all));
        let mut callback = on_eval_end(|_, _, _| ControlFlow::Break(()));
        let fit = Fit::new(&mut data, &mut none, 2)
            .eval_data(&mut eval)
            .callback(&mut callback);
        assert_eq!(module.fit(fit), stopped(1));
    });
}

#[test]
fn validation_has_a_metric_of_its_own_or_training_s() {
    let (file, all) = (net::plan(), batches());
    net::bound(&file, |mut module| {
        let mut expected = Accuracy::new();
        let (mut data, mut eval) = (SliceIter::new(&all), SliceIter::new(&all[..1]));
        let (mut metric, mut own) = (Accuracy::new(), CrossEntropy::default());
        let fit = Fit::new(&mut data, &mut metric, 1).eval_data(&mut eval);
        module.fit(fit.validation_metric(&mut own)).expect("fitted");
        assert_eq!(
            (metric.sums().global.count, own.sums().global.count),
            (6, 2)
        );
        let fit = Fit::new(&mut data, &mut metric, 1).eval_data(&mut eval);
        module.fit(fit).expect("fitted");
        assert_eq!(metric.sums().global.count, 2);
        module
            .score(Score::new(&mut eval, &mut expected))
            .expect("scored");
        assert_eq!(metric.get(), expected.get());
    });
}

#[test]
fn what_is_wrong_has_a_name() {
    let mut none = ();
    let (file, all) = (net::plan(), batches());
    net::bound(&file, |mut module| {
        let before = net::params(&module);
        let mut empty = SliceIter::new(&[]);
        let outcome = module.fit(Fit::new(&mut empty, &mut none, 1));
        assert_eq!(outcome, Err(LoopError::Empty { epoch: 0 }));
        let scored = module.score(Score::new(&mut empty, &mut none));
        assert_eq!(scored, Ok(Scored::default()));

        let (mut samples, mut classes) = ([0f32; 5], [0u16; 2]);
        let mut short = Filler::new(&mut samples, &mut classes, |_, _, _| {
            Ok(Some(Fill {
                bucket: BUCKET,
                data: 5,
                label: 2,
                pad: 0,
            }))
        });
        let error = BatchError::Len {
            side: Side::Data,
            port: 0,
            needed: 6,
            found: 5,
        };
        let outcome: Result<_, LoopError<()>> = module.fit(Fit::new(&mut short, &mut none, 1));
        let forward = ForwardError::Batch(error);
        assert_eq!(outcome, Err(LoopError::Step(StepError::Forward(forward))));
        let mut into = [0.0; 4];
        let outcome = module.predict(&mut short, 0, &mut into);
        assert_eq!(outcome, Err(PredictError::Forward(forward)));
        assert_eq!(module.prepare(&all[0].batch()), Ok(()));
        assert_eq!(net::params(&module), before);

        let (mut samples, mut classes) = ([0f32; 6], [0u16; 2]);
        let mut broken = Filler::new(&mut samples, &mut classes, |_, _, _| Err("no sensor"));
        let outcome = module.fit(Fit::new(&mut broken, &mut none, 1));
        assert_eq!(outcome, Err(LoopError::Data("no sensor")));

        let mut data = SliceIter::new(&all);
        let outcome = module.predict(&mut data, 0, &mut into[..3]);
        let error = PredictError::Room {
            needed: 4,
            found: 3,
        };
        assert_eq!(outcome, Err(error));
        let outcome = module.predict(&mut data, 1, &mut into);
        assert_eq!(outcome, Err(PredictError::Output { index: 1 }));
        let mut metric = Of {
            metric: Accuracy::new(),
            label: Some(1),
            output: 0,
        };
        let outcome = module.score(Score::new(&mut data, &mut metric));
        let error = MetricError::Label { index: 1 };
        assert_eq!(outcome, Err(LoopError::Metric(error)));
    });
}

#[test]
fn score_takes_as_many_batches_as_it_is_told() {
    let (file, all) = (net::plan(), batches());
    net::bound(&file, |mut module| {
        let mut data = SliceIter::new(&all);
        let mut metrics = (
            Accuracy::new(),
            Of {
                metric: Loss::new(),
                label: None,
                output: 0,
            },
        );
        let score = Score::new(&mut data, &mut metrics).num_batch(2);
        assert_eq!(module.score(score).expect("scored").batches, 2);
        assert_eq!(metrics.metrics(), 2);
        // Probabilities of two classes: half on average.
        assert!((metrics.local(1) - 0.5).abs() < 1e-6);
        assert_eq!(metrics.local(0), metrics.0.get());
        assert!(metrics.local(2).is_nan());
        // No batch was taken and dropped.
        let third = data.next_batch().expect("infallible").expect("the third");
        assert_eq!(third, all[2]);
    });
}

#[test]
fn prediction_drops_rows_of_padding() {
    let (file, mut all) = (net::plan(), batches());
    net::bound(&file, |mut module| {
        let mut whole = [0.0; 12];
        let written = module.predict(&mut SliceIter::new(&all), 0, &mut whole);
        assert_eq!(written, Ok(12));
        all[1] = all[1].with_pad(1);
        let mut cut = [0.0; 12];
        let written = module.predict(&mut SliceIter::new(&all), 0, &mut cut);
        assert_eq!(written, Ok(10));
        assert_eq!((&cut[..6], &cut[6..10]), (&whole[..6], &whole[8..]));
        // More padding than rows: nothing is left.
        all[1] = all[1].with_pad(9);
        let written = module.predict(&mut SliceIter::new(&all), 0, &mut cut);
        assert_eq!(written, Ok(8));
    });
}

#[test]
fn sentences_are_lent_and_reshuffled() {
    let sentences: Vec<[u16; 2]> = (0..9).map(|index| [index, index]).collect();
    let slices: Vec<&[u16]> = sentences.iter().map(|own| &own[..]).collect();
    let rules = Rules {
        last: LastBatch::Pad,
        ..Rules::new(&[2], 2, 0)
    };
    let mut order = [0; 9];
    let iter = BucketSentenceIter::shuffled(&slices[..], rules, &mut order, 1).expect("shuffled");
    let (mut data, mut label) = ([0; 4], [0; 4]);
    let mut lent = SentenceBatches::new(iter, &mut data, &mut label).reshuffled(2);
    let mut epoch = || {
        let (mut firsts, mut pads) = (Vec::new(), 0);
        while let Some(batch) = lent.next_batch().expect("a batch") {
            let Some(Tensor::U16(ids)) = batch.data.as_slice().first() else {
                panic!("{batch:?}");
            };
            firsts.extend([ids[0], ids[2]]);
            pads += batch.pad;
        }
        lent.reset().expect("reset");
        (firsts, pads)
    };
    let epochs = [epoch(), epoch(), epoch()];
    assert_eq!(epochs[0].1, 1);
    assert!(epochs[0].0 != epochs[1].0 && epochs[1].0 != epochs[2].0);
    for (mut firsts, _) in epochs {
        firsts.sort_unstable();
        assert_eq!(
            firsts,
            [0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
            "9 and a row of padding"
        );
    }
}

/// MXNet's `Speedometer(batch_size=2, frequent=2)` over a clock of one tick for each look at it.
#[test]
fn the_speedometer_reports_as_mxnet_s() {
    let file = net::plan();
    let all: Vec<DataBatch<'_>> = batches().into_iter().chain(batches()).collect();
    net::bound(&file, |mut module| {
        let mut reports = Vec::new();
        let mut now = u32::MAX;
        let clock = || {
            now = now.wrapping_add(1);
            now
        };
        let report = |speed: Speed, metric: &dyn Evaluate| {
            reports.push((speed, metric.global(0), metric.local(0)));
        };
        let mut speedometer = Speedometer::new(2, 10, clock, report);
        let (mut data, mut metric) = (SliceIter::new(&all), Accuracy::new());
        let fit = Fit::new(&mut data, &mut metric, 2).callback(&mut speedometer);
        module.fit(fit).expect("fitted");
        let seen = reports
            .iter()
            .map(|(speed, ..)| (speed.epoch, speed.from, speed.to));
        let seen: Vec<_> = seen.collect();
        assert_eq!(seen, [(0, 0, 2), (0, 2, 4), (1, 0, 2), (1, 2, 4)]);
        // Two batches of two samples in a tenth of a second.
        assert!(
            reports
                .iter()
                .all(|(speed, ..)| speed.samples_per_second == 40.0)
        );
        // After a report the metric begins again locally: the last batch alone.
        assert_eq!(
            (metric.sums().local.count, metric.sums().global.count),
            (2, 12)
        );
    });
}

#[test]
fn a_checkpoint_saves_every_period_and_ends_the_loop_if_it_cannot() {
    let mut none = ();
    let (file, all) = (net::plan(), batches());
    let slots = Slots {
        first: 0,
        second: 1024,
        len: 1024,
    };
    net::bound(&file, |mut module| {
        let mut flash = Flash::new(2048);
        let mut checkpoint = Checkpoint::new(&mut flash, slots, 2);
        let mut data = SliceIter::new(&all);
        let fit = Fit::new(&mut data, &mut none, 5).callback(&mut checkpoint);
        module.fit(fit).expect("fitted");
        assert_eq!(checkpoint.result(), Ok(2));
        let after_five = net::params(&module);
        module.load_params(&mut flash, slots).expect("loaded");
        let after_four = net::params(&module);
        assert_ne!(after_four, after_five);
        let fit: Fit<'_, _, Infallible> = Fit::new(&mut data, &mut none, 1);
        module.fit(fit).expect("fitted");
        assert_eq!(net::params(&module), after_five);

        flash.cut_at = Some((0, 0));
        let mut checkpoint = Checkpoint::new(&mut flash, slots, 1);
        let fit = Fit::new(&mut data, &mut none, 5).callback(&mut checkpoint);
        let stopped = Fitted {
            epoch: 1,
            stopped: true,
        };
        assert_eq!(module.fit(fit), Ok(stopped));
        let error = tinpail::error::SaveError::Flash(FlashError::PowerCut);
        assert_eq!(checkpoint.result(), Err(error));
        assert!(!error.to_string().is_empty());
    });
}
