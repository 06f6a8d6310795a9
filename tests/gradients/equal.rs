//! What must not change a bit.

use tinpail::plan::Kernel;
use tinpail_plan::{GradReq, PlanFile, ProductsKind, Train};

use crate::common::rng::Rng;
use crate::common::run::{self, Module};
use crate::common::values::{Persistent, Sample};
use crate::row::{How, RECIPES, Row};
use crate::rows::for_every_row;

/// Two buckets; even, for the rows that halve their steps.
const KEYS: [u32; 2] = [2, 4];

fn how(batch_size: usize, train: Train) -> How {
    How {
        batch_size,
        train,
        share_memory: true,
        products: ProductsKind::Separate,
        limit: None,
    }
}

/// What a row is run on: the same values for every plan of it.
struct Case {
    values: Persistent,
    /// Batches of both buckets, in turn.
    samples: Vec<Sample>,
}

impl Case {
    fn random(row: &Row, file: &PlanFile, batch_size: usize) -> Self {
        let mut rng = Rng::named(&row.name, 100 + batch_size as u64);
        let values = Persistent::random(file, &mut rng);
        let buckets = [1, 0, 1];
        let samples = buckets.map(|bucket| Sample::random(file, bucket, &mut rng));
        Case {
            values,
            samples: samples.into(),
        }
    }
}

type Bits = Vec<(String, Vec<u32>)>;

/// Three steps; what is there after each, and outputs and input gradients of each.
fn three_steps(file: &PlanFile, case: &Case) -> (Vec<Bits>, Vec<Vec<Vec<u32>>>) {
    run::bound(file, &case.values, |module| {
        let mut persistent = Vec::new();
        let mut steps = Vec::new();
        for sample in &case.samples {
            let mut step = run::train(file, module, sample, true);
            step.grads.clear();
            steps.push(step.bits());
            persistent.push(run::persistent_bits(file, module));
        }
        (persistent, steps)
    })
}

#[test]
fn fused_updates_and_whole_steps_give_the_bits_of_held_gradients() {
    for_every_row(|row, batch_size| {
        for &products in RECIPES {
            let how = |train| How {
                products,
                ..how(batch_size, train)
            };
            let held = row.plan(&KEYS, how(Train::Held));
            let case = Case::random(row, &held, batch_size);
            let (held_bits, held_steps) = three_steps(&held, &case);
            for train in [Train::Fused, Train::Step] {
                let other = row.plan(&KEYS, how(train));
                let (bits, steps) = three_steps(&other, &case);
                let what = format!("{}, batch {batch_size}, {train:?}, {products:?}", row.name);
                assert_eq!(held_steps, steps, "{what}: outputs, input gradients");
                for (step, (held, own)) in held_bits.iter().zip(&bits).enumerate() {
                    for (held, own) in held.iter().zip(own) {
                        assert_eq!(held, own, "{what}, after step {step}");
                    }
                }
            }
        }
    });
}

#[test]
fn shared_memory_gives_the_bits_of_memory_of_its_own() {
    for_every_row(|row, batch_size| {
        for train in [Train::Held, Train::Fused, Train::Step] {
            let how = how(batch_size, train);
            let shared = row.plan(&KEYS, how);
            let apart = How {
                share_memory: false,
                ..how
            };
            let apart = row.plan(&KEYS, apart);
            let case = Case::random(row, &shared, batch_size);
            let what = format!("{}, batch {batch_size}, {train:?}", row.name);
            assert_eq!(
                three_steps(&shared, &case),
                three_steps(&apart, &case),
                "{what}"
            );
            assert!(shared.plan.arena_len <= apart.plan.arena_len, "{what}");
        }
    });
}

/// What is made again has the bits of what was kept. Only a recurrent layer that is cut into segments of steps adds the
/// same products of a weight in another order.
#[test]
fn the_smallest_plan_gives_the_bits_of_the_plain_one() {
    let again = std::cell::Cell::new(0);
    for_every_row(|row, batch_size| {
        // Each of these is a search, of some hundred programs: two of the three for each size of a batch.
        let trains = match batch_size {
            1 => [Train::Fused, Train::Step],
            _ => [Train::Step, Train::Held],
        };
        for train in trains {
            let how = how(batch_size, train);
            let plain = row.plan(&KEYS, how);
            let small = row.smallest(&KEYS, how);
            let what = format!("{}, batch {batch_size}, {train:?}", row.name);
            assert!(small.plan.arena_len <= plain.plan.arena_len, "{what}");
            let programs = small.report.buckets.iter().flat_map(|own| &own.train);
            let recomputed: Vec<_> = programs.filter_map(|own| own.recomputed).collect();
            again.set(again.get() + usize::from(small.plan.arena_len < plain.plan.arena_len));
            let case = Case::random(row, &plain, batch_size);
            let (plain_bits, plain_steps) = three_steps(&plain, &case);
            let (bits, steps) = three_steps(&small, &case);
            if recomputed.iter().all(|own| own.steps.is_none()) {
                assert_eq!(plain_steps, steps, "{what}: outputs, input gradients");
                assert_eq!(plain_bits, bits, "{what}");
                continue;
            }
            for ((name, plain), (_, own)) in plain_bits.iter().flatten().zip(bits.iter().flatten())
            {
                let pairs = plain.iter().zip(own);
                for (plain, own) in pairs.map(|(a, b)| (f32::from_bits(*a), f32::from_bits(*b))) {
                    // A handful of products in another order, three times.
                    let off = (plain - own).abs();
                    assert!(
                        off <= 1e-5 * plain.abs().max(0.1),
                        "{what}, {name}: {plain} {own}"
                    );
                }
            }
        }
    });
    assert!(again.get() > 20, "only {} plans got smaller", again.get());
}

