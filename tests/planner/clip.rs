//! Clipping by the global norm, with held gradients and without.

use tinpail::error::UpdateError;
use tinpail::optim::Sgd;
use tinpail::{Batch, BucketIndex, Tensor};
use tinpail_interp::Mode as Interpreted;
use tinpail_plan::plan_file::NormBy;
use tinpail_plan::symbol::{FullyConnected, Mode, Rnn, SoftmaxOutput};
use tinpail_plan::{Bucketing, Compression, Error, Net, PlanFile, Saved, Symbols, Train, report};

use crate::common::masks::masks;
use crate::common::rng::Rng;
use crate::common::values::{Persistent, Sample};
use crate::common::{cases, run, twin};
use crate::graph::grow;

/// A layer of `hidden` units over 3 channels, then a class of 4 from the last step.
fn recurrent(mode: Mode, hidden: usize) -> impl Fn(u32) -> Result<Net, Error> {
    move |steps| {
        let mut s = Symbols::new();
        let (data, label) = (s.variable("data"), s.variable("softmax_label"));
        let y = s.rnn("rnn", data, Rnn::new(mode, hidden), &[]);
        let last = s.sequence_last("last", y, None, 0);
        let fc = s.fully_connected("fc", last, FullyConnected::new(4));
        let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
        Ok(s.net([softmax])
            .data("data", [steps as usize, 0, 3])
            .label("softmax_label", [0]))
    }
}

fn plan(
    sym_gen: impl Fn(u32) -> Result<Net, Error>,
    steps: u32,
    train: Train,
    max_norm: Option<f32>,
) -> Result<PlanFile, Error> {
    let bucketing = Bucketing::new(sym_gen)
        .bucket_keys([steps])
        .batch_size(2)
        .train(train);
    match max_norm {
        Some(max_norm) => bucketing.clip_global_norm(max_norm).plan(),
        None => bucketing.plan(),
    }
}

/// The change of every weight in a first step with learning rate 1: the momentum after it.
fn changes(file: &PlanFile, values: &Persistent, sample: &Sample) -> Vec<Vec<f32>> {
    run::bound(file, values, |module| {
        let plain = Sgd {
            learning_rate: 1.0,
            momentum: 0.9,
            wd: 0.0,
            rescale_grad: Some(1.0),
            clip_gradient: None,
        };
        module.init_optimizer(plain).expect("an optimizer");
        run::train(file, module, sample, true);
        let change = |index| module.optimizer_state(index).expect("momentum").to_vec();
        (0..file.params.len()).map(change).collect()
    })
}

fn norm(gradients: &[Vec<f64>]) -> f64 {
    let squares = gradients.iter().flatten().map(|g| g * g);
    squares.sum::<f64>().sqrt()
}

fn wide(values: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let wide = |values: &Vec<f32>| values.iter().map(|value| f64::from(*value)).collect();
    values.iter().map(wide).collect()
}

/// Ours is minus the gradient times max_norm / norm, within `bound` of the largest change.
fn scaled(
    ours: &[Vec<f32>],
    gradients: &[Vec<f64>],
    max_norm: f64,
    bound: f64,
) -> Result<(), String> {
    let scale = (max_norm / (norm(gradients) + 1e-8)).min(1.0);
    let largest = gradients
        .iter()
        .flatten()
        .fold(0.0, |max: f64, g| max.max(g.abs()));
    for (ours, gradient) in ours.iter().flatten().zip(gradients.iter().flatten()) {
        let off = (f64::from(*ours) + scale * gradient).abs();
        if off > bound * scale * largest {
            return Err(format!("{ours} for {}", -scale * gradient));
        }
    }
    Ok(())
}

