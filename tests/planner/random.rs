//! Any network of the supported operators is planned: the validator accepts the plan, sharing memory changes
//! no bit, nor do loops, a fused update gives the bits of held gradients, and the numbers are those of the interpreter.
//!
//! `TINPAIL_CASES` sets the number of networks, `TINPAIL_SEED` which: the cases of a seed are the same in every run.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestRng, TestRunner};
use tinpail_interp::{Mode, Tensor, Tensors};
use tinpail_plan::{Bucketing, Error, Net, PlanFile, Roll, Saved, Train};

use crate::common::masks::masks;
use crate::common::rng::Rng;
use crate::common::values::{Persistent, Sample};
use crate::common::{cases, run, twin};
use crate::graph::grow;

/// What proptest shrinks.
#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    nodes: usize,
    batch: usize,
    roll: Roll,
}

impl Case {
    fn net(&self) -> Net {
        grow(&mut Rng::new(self.seed), self.nodes, self.batch)
    }

    /// With shared memory and loops, or with one buffer for each tensor and one call after the other.
    fn plan(&self, net: &Net, train: Train, share_memory: bool) -> Result<PlanFile, Error> {
        self.bucketing(net, train, share_memory).plan()
    }

    fn bucketing(
        &self,
        net: &Net,
        train: Train,
        share_memory: bool,
    ) -> Bucketing<impl Fn(u32) -> Result<Net, Error>> {
        Bucketing::new(|_| Ok(net.clone()))
            .bucket_keys([1])
            .batch_size(self.batch)
            .train(train)
            .inputs_need_grad(train != Train::None)
            .share_memory(share_memory)
            .roll(if share_memory { self.roll } else { Roll::Off })
    }

    /// Within the smallest limit that the planner can keep.
    fn smallest(&self, net: &Net, train: Train) -> Result<PlanFile, Error> {
        let with = |limit| {
            self.bucketing(net, train, true)
                .ram_limit_bytes(limit)
                .plan()
        };
        match with(0) {
            Err(Error::RamLimit { needed, .. }) => with(needed),
            other => other,
        }
    }
}

fn strategy(nodes: std::ops::Range<usize>) -> impl Strategy<Value = Case> {
    let roll = prop_oneof![Just(Roll::Free), Just(Roll::Fully)];
    (any::<u64>(), nodes, 1usize..4, roll).prop_map(|(seed, nodes, batch, roll)| Case {
        seed,
        nodes,
        batch,
        roll,
    })
}

