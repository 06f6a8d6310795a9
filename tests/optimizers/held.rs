//! Held gradients outlive their session.

use tinpail::error::UpdateError;
use tinpail::optim::Sgd;
use tinpail_plan::{Compression, Optimizer as Planned, Train};

use crate::common::run::SGD;
use crate::every::{bound, plan, remembered, with_batch};
use crate::net::{self, LONG, SHORT};

const PLANNED: Planned = Planned::Sgd { momentum: true };

#[test]
fn an_update_after_the_session_is_the_sessions() {
    let file = plan(PLANNED, Train::Held);
    let run = |after_the_session: bool, infer: bool| {
        bound(&file, SGD, |module| {
            with_batch(&file, LONG, |batch| {
                let mut session = module.session();
                session.forward_backward(batch).expect("a step");
                if !after_the_session {
                    session.update().expect("update");
                }
                drop(session);
                if infer {
                    module.forward(&batch).expect("an inference");
                }
                if after_the_session {
                    module.update().expect("update");
                }
            });
            remembered(&file, module)
        })
    };
    assert_eq!(run(true, false), run(false, false));
    assert_eq!(run(true, true), run(false, false));
}

#[test]
fn an_update_without_gradients_that_stand_is_refused() {
    let file = plan(PLANNED, Train::Held);
    bound(&file, SGD, |module| {
        let fresh = remembered(&file, module);
        assert_eq!(module.update(), Err(UpdateError::NoBackward));
        with_batch(&file, LONG, |batch| {
            module.session().forward_backward(batch).expect("a step");
            module.session().forward(batch, true).expect("forward");
            // The gradients are those of an older batch.
            assert_eq!(module.update(), Err(UpdateError::NoBackward));
            module.session().forward_backward(batch).expect("a step");
        });
        module.switch_bucket(SHORT).expect("a bucket");
        let error = UpdateError::OtherBucket {
            backward: LONG,
            current: SHORT,
        };
        assert_eq!(module.update(), Err(error));
        assert_eq!(remembered(&file, module), fresh);
        module.switch_bucket(LONG).expect("a bucket");
        module.update().expect("update");
        let once = remembered(&file, module);
        module.update().expect("the same gradients again");
        assert_ne!(remembered(&file, module), once);
    });
    let file = plan(PLANNED, Train::Fused);
    bound(&file, SGD, |module| {
        with_batch(&file, LONG, |batch| {
            module.session().forward_backward(batch).expect("a step");
            assert_eq!(module.update(), Err(UpdateError::NoBackward));
        });
    });
}

/// With a threshold beyond all gradients nothing is sent at first; what is not sent comes later.
#[test]
fn a_compressed_update_moves_by_the_threshold_and_keeps_the_rest() {
    let compressed = |threshold: f32| {
        let bucketing = net::bucketing(Train::Held)
            .optimizer(Planned::Sgd { momentum: false })
            .compression_params(Compression::TwoBit { threshold });
        bucketing.plan().expect("a plan")
    };
    let sgd = Sgd {
        learning_rate: 1.0,
        rescale_grad: Some(1.0),
        ..Sgd::default()
    };
    let file = compressed(1e6);
    bound(&file, sgd, |module| {
        let before = remembered(&file, module);
        with_batch(&file, LONG, |batch| module.train_step(&batch)).expect("a step");
        assert_eq!(remembered(&file, module)[1..], before[1..]);
    });
    let threshold = 0.01;
    let file = compressed(threshold);
    bound(&file, sgd, |module| {
        let index = net::param(&file, "fc_weight");
        let mut left = vec![0.0f32; file.params[index].len()];
        let mut moved = 0;
        for _ in 0..3 {
            let before = module.get_params(index).expect("a parameter").to_vec();
            with_batch(&file, LONG, |batch| module.train_step(&batch)).expect("a step");
            let grad = module.get_grads(index).expect("a gradient");
            let after = module.get_params(index).expect("a parameter");
            for (((left, g), before), after) in left.iter_mut().zip(grad).zip(&before).zip(after) {
                *left += g;
                let sent = if *left >= threshold {
                    threshold
                } else if *left <= -threshold {
                    -threshold
                } else {
                    0.0
                };
                *left -= sent;
                assert_eq!(*after, before - sent);
                moved += usize::from(sent != 0.0);
            }
        }
        assert!(moved > 0);
    });
}