/// Visits of both buckets, inference and training without update, that must leave no trace. A backward moves the
/// statistics of BatchNorm: `trains` says whether there may be one.
fn wander(
    file: &PlanFile,
    module: &mut Module<'_>,
    samples: &[Sample],
    rng: &mut Rng,
    trains: bool,
) {
    for _ in 0..rng.below(4) {
        let sample = &samples[rng.below(samples.len())];
        match rng.below(2) {
            1 if trains => run::train(file, module, sample, false),
            _ => run::infer(file, module, sample),
        };
    }
}

/// Whether backward moves anything that outlives it.
fn has_moving_statistics(file: &PlanFile) -> bool {
    let mut calls = file.plan.calls.iter();
    calls.any(|call| call.kernel == Kernel::BatchNormFollow)
}

#[test]
fn the_order_of_visits_does_not_matter() {
    for_every_row(|row, batch_size| {
        // A visit for training is a step of Dropout's masks.
        if row.name.contains("dropout") || row.name.contains("p 0.4") {
            return;
        }
        let file = row.plan(&KEYS, how(batch_size, Train::Fused));
        let case = Case::random(row, &file, batch_size);
        let what = format!("{}, batch {batch_size}", row.name);
        let (straight, _) = three_steps(&file, &case);
        let mut rng = Rng::named(&row.name, 200);
        let trains = !has_moving_statistics(&file);
        run::bound(&file, &case.values, |module| {
            for (step, sample) in case.samples.iter().enumerate() {
                wander(&file, module, &case.samples, &mut rng, trains);
                run::train(&file, module, sample, true);
                wander(&file, module, &case.samples, &mut rng, trains);
                let wandered = run::persistent_bits(&file, module);
                assert_eq!(straight[step], wandered, "{what}, after step {step}");
            }
        });
        // Inference of each batch alone, and of all in reverse, on a fresh module.
        let alone: Vec<_> = (case.samples.iter())
            .map(|sample| {
                run::bound(&file, &case.values, |module| {
                    run::infer(&file, module, sample).bits()
                })
            })
            .collect();
        run::bound(&file, &case.values, |module| {
            for (sample, alone) in case.samples.iter().zip(&alone).rev() {
                assert_eq!(run::infer(&file, module, sample).bits(), *alone, "{what}");
            }
        });
    });
}

/// `grad_req = add`: backwards of both buckets add up until they are zeroed, update or not.
#[test]
fn added_gradients_are_the_sum() {
    for_every_row(|row, batch_size| {
        let how = how(batch_size, Train::Held);
        let write = row.plan(&KEYS, how);
        let add = row.plan_with(&KEYS, how, GradReq::Add);
        let case = Case::random(row, &write, batch_size);
        let what = format!("{}, batch {batch_size}", row.name);
        let written = run::bound(&write, &case.values, |module| {
            let steps = case.samples.iter();
            steps
                .map(|sample| run::train(&write, module, sample, false).grads)
                .collect::<Vec<_>>()
        });
        run::bound(&add, &case.values, |module| {
            module
                .init_optimizer(tinpail::optim::Sgd {
                    learning_rate: 0.0,
                    ..run::SGD
                })
                .expect("an optimizer");
            for round in 0..2 {
                let mut sums: Vec<Option<Vec<f64>>> = Vec::new();
                for grad in &written[0] {
                    sums.push(grad.as_ref().map(|grad| vec![0.0; grad.len()]));
                }
                for (step, (sample, written)) in case.samples.iter().zip(&written).enumerate() {
                    // Masks follow from the number of the step; the second round has others.
                    if round == 1 && (row.name.contains("dropout") || row.name.contains("p 0.4")) {
                        continue;
                    }
                    let added = run::train(&add, module, sample, step == 1).grads;
                    for ((sum, written), added) in sums.iter_mut().zip(written).zip(&added) {
                        let (Some(sum), Some(written), Some(added)) = (sum, written, added) else {
                            assert!(added.is_none(), "{what}");
                            continue;
                        };
                        for ((sum, written), added) in sum.iter_mut().zip(written).zip(added) {
                            *sum += f64::from(*written);
                            // Three sums of f32 that are below 10 or so, each rounded on its own.
                            let off = (f64::from(*added) - *sum).abs();
                            assert!(off <= 1e-5 + 1e-6 * sum.abs(), "{what}: {added} {sum}");
                        }
                    }
                }
                module.zero_grads();
                for index in module.trainable() {
                    let grad = module.get_grads(index).expect("a gradient");
                    assert!(grad.iter().all(|value| *value == 0.0), "{what}");
                }
            }
        });
    });
}
