//! Fused and held gradients give the same bits; an overflow is reported, and repaired with a clean state.

use tinpail::error::{ForwardError, StepError, UpdateError};
use tinpail::optim::Optimizer;
use tinpail_plan::{Optimizer as Planned, Train};

use crate::every::{Each, bound, for_each, plan, remembered, with_batch};
use crate::net::{LONG, SHORT};

struct FusedIsHeld;

impl Each for FusedIsHeld {
    fn one<O: Optimizer + Clone>(&self, planned: Planned, optimizer: O) {
        let steps = |train: Train| {
            let file = plan(planned, train);
            bound(&file, optimizer.clone(), |module| {
                let mut after = vec![remembered(&file, module)];
                for bucket in [LONG, SHORT, LONG] {
                    with_batch(&file, bucket, |batch| module.train_step(&batch)).expect("a step");
                    after.push(remembered(&file, module));
                }
                after
            })
        };
        let (fused, held) = (steps(Train::Fused), steps(Train::Held));
        for (step, (fused, held)) in fused.iter().zip(&held).enumerate() {
            assert_eq!(fused, held, "{planned:?}, after step {step}");
        }
        for (step, pair) in fused.windows(2).enumerate() {
            assert_ne!(
                pair[0][1..],
                pair[1][1..],
                "{planned:?}, step {step} moves nothing"
            );
        }
    }
}

#[test]
fn a_fused_update_gives_the_bits_of_held_gradients() {
    for_each(&FusedIsHeld);
}

struct Overflows;

impl Each for Overflows {
    fn one<O: Optimizer + Clone>(&self, planned: Planned, optimizer: O) {
        if O::SCHEDULED {
            return;
        }
        for train in [Train::Fused, Train::Held] {
            let file = plan(planned, train);
            let what = format!("{planned:?}, {train:?}");
            bound(&file, optimizer.clone(), |module| {
                let step = |module: &mut crate::every::Module<'_, O>| {
                    with_batch(&file, LONG, |batch| module.train_step(&batch))
                };
                let fresh = remembered(&file, module);
                let params: Vec<Vec<f32>> = module
                    .trainable()
                    .map(|index| module.get_params(index).expect("a parameter").to_vec())
                    .collect();
                step(module).expect("a good step");
                let mut wild = optimizer.clone();
                let mut common = wild.common();
                common.learning_rate = f32::MAX;
                common.rescale_grad = Some(1e30);
                common.clip_gradient = None;
                wild.set_common(common);
                module.init_optimizer(wild).expect("finite numbers");
                // A sign moves a weight by the learning rate, and it takes two of the largest to overflow.
                let refused = (0..3).find_map(|_| step(module).err());
                let overflow = StepError::Update(UpdateError::Overflow);
                assert_eq!(refused, Some(overflow), "{what}");
                assert!(module.is_poisoned());
                let poisoned = StepError::Forward(ForwardError::Poisoned);
                assert_eq!(step(module), Err(poisoned), "{what}");

                let params: Vec<&[f32]> = params.iter().map(Vec::as_slice).collect();
                module.set_all_params(&params).expect("they fit");
                let repaired = remembered(&file, module);
                assert_eq!(repaired[1..], fresh[1..], "{what}: parameters and state");
                // The numbers of the first run: the same step as then.
                module
                    .init_optimizer(optimizer.clone())
                    .expect("an optimizer");
                step(module).expect("a step");
                let again = remembered(&file, module);
                let first = bound(&file, optimizer.clone(), |module| {
                    step(module).expect("a step");
                    remembered(&file, module)
                });
                assert_eq!(again[1..], first[1..], "{what}: a step after the repair");
            });
        }
    }
}

#[test]
fn an_overflow_is_reported_and_its_repair_clears_the_state() {
    for_each(&Overflows);
}