#[track_caller]
fn for_cases(
    count: u32,
    nodes: std::ops::Range<usize>,
    check: impl Fn(&Case) -> Result<(), TestCaseError>,
) {
    let config = Config {
        cases: cases(count),
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        max_global_rejects: 1 << 20,
        ..Config::default()
    };
    let rng = match std::env::var("TINPAIL_SEED") {
        Err(_) => TestRng::deterministic_rng(RngAlgorithm::ChaCha),
        Ok(seed) => {
            let seed: u64 = seed.parse().expect("TINPAIL_SEED is a number");
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&seed.to_le_bytes());
            TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
        }
    };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let begun = std::time::Instant::now();
    let passed = std::cell::Cell::new(0u32);
    let outcome = runner.run(&strategy(nodes), |case| {
        check(&case)?;
        passed.set(passed.get() + 1);
        if passed.get().is_multiple_of(10_000) {
            eprintln!("{} networks, {:.0?}", passed.get(), begun.elapsed());
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// What the planner refuses by its documentation: one value as two different inputs of one call.
fn is_documented(error: &Error) -> bool {
    let Error::Symbol { what, .. } = error else {
        return false;
    };
    what.contains("read as two different inputs")
}

fn planned(case: &Case, net: &Net, train: Train, share: bool) -> Result<PlanFile, TestCaseError> {
    case.plan(net, train, share).map_err(|error| match error {
        error if is_documented(&error) => TestCaseError::reject("one value as two inputs"),
        error => TestCaseError::fail(format!("{train:?}: {error}")),
    })
}

/// Two steps and an inference; what they gave and left.
fn steps(file: &PlanFile, values: &Persistent, samples: &[Sample]) -> Vec<Vec<u32>> {
    run::bound(file, values, |module| {
        let mut all = Vec::new();
        for sample in samples {
            let mut step = run::train(file, module, sample, true);
            step.grads.clear();
            all.extend(step.bits());
            all.extend(
                run::persistent_bits(file, module)
                    .into_iter()
                    .map(|(_, bits)| bits),
            );
        }
        all.extend(run::infer(file, module, &samples[0]).bits());
        all
    })
}

#[test]
fn plans_share_memory_and_fuse_updates_without_changing_a_bit() {
    let loops = std::cell::Cell::new(0);
    for_cases(400, 1..24, |case| {
        let net = case.net();
        let held = planned(case, &net, Train::Held, true)?;
        loops.set(loops.get() + held.plan.loops.len());
        let mut rng = Rng::new(case.seed ^ 1);
        let values = Persistent::random(&held, &mut rng);
        let samples = [0, 0].map(|bucket| Sample::random(&held, bucket, &mut rng));
        let expected = steps(&held, &values, &samples);
        for (train, share) in [
            (Train::Held, false),
            (Train::Fused, true),
            (Train::Fused, false),
            (Train::Step, true),
            (Train::Step, false),
        ] {
            let file = planned(case, &net, train, share)?;
            let equal = steps(&file, &values, &samples) == expected;
            prop_assert!(equal, "{:?}, share_memory {}", train, share);
        }
        // Stored as f16 it is another network, which must not depend on where things lie either.
        let stored = |share| {
            let bucketing = case.bucketing(&net, Train::Fused, share);
            let file = bucketing.saved_activations(Saved::F16).plan();
            file.map(|file| steps(&file, &values, &samples))
                .map_err(|error| TestCaseError::fail(format!("f16: {error}")))
        };
        prop_assert!(stored(true)? == stored(false)?, "f16");
        let inference = planned(case, &net, Train::None, true)?;
        let outputs = |file: &PlanFile| {
            run::bound(file, &values, |module| {
                run::infer(file, module, &samples[0]).bits()
            })
        };
        prop_assert_eq!(outputs(&inference), outputs(&held));
        Ok(())
    });
    assert!(loops.get() > 0, "no network had a loop");
}

/// What a limit makes anew has the bits of what is kept, unless a recurrent layer was cut: then the products of a weight
/// are added in another order.
#[test]
fn limits_change_no_bit() {
    let smaller = std::cell::Cell::new(0);
    for_cases(150, 1..16, |case| {
        let net = case.net();
        for train in [Train::Fused, Train::Held, Train::Step] {
            let plain = planned(case, &net, train, true)?;
            let small = case.smallest(&net, train);
            let small = small.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert!(small.plan.arena_len <= plain.plan.arena_len);
            let own = small.report.buckets[0].train.as_ref();
            let own = own.and_then(|own| own.recomputed);
            smaller.set(smaller.get() + usize::from(own.is_some()));
            if own.is_some_and(|own| own.steps.is_some()) {
                continue;
            }
            let mut rng = Rng::new(case.seed ^ 3);
            let values = Persistent::random(&plain, &mut rng);
            let samples = [0, 0].map(|bucket| Sample::random(&plain, bucket, &mut rng));
            let expected = steps(&plain, &values, &samples);
            prop_assert_eq!(steps(&small, &values, &samples), expected, "{:?}", train);
        }
        Ok(())
    });
    assert!(smaller.get() > 30, "only {} became smaller", smaller.get());
}

/// The placement of a program against its lower bound, and against no sharing at all.
#[test]
fn placements_are_at_or_near_the_lower_bound() {
    let optimal = std::cell::Cell::new(0u32);
    let programs = std::cell::Cell::new(0u32);
    for_cases(400, 4..24, |case| {
        let net = case.net();
        let case = &Case {
            roll: Roll::Free,
            ..case.clone()
        };
        for train in [Train::Held, Train::Fused] {
            let file = planned(case, &net, train, true)?;
            let apart = planned(case, &net, train, false)?;
            prop_assert!(file.plan.arena_len <= apart.plan.arena_len);
            for bucket in &file.report.buckets {
                for program in bucket.train.iter().chain([&bucket.infer]) {
                    let (peak, bound) = (program.peak_bytes, program.lower_bound_bytes);
                    prop_assert!(peak >= bound);
                    prop_assert!(4 * peak <= 5 * bound, "{} against {}", peak, bound);
                    programs.set(programs.get() + 1);
                    optimal.set(optimal.get() + u32::from(peak == bound));
                }
            }
        }
        Ok(())
    });
    let (optimal, programs) = (optimal.get(), programs.get());
    assert!(100 * optimal >= 95 * programs, "{optimal} of {programs}");
}

/// Ours is close to theirs in units of the largest value of the tensor.
///
/// A random network can be badly conditioned: x^8, or a small difference of large values. Its values are
/// kept below 30 by rejecting others, and then f32's 6e-8 grows at most by the products of a dozen
/// operators: 1e-4 of the largest value of a tensor is wide enough for all, and a wrong term of a gradient
/// is off by a good part of that value.
fn close(what: &str, ours: &[f32], theirs: &Tensor) -> Result<(), TestCaseError> {
    prop_assert_eq!(ours.len(), theirs.data.len(), "{}: length", what);
    let largest = theirs
        .data
        .iter()
        .fold(0.1, |max: f64, value| max.max(value.abs()));
    for (at, (ours, theirs)) in ours.iter().zip(&theirs.data).enumerate() {
        let off = (f64::from(*ours) - theirs).abs();
        prop_assert!(
            off <= 1e-4 * largest,
            "{}[{}]: {} against {}",
            what,
            at,
            ours,
            theirs
        );
    }
    Ok(())
}

fn tame(tensors: &[Tensor]) -> Result<(), TestCaseError> {
    let wild = |tensor: &Tensor| tensor.data.iter().any(|value| value.abs() > 30.0);
    match tensors.iter().any(wild) {
        true => Err(TestCaseError::reject("values that are too large")),
        false => Ok(()),
    }
}

/// The outputs and gradients of the interpreter.
fn numeric(
    net: &Net,
    file: &PlanFile,
    args: &Tensors,
    sample: &Sample,
    masks: &Tensors,
) -> Result<(Vec<Tensor>, Tensors), TestCaseError> {
    let outputs = twin::forward(net, args, Some(masks));
    tame(&outputs)?;
    let heads = twin::head_grads(net, &outputs, sample, &[], &[]);
    let params = file.params.iter().map(|own| own.name.as_str());
    let data = file.buckets[0]
        .data_shapes
        .iter()
        .map(|own| own.name.as_str());
    let names: Vec<&str> = params.chain(data).collect();
    let mode = Mode::Train { masks };
    let grads = tinpail_interp::numeric_grads(net, args, &names, mode, &heads);
    let grads = grads.map_err(|error| TestCaseError::fail(error.to_string()))?;
    tame(&grads.values().cloned().collect::<Vec<_>>())?;
    Ok((outputs, grads))
}

#[test]
fn random_networks_have_the_gradients_of_the_interpreter() {
    for_cases(300, 1..12, |case| {
        let net = case.net();
        let file = planned(case, &net, Train::Held, true)?;
        let mut rng = Rng::new(case.seed ^ 2);
        let values = Persistent::random(&file, &mut rng);
        let sample = Sample::random(&file, 0, &mut rng);
        let args = twin::args(&file, &values, &sample);
        let masks = masks(&net, case.batch);
        let (outputs, grads) = numeric(&net, &file, &args, &sample, &masks)?;
        let step = run::bound(&file, &values, |module| {
            run::train(&file, module, &sample, false)
        });
        for (head, (ours, theirs)) in step.outputs.iter().zip(&outputs).enumerate() {
            close(&format!("head {head}"), ours, theirs)?;
        }
        for (own, grad) in file.params.iter().zip(&step.grads) {
            let ours = grad.as_ref().expect("a gradient");
            close(
                &format!("gradient of {}", own.name),
                ours,
                &grads[&own.name],
            )?;
        }
        let data = file.buckets[0].data_shapes.iter().zip(&step.input_grads);
        for (own, ours) in data {
            close(
                &format!("gradient of {}", own.name),
                ours,
                &grads[&own.name],
            )?;
        }
        Ok(())
    });
}
