//! Calls in the wrong order.

use tinpail::error::{AccessError, BackwardError, ForwardError, NoBucket, StepError, UpdateError};
use tinpail::exec::Fault;
use tinpail::plan::{Call, Rows, Step, Work};
use tinpail::{Batch, BucketIndex, Session, Tensor};
use tinpail_plan::plan_file::PlanBuf;
use tinpail_plan::symbol::FullyConnected;
use tinpail_plan::{Bucketing, Net, PlanFile, Symbols, Train};

use crate::common::run::{self, Module, bits};
use crate::common::values::{Input, Persistent};
use crate::net::{self, LONG, SHORT};

type Model<'p> = tinpail::Registry<'p, tinpail::optim::Sgd>;

/// Runs `steps` on the arena with a good batch of each bucket, and gives what the arena holds at the end.
fn arena_of(
    file: &PlanFile,
    steps: impl FnOnce(&mut Session<'_, '_, '_, Model<'_>>, [Batch<'static>; 2]),
) -> Vec<u32> {
    let batches = [SHORT, LONG].map(|bucket| leaked(file, bucket));
    net::arena_after(file, |module| steps(&mut module.session(), batches))
}

/// A batch that lives as long as the test process, so that any session can borrow it.
fn leaked(file: &PlanFile, bucket: BucketIndex) -> Batch<'static> {
    let sample = net::sample(file, bucket);
    let leak = |inputs: Vec<Input>| -> &'static [Tensor<'static>] {
        let inputs: &'static [Input] = inputs.leak();
        let tensors: Vec<Tensor<'static>> = inputs.iter().map(Input::tensor).collect();
        tensors.leak()
    };
    Batch::new(bucket, leak(sample.data)).with_label(leak(sample.labels))
}

fn trains() -> [PlanFile; 2] {
    [net::plan(Train::Fused), net::plan(Train::Held)]
}

#[test]
fn backward_before_forward() {
    for file in trains() {
        let fresh = arena_of(&file, |_, _| {});
        let refused = arena_of(&file, |session, _| {
            assert_eq!(session.backward(), Err(BackwardError::NoForward));
        });
        assert_eq!(refused, fresh);
    }
}

#[test]
fn backward_after_an_inference() {
    for file in trains() {
        let inferred = arena_of(&file, |session, [short, _]| {
            session.forward(short, false).expect("forward");
        });
        let refused = arena_of(&file, |session, [short, _]| {
            session.forward(short, false).expect("forward");
            assert_eq!(session.backward(), Err(BackwardError::NoForward));
        });
        assert_eq!(refused, inferred);
        // Also if a training forward came before it.
        arena_of(&file, |session, [short, _]| {
            session.forward(short, true).expect("forward");
            session.forward(short, false).expect("forward");
            assert_eq!(session.backward(), Err(BackwardError::NoForward));
        });
    }
}

#[test]
fn backward_after_another_buckets_forward() {
    for file in trains() {
        let inferred = arena_of(&file, |session, [short, long]| {
            session.forward(short, true).expect("forward");
            session.forward(long, false).expect("forward");
        });
        let refused = arena_of(&file, |session, [short, long]| {
            session.forward(short, true).expect("forward");
            session.forward(long, false).expect("forward");
            session.switch_bucket(SHORT).expect("a bucket");
            assert_eq!(session.backward(), Err(BackwardError::NoForward));
        });
        assert_eq!(refused, inferred);
        // A training forward of the other bucket stands for that one only.
        arena_of(&file, |session, [short, long]| {
            session.forward(short, true).expect("forward");
            session.forward(long, true).expect("forward");
            session.switch_bucket(SHORT).expect("a bucket");
            let error = BackwardError::OtherBucket {
                forward: LONG,
                current: SHORT,
            };
            assert_eq!(session.backward(), Err(error));
        });
    }
}

#[test]
fn backward_after_switch_bucket() {
    for file in trains() {
        let straight = arena_of(&file, |session, [short, _]| {
            session.forward(short, true).expect("forward");
            session.backward().expect("backward");
        });
        let switched = arena_of(&file, |session, [short, _]| {
            session.forward(short, true).expect("forward");
            session.switch_bucket(LONG).expect("a bucket");
            let error = BackwardError::OtherBucket {
                forward: SHORT,
                current: LONG,
            };
            assert_eq!(session.backward(), Err(error));
            assert_eq!(session.get_outputs(0), Err(AccessError::NotComputed));
            // Nothing is lost: back in its bucket the forward still stands.
            session.switch_bucket(SHORT).expect("a bucket");
            session.backward().expect("backward");
        });
        assert_eq!(switched, straight);
    }
}