/// The change by the gradients of the plan-free interpreter in f64: within 1e-5 of the largest, f32's rounding in some
/// hundred operations.
#[test]
fn clipped_changes_are_those_of_the_interpreter() {
    for mode in [Mode::Lstm, Mode::Gru, Mode::RnnTanh] {
        let sym_gen = recurrent(mode, 5);
        let held = plan(&sym_gen, 6, Train::Held, None).expect("a plan");
        let mut rng = Rng::new(31);
        let values = Persistent::random(&held, &mut rng);
        let sample = Sample::random(&held, 0, &mut rng);
        let net = sym_gen(6).expect("a network");
        let args = twin::args(&held, &values, &sample);
        let masks = masks(&net, 2);
        let outputs = twin::forward(&net, &args, Some(&masks));
        let heads = twin::head_grads(&net, &outputs, &sample, &[], &[]);
        let names: Vec<&str> = held.params.iter().map(|own| own.name.as_str()).collect();
        let mode = Interpreted::Train { masks: &masks };
        let grads = tinpail_interp::numeric_grads(&net, &args, &names, mode, &heads);
        let grads = grads.expect("gradients");
        let grads: Vec<Vec<f64>> = names.iter().map(|name| grads[*name].data.clone()).collect();
        for max_norm in [0.25 * norm(&grads), 4.0 * norm(&grads)] {
            for train in [Train::Held, Train::Fused] {
                let file = plan(&sym_gen, 6, train, Some(max_norm as f32)).expect("a plan");
                assert_eq!(file.report.grad_bytes > 0, train == Train::Held);
                let ours = changes(&file, &values, &sample);
                let done = scaled(&ours, &grads, max_norm, 1e-5);
                done.unwrap_or_else(|error| panic!("{train:?} {max_norm}: {error}"));
            }
        }
    }
}

/// Every operator, and weights that several places read: Held and Fused are within 1e-5 of the largest change, by the norm
/// of the unclipped plan's gradients, summed in f64.
#[test]
fn random_networks_are_clipped_alike() {
    let (mut clipped, mut ways) = (0, Vec::new());
    for seed in 0..u64::from(cases(60)) {
        let mut rng = Rng::new(seed);
        let batch = 1 + rng.below(3);
        let net = grow(&mut rng, 10, batch);
        let bucketing = |train| {
            Bucketing::new(|_| Ok(net.clone()))
                .bucket_keys([1])
                .batch_size(batch)
                .train(train)
        };
        let Ok(held) = bucketing(Train::Held).plan() else {
            continue;
        };
        let values = Persistent::random(&held, &mut rng);
        let sample = Sample::random(&held, 0, &mut rng);
        let gradients: Vec<Vec<f64>> = wide(&changes(&held, &values, &sample))
            .into_iter()
            .map(|values| values.into_iter().map(|value| -value).collect())
            .collect();
        let whole = norm(&gradients);
        if !(1e-3..1e6).contains(&whole) {
            continue;
        }
        let max_norm = 0.3 * whole;
        for (train, saved) in [
            (Train::Held, Saved::F32),
            (Train::Fused, Saved::F32),
            (Train::Fused, Saved::F16),
        ] {
            let file = bucketing(train)
                .clip_global_norm(max_norm as f32)
                .saved_activations(saved)
                .plan()
                .unwrap_or_else(|error| panic!("seed {seed} {train:?}: {error}"));
            let norms = &file.report.buckets[0]
                .train
                .as_ref()
                .expect("it trains")
                .norms;
            ways.extend(norms.iter().map(|norm| norm.by));
            let ours = changes(&file, &values, &sample);
            if saved == Saved::F32 {
                let done = scaled(&ours, &gradients, max_norm, 1e-5);
                done.unwrap_or_else(|error| panic!("seed {seed} {train:?}: {error}"));
            }
            // Whatever the gradient is, its norm is what was asked for.
            let off = (norm(&wide(&ours)) / max_norm - 1.0).abs();
            assert!(
                saved == Saved::F16 || off < 1e-5,
                "seed {seed} {train:?}: {off}"
            );
            clipped += 1;
        }
    }
    assert!(clipped > 60, "{clipped}");
    for by in [NormBy::Buffer, NormBy::Pairs, NormBy::SecondPass] {
        assert!(ways.contains(&by), "{by:?}");
    }
}

