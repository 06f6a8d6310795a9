//! Training within a RAM limit.

use tinpail_plan::symbol::{Act, FullyConnected, Mode, Rnn, SoftmaxOutput};
use tinpail_plan::{Bucketing, Error, Net, PlanFile, Symbols, Train};

use crate::common::rng::Rng;
use crate::common::run;
use crate::common::values::{Persistent, Sample};

/// 16 inputs, 32 hidden, 10 classes from the last step.
fn lstm(steps: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let data = s.variable("data");
    let label = s.variable("softmax_label");
    let lstm = s.rnn("lstm", data, Rnn::new(Mode::Lstm, 32), &[]);
    let last = s.sequence_last("last", lstm, None, 0);
    let fc = s.fully_connected("fc", last, FullyConnected::new(10));
    let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
    let net = s.net([softmax]);
    Ok(net
        .data("data", [steps as usize, 0, 16])
        .label("softmax_label", [0]))
}

fn of_steps(steps: u32, train: Train) -> Bucketing<fn(u32) -> Result<Net, Error>> {
    Bucketing::new(lstm as fn(u32) -> Result<Net, Error>)
        .bucket_keys([steps])
        .train(train)
}

/// Bytes of the transient part.
fn transient(file: &PlanFile) -> usize {
    4 * (file.plan.arena_len - file.plan.persistent_len) as usize
}

fn persistent(file: &PlanFile) -> usize {
    4 * file.plan.persistent_len as usize
}

/// The change that a first step makes to each weight: what is in the momentum.
fn change(file: &PlanFile, values: &Persistent, sample: &Sample) -> Vec<Vec<f32>> {
    run::bound(file, values, |module| {
        run::train(file, module, sample, true);
        let momenta = (0..file.params.len()).map(|param| {
            let momentum = module.optimizer_state(param).expect("a momentum");
            momentum.to_vec()
        });
        momenta.collect()
    })
}

#[test]
fn twenty_steps_take_what_they_took() {
    let file = of_steps(20, Train::Fused).plan().expect("a plan");
    assert!(transient(&file) <= 15_700, "{}", transient(&file));
    assert_eq!(file.report.grad_bytes, 0);
}

#[test]
fn a_long_sequence_is_cut_into_segments() {
    for train in [Train::Step, Train::Fused] {
        let free = of_steps(160, train).plan().expect("a plan");
        assert!(transient(&free) > 120_000, "{}", transient(&free));
        let limit = persistent(&free) + 40_000;
        let limited = of_steps(160, train).ram_limit_bytes(limit).plan();
        let limited = limited.expect("a plan");
        assert!(transient(&limited) <= 40_000, "{}", transient(&limited));
        let recomputed = limited.report.buckets[0].train.as_ref();
        let recomputed = recomputed.and_then(|train| train.recomputed).expect("some");
        assert!(recomputed.steps.is_some());
        // Forward once more, and no more than that.
        assert!(recomputed.macs > recomputed.plain_macs);
        assert!(2 * recomputed.macs < 3 * recomputed.plain_macs);

        let mut rng = Rng::new(160);
        let values = Persistent::random(&free, &mut rng);
        let sample = Sample::random(&free, 0, &mut rng);
        let plain = change(&free, &values, &sample);
        let own = change(&limited, &values, &sample);
        for (param, (plain, own)) in plain.iter().zip(&own).enumerate() {
            let largest = plain.iter().fold(0f32, |max, change| max.max(change.abs()));
            assert!(largest > 0.0);
            for (at, (plain, own)) in plain.iter().zip(own).enumerate() {
                let off = (plain - own).abs();
                let bound = 1e-5 * plain.abs().max(1e-2 * largest);
                assert!(off <= bound, "{param}[{at}]: {plain} {own}");
            }
        }
    }
}

/// A chain of layers, all of one width.
fn chain(layers: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let mut x = s.variable("data");
    for at in 0..layers {
        let y = s.fully_connected(&format!("fc{at}"), x, FullyConnected::new(64));
        x = s.activation(&format!("act{at}"), y, Act::Tanh);
    }
    let label = s.variable("label");
    let head = s.linear_regression_output("loss", x, label, 1.0);
    let net = s.net([head]);
    Ok(net.data("data", [0, 64]).label("label", [0, 64]))
}

/// The transient bytes and the products of a chain of sixteen within limits.
#[test]
fn a_smaller_limit_costs_more_products() {
    let with = |limit: Option<usize>| {
        let bucketing = Bucketing::new(chain)
            .bucket_keys([16])
            .batch_size(8)
            .train(Train::Step);
        match limit {
            Some(limit) => bucketing.ram_limit_bytes(limit).plan(),
            None => bucketing.plan(),
        }
    };
    let free = with(None).expect("a plan");
    let mut cost = 0;
    for percent in [100, 90, 75, 60, 50] {
        let limit = persistent(&free) + transient(&free) * percent / 100;
        let file = with(Some(limit)).expect("a plan");
        assert!(file.report.arena_bytes <= limit, "{percent} %");
        let train = file.report.buckets[0].train.as_ref().expect("a program");
        let own = train.recomputed;
        assert_eq!(own.is_some(), percent < 100);
        let more = own.map_or(0, |own| own.macs - own.plain_macs);
        assert!(more > cost || percent == 100, "{percent} %: {more} {cost}");
        cost = more;
        let again = with(Some(limit)).expect("the same");
        assert_eq!(again.plan.fingerprint, file.plan.fingerprint);
    }
    let error = with(Some(persistent(&free))).expect_err("nothing is left");
    let Error::RamLimit { needed, limit, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*limit, persistent(&free));
    assert!(*needed < persistent(&free) + transient(&free) / 2);
    with(Some(*needed)).expect("the smallest possible is possible");
}

/// Each bucket is a matter of its own.
#[test]
fn a_bucket_that_fits_is_left_alone() {
    let free = Bucketing::new(lstm).bucket_keys([8, 80]);
    let free = free.train(Train::Step);
    let plain = free.plan().expect("a plan");
    let limit = persistent(&plain) + 40_000;
    let file = free.ram_limit_bytes(limit).plan().expect("a plan");
    let recomputed: Vec<bool> = (file.report.buckets.iter())
        .map(|own| {
            own.train
                .as_ref()
                .is_some_and(|own| own.recomputed.is_some())
        })
        .collect();
    assert_eq!(recomputed, [false, true]);
}