#[test]
fn backward_twice_or_in_a_later_session() {
    for file in trains() {
        let once = arena_of(&file, |session, [short, _]| {
            session.forward_backward(short).expect("a step");
        });
        let twice = arena_of(&file, |session, [short, _]| {
            session.forward_backward(short).expect("a step");
            assert_eq!(session.backward(), Err(BackwardError::NoForward));
        });
        assert_eq!(once, twice);
        let [short, _] = [SHORT, LONG].map(|bucket| leaked(&file, bucket));
        net::arena_after(&file, |module| {
            module.session().forward(short, true).expect("forward");
            let mut later = module.session();
            assert_eq!(later.backward(), Err(BackwardError::NoForward));
            later.forward_backward(short).expect("a step");
            drop(later);
            let mut later = module.session();
            // Held gradients outlive their session, deltas do not.
            let outcome = match file.plan.train {
                Train::Held => Ok(()),
                _ => Err(UpdateError::NoBackward),
            };
            assert_eq!(later.update(), outcome);
        });
        // A session of a session: what it left is not the outer one's.
        net::arena_after(&file, |module| {
            let mut outer = module.session();
            outer.forward(short, true).expect("forward");
            outer.session().forward(short, true).expect("forward");
            assert_eq!(outer.backward(), Err(BackwardError::NoForward));
        });
    }
}

#[test]
fn update_before_backward() {
    for file in trains() {
        let fresh = arena_of(&file, |_, _| {});
        let refused = arena_of(&file, |session, _| {
            assert_eq!(session.update(), Err(UpdateError::NoBackward));
        });
        assert_eq!(refused, fresh);
        let forwarded = arena_of(&file, |session, [short, _]| {
            session.forward(short, true).expect("forward");
        });
        let refused = arena_of(&file, |session, [short, _]| {
            session.forward(short, true).expect("forward");
            assert_eq!(session.update(), Err(UpdateError::NoBackward));
        });
        assert_eq!(refused, forwarded);
    }
}

#[test]
fn update_in_another_bucket() {
    for file in trains() {
        let straight = arena_of(&file, |session, [short, _]| {
            session.forward_backward(short).expect("a step");
            session.update().expect("update");
        });
        let switched = arena_of(&file, |session, [short, _]| {
            session.forward_backward(short).expect("a step");
            session.switch_bucket(LONG).expect("a bucket");
            let error = UpdateError::OtherBucket {
                backward: SHORT,
                current: LONG,
            };
            assert_eq!(session.update(), Err(error));
            session.switch_bucket(SHORT).expect("a bucket");
            session.update().expect("update");
        });
        assert_eq!(switched, straight);
    }
}

#[test]
fn update_without_an_optimizer() {
    for file in trains() {
        let blob = net::values(&file).blob(&file);
        let batch = leaked(&file, SHORT);
        let arena = |update: bool| {
            let mut arena = vec![f32::NAN; file.plan.arena_len as usize];
            let model = tinpail::Registry::new(file.plan.plan());
            {
                let bound = Module::bind_words(model, &mut arena, blob.bytes());
                let mut module = bound.expect("bound");
                let mut session = module.session();
                session.forward_backward(batch).expect("a step");
                if update {
                    assert_eq!(session.update(), Err(UpdateError::NoOptimizer));
                }
            }
            bits(&arena)
        };
        assert_eq!(arena(true), arena(false));
    }
}

/// Held gradients can be applied again, as in MXNet; a fused update has used its deltas up.
#[test]
fn update_twice() {
    let file = net::plan(Train::Fused);
    let once = arena_of(&file, |session, [short, _]| {
        session.forward_backward(short).expect("a step");
        session.update().expect("update");
    });
    let refused = arena_of(&file, |session, [short, _]| {
        session.forward_backward(short).expect("a step");
        session.update().expect("update");
        assert_eq!(session.update(), Err(UpdateError::NoBackward));
    });
    assert_eq!(refused, once);

    let file = net::plan(Train::Held);
    let weight = net::param(&file, "fc_weight");
    arena_of(&file, |session, [short, _]| {
        session.forward_backward(short).expect("a step");
        session.update().expect("update");
        let once = session.get_params(weight).expect("a parameter").to_vec();
        session.update().expect("the same gradients again");
        let twice = session.get_params(weight).expect("a parameter");
        assert_ne!(once, twice);
    });
}

#[test]
fn a_bucket_that_does_not_exist() {
    let file = net::plan(Train::Fused);
    for index in [2, u16::MAX] {
        let error = NoBucket {
            index: BucketIndex(index),
            buckets: 2,
        };
        let attempt = |module: &mut Module<'_>| module.switch_bucket(BucketIndex(index));
        net::refused(&file, net::trained(&file), attempt, error);
    }
}

/// A net whose head is no loss.
fn open_head() -> PlanFile {
    let sym_gen = |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let y = s.fully_connected("fc", x, FullyConnected::new(2));
        Ok::<Net, _>(s.net([y]).data("data", [0, 3]))
    };
    let bucketing = Bucketing::new(sym_gen).bucket_keys([1]).batch_size(2);
    bucketing.plan().expect("a plan")
}