#[test]
fn a_norm_below_the_limit_changes_no_bit() {
    let sym_gen = recurrent(Mode::Lstm, 5);
    let plain = plan(&sym_gen, 6, Train::Fused, None).expect("a plan");
    let clipping = plan(&sym_gen, 6, Train::Fused, Some(1e6)).expect("a plan");
    let mut rng = Rng::new(4);
    let values = Persistent::random(&plain, &mut rng);
    let sample = Sample::random(&plain, 0, &mut rng);
    let [plain, clipping] = [&plain, &clipping].map(|file| changes(file, &values, &sample));
    assert!(plain == clipping);
}

/// Gradients whose squares are beyond f32: the update is refused, and no weight moves.
#[test]
fn a_norm_that_is_not_finite_refuses_the_update() {
    let refused = Err(UpdateError::NotFinite);
    for (train, max_norm, expected) in [
        (Train::Held, Some(1.0), refused),
        (Train::Fused, Some(1.0), refused),
        (Train::Fused, None, Ok(())),
    ] {
        let file = plan(recurrent(Mode::RnnRelu, 5), 3, train, max_norm).expect("a plan");
        let mut rng = Rng::new(4);
        let values = Persistent::random(&file, &mut rng);
        run::bound(&file, &values, |module| {
            let data = [1e25f32; 18];
            let data = [Tensor::F32(&data)];
            let label = [Tensor::U16(&[1, 2])];
            let batch = Batch::new(BucketIndex(0), &data).with_label(&label);
            let before = run::persistent_bits(&file, module);
            let mut session = module.session();
            session.forward(batch, true).expect("forward");
            session.backward().expect("backward");
            assert_eq!(session.update(), expected, "{train:?}");
            drop(session);
            let stayed = run::persistent_bits(&file, module) == before;
            assert_eq!(stayed, expected.is_err(), "{train:?}");
        });
    }
}

/// Few steps go by pairs, many by a second pass: 2 T rows of 40 deltas and 10 states.
#[test]
fn the_report_says_which_and_why() {
    let by = |steps, train| {
        let file = plan(recurrent(Mode::Lstm, 10), steps, train, Some(1.0)).expect("a plan");
        let text = report::table(&file);
        assert!(text.contains("clip_global_norm, bucket"), "{text}");
        let train = file.report.buckets[0].train.clone().expect("it trains");
        train.norms
    };
    for norm in by(4, Train::Held) {
        assert_eq!((norm.by, norm.multiplications), (NormBy::Buffer, None));
    }
    let recurrent = |steps| {
        let norms = by(steps, Train::Fused).into_iter();
        let mut norms = norms.filter(|norm| norm.param == "rnn_parameters");
        // x: 3 channels, then h: 10.
        (norms.next().expect("x"), norms.next().expect("h"))
    };
    let (x, h) = recurrent(4);
    assert_eq!(
        (x.by, x.multiplications),
        (NormBy::SecondPass, Some([1548, 960]))
    );
    assert_eq!(
        (h.by, h.multiplications),
        (NormBy::Pairs, Some([1050, 2400]))
    );
    let (x, h) = recurrent(40);
    assert_eq!(x.by, NormBy::SecondPass);
    assert_eq!(h.by, NormBy::SecondPass);
}

#[test]
fn what_cannot_be_clipped_is_refused() {
    let refused = |bucketing: Bucketing<_>| {
        let error = bucketing.bucket_keys([2]).plan().expect_err("refused");
        assert!(error.to_string().contains("clip_global_norm"), "{error}");
    };
    for max_norm in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        refused(Bucketing::new(recurrent(Mode::Gru, 2)).clip_global_norm(max_norm));
    }
    let none = Bucketing::new(recurrent(Mode::Gru, 2)).train(Train::None);
    refused(none.clip_global_norm(1.0));
    let compressed = Bucketing::new(recurrent(Mode::Gru, 2))
        .train(Train::Held)
        .compression_params(Compression::TwoBit { threshold: 0.5 });
    refused(compressed.clip_global_norm(1.0));
}
