//! Products with the input formed for several steps at a time: the same bits, in an arena that grows only where it is told to.

use tinpail_plan::symbol::{FullyConnected, Mode, Rnn, SoftmaxOutput};
use tinpail_plan::{Ahead, Bucketing, Error, Net, PlanFile, Symbols, Train};

use crate::common::rng::Rng;
use crate::common::run;
use crate::common::values::{Persistent, Sample};

const BATCH: usize = 3;
const INPUTS: usize = 5;
const HIDDEN: usize = 6;
const STEPS: usize = 11;

/// The lower layer keeps every output in inference, the upper one its last.
fn net(mode: Mode) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let (data, label) = (s.variable("data"), s.variable("softmax_label"));
    let lower = s.rnn("lower", data, Rnn::new(mode, HIDDEN), &[]);
    let upper = s.rnn("upper", lower, Rnn::new(mode, HIDDEN), &[]);
    let last = s.sequence_last("last", upper, None, 0);
    let fc = s.fully_connected("fc", last, FullyConnected::new(4));
    let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
    Ok(s.net([softmax])
        .data("data", [STEPS, 0, INPUTS])
        .label("softmax_label", [0]))
}

fn plan(mode: Mode, train: Train, ahead: Ahead) -> PlanFile {
    let bucketing = Bucketing::new(move |_| net(mode))
        .bucket_keys([STEPS as u32])
        .batch_size(BATCH)
        .train(train)
        .steps_ahead(ahead);
    bucketing.plan().expect("a plan")
}

/// What a step and an inference leave, in bits.
fn bits(file: &PlanFile) -> Vec<Vec<u32>> {
    let mut rng = Rng::new(7);
    let values = Persistent::random(file, &mut rng);
    let sample = Sample::random(file, 0, &mut rng);
    run::bound(file, &values, |module| {
        let mut all = Vec::new();
        if file.plan.train != Train::None {
            all.extend(run::train(file, module, &sample, true).bits());
        }
        all.extend(run::infer(file, module, &sample).bits());
        all
    })
}

/// Elements of the upper layer's sums in inference.
fn sums(file: &PlanFile) -> usize {
    let placed = &file.report.buckets[0].infer.placed;
    let sums = placed.iter().find(|buffer| {
        buffer.name.starts_with("upper")
            && (buffer.name.ends_with("gates") || buffer.name.ends_with("sums"))
    });
    sums.expect("sums").len
}

#[test]
fn the_bits_do_not_depend_on_how_many_steps_go_ahead() {
    for (mode, row) in [
        (Mode::Lstm, 4 * HIDDEN),
        (Mode::Gru, 4 * HIDDEN),
        (Mode::RnnTanh, HIDDEN),
    ] {
        for train in [Train::None, Train::Fused, Train::Held] {
            let off = plan(mode, train, Ahead::Off);
            let expected = bits(&off);
            assert_eq!(sums(&off), row, "{mode:?} {train:?}");

            let free = plan(mode, train, Ahead::Free);
            assert_eq!(
                free.plan.arena_len, off.plan.arena_len,
                "{mode:?} {train:?}"
            );
            assert_eq!(bits(&free), expected, "{mode:?} {train:?}");
            if train != Train::None {
                assert!(sums(&free) > BATCH * row, "{mode:?} {train:?}");
            }

            let three = plan(mode, train, Ahead::Steps(3));
            assert_eq!(bits(&three), expected, "{mode:?} {train:?}");
            assert!(sums(&three) >= 3 * BATCH * row, "{mode:?} {train:?}");
            assert!(three.plan.arena_len >= off.plan.arena_len);

            let all = plan(mode, train, Ahead::Steps(100));
            assert_eq!(bits(&all), expected, "{mode:?} {train:?}");
            assert_eq!(sums(&all), STEPS * BATCH * row, "{mode:?} {train:?}");
        }
    }
}

/// A plan for inference alone has no room: what is asked for is what it grows by.
#[test]
fn only_what_is_asked_for_grows_an_arena() {
    let arena = |ahead| plan(Mode::Gru, Train::None, ahead).plan.arena_len as usize;
    let off = arena(Ahead::Off);
    assert_eq!(arena(Ahead::Free), off);
    // The two layers' sums lie in the same place.
    for steps in [1, 4] {
        let grown = arena(Ahead::Steps(steps)) - off;
        assert_eq!(grown, (steps * BATCH - 1) * 4 * HIDDEN);
    }
}