#[test]
fn head_gradients_of_another_number_or_length() {
    let file = open_head();
    let values = Persistent {
        params: file.params.iter().map(|own| vec![0.5; own.len()]).collect(),
        states: Vec::new(),
    };
    let (x, four, three) = ([0.25; 6], [1.0; 4], [1.0; 3]);
    let (data, integers) = ([Tensor::F32(&x)], [0u16; 4]);
    let len = |found| BackwardError::HeadLen {
        head: 0,
        needed: 4,
        found,
    };
    let count = |found| BackwardError::HeadCount { needed: 1, found };
    let good = [Tensor::F32(&four)];
    let attempts: [(&[Tensor<'_>], BackwardError); 4] = [
        (&[], count(0)),
        (&[Tensor::F32(&four), Tensor::F32(&four)], count(2)),
        (&[Tensor::F32(&three)], len(3)),
        (&[Tensor::U16(&integers)], len(0)),
    ];
    run::bound(&file, &values, |module| {
        let before = run::persistent_bits(&file, module);
        let mut session = module.session();
        session
            .forward(Batch::new(BucketIndex(0), &data), true)
            .expect("forward");
        for (grads, error) in attempts {
            assert_eq!(session.backward_from(grads), Err(error));
        }
        assert_eq!(run::persistent_bits(&file, &session), before);
        // The forward stands.
        session.backward_from(&good).expect("backward");
        session.update().expect("update");
        assert_ne!(run::persistent_bits(&file, &session), before);
    });
}

/// Under `Train::Step` forward is all that there is besides `train_step`.
#[test]
fn a_plan_of_whole_steps_has_no_backward_and_no_update() {
    let file = net::plan(Train::Step);
    let forward = arena_of(&file, |session, [short, _]| {
        session.forward(short, true).expect("forward");
    });
    let refused = arena_of(&file, |session, [short, _]| {
        session.forward(short, true).expect("forward");
        assert_eq!(session.backward(), Err(BackwardError::WholeSteps));
        assert_eq!(session.update(), Err(UpdateError::NoBackward));
        session.get_outputs(0).expect("forward's output");
    });
    assert_eq!(refused, forward);
    let step = arena_of(&file, |session, [short, _]| {
        session.train_step(&short).expect("a step");
        session.get_outputs(0).expect("the step's output");
        assert_eq!(session.update(), Err(UpdateError::NoBackward));
    });
    assert_ne!(step, forward);
}

#[test]
fn head_gradients_of_a_whole_step_are_checked_before_its_forward() {
    let file = net::plan(Train::Step);
    let fresh = arena_of(&file, |_, _| {});
    let refused = arena_of(&file, |session, [short, _]| {
        let error = BackwardError::HeadCount {
            needed: 0,
            found: 1,
        };
        let outcome = session.train_step_from(&short, &[Tensor::F32(&[1.0])]);
        assert_eq!(outcome, Err(StepError::Backward(error)));
    });
    assert_eq!(refused, fresh);
}

#[test]
fn outputs_that_the_build_gives_up() {
    let file = net::bucketing(Train::Step).keep_outputs(false).plan();
    let file = file.expect("a plan");
    arena_of(&file, |session, [short, _]| {
        session.train_step(&short).expect("a step");
        assert_eq!(session.get_outputs(0), Err(AccessError::NotPlanned));
        session.forward(short, false).expect("an inference");
        session.get_outputs(0).expect("its output");
    });
}

/// The long bucket trains with a program of its own, the last call of whose forward lacks its integers.
fn fault_in_long(plan: &mut PlanBuf) {
    let mut program = plan.plan().program(plan.buckets[1].train);
    let mut steps = program.forward.of(&plan.steps).to_vec();
    let mut calls = steps.iter_mut().rev().filter_map(|step| match step.work() {
        Work::Call(row) => Some((step, plan.calls[usize::from(row)])),
        Work::Loop(_) => None,
    });
    let (step, call) = calls
        .find(|(_, call)| call.int_count > 0)
        .expect("a call with integers");
    *step = Step::call(plan.calls.len() as u16);
    plan.calls.push(Call {
        int_count: 0,
        ..call
    });
    program.forward = Rows {
        start: plan.steps.len() as u16,
        end: (plan.steps.len() + steps.len()) as u16,
    };
    plan.steps.extend(steps);
    plan.buckets[1].train = plan.programs.len() as u16;
    plan.programs.push(program);
}

/// A call that cannot run leaves nothing to read, and nothing to go on from.
#[test]
fn a_forward_that_faults_ends_the_step_before_it() {
    for mut file in trains() {
        fault_in_long(&mut file.plan);
        arena_of(&file, |session, [short, long]| {
            session.forward(short, true).expect("forward");
            let fault = Err(ForwardError::Fault(Fault::Int));
            assert_eq!(session.forward(long, true), fault);
            assert_eq!(session.get_outputs(0), Err(AccessError::NotComputed));
            session.switch_bucket(SHORT).expect("a bucket");
            assert_eq!(session.get_outputs(0), Err(AccessError::NotComputed));
            assert_eq!(session.backward(), Err(BackwardError::NoForward));
            session.forward_backward(short).expect("a step");
            session.update().expect("update");
        });
    }
}
