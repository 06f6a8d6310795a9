//! What `init_optimizer` and its relatives refuse, and how updates are counted.

use tinpail::error::{Hyper, OptimizerError, StepError, UpdateError};
use tinpail::optim::{
    AdaDelta, AdaGrad, Adam, Adamax, Ftrl, Kind, Nadam, Nag, Optimizer, RmsProp, RmsPropCentered,
    Scheduled, Sgd, Signum,
};
use tinpail::schedule::{Factor, Start};
use tinpail::{BucketingModule, Registry};
use tinpail_plan::{Optimizer as Planned, Train};

use crate::every::{Each, bound, for_each, plan, remembered, with_batch};
use crate::net::{self, LONG};

struct CommonNumbers;

impl Each for CommonNumbers {
    fn one<O: Optimizer + Clone>(&self, planned: Planned, optimizer: O) {
        let file = plan(planned, Train::Fused);
        bound(&file, optimizer.clone(), |module| {
            with_batch(&file, LONG, |batch| module.train_step(&batch)).expect("a step");
            let before = (remembered(&file, module), module.learning_rate());
            let good = optimizer.common();
            let mut refuse = |hyper, common| {
                let mut bad = optimizer.clone();
                bad.set_common(common);
                let error = Err(OptimizerError::Range(hyper));
                assert_eq!(module.init_optimizer(bad), error, "{planned:?}");
            };
            for learning_rate in [-0.1, f32::NAN, f32::INFINITY] {
                let common = tinpail::optim::Common {
                    learning_rate,
                    ..good
                };
                refuse(Hyper::LearningRate, common);
            }
            for wd in [-0.1, f32::NAN, f32::INFINITY] {
                refuse(Hyper::Wd, tinpail::optim::Common { wd, ..good });
            }
            for rescale_grad in [f32::NAN, f32::INFINITY].map(Some) {
                let common = tinpail::optim::Common {
                    rescale_grad,
                    ..good
                };
                refuse(Hyper::RescaleGrad, common);
            }
            let common = tinpail::optim::Common {
                clip_gradient: Some(f32::NAN),
                ..good
            };
            refuse(Hyper::ClipGradient, common);
            assert_eq!((remembered(&file, module), module.learning_rate()), before);
        });
    }
}

#[test]
fn numbers_that_make_no_sense_change_nothing() {
    for_each(&CommonNumbers);
}

#[test]
fn each_optimizers_own_numbers_have_a_range() {
    let range = |hyper| Err(OptimizerError::Range(hyper));
    for bad in [-0.1f64, 1.0, f64::NAN] {
        let single = bad as f32;
        let sgd = Sgd {
            momentum: single,
            ..Sgd::default()
        };
        assert_eq!(sgd.check(), range(Hyper::Momentum));
        let nag = Nag {
            momentum: single,
            ..Nag::default()
        };
        assert_eq!(nag.check(), range(Hyper::Momentum));
        let signum = Signum {
            momentum: single,
            ..Signum::default()
        };
        assert_eq!(signum.check(), range(Hyper::Momentum));
        let adam = Adam {
            beta1: bad,
            ..Adam::default()
        };
        assert_eq!(adam.check(), range(Hyper::Beta1));
        let adamax = Adamax {
            beta2: bad,
            ..Adamax::default()
        };
        assert_eq!(adamax.check(), range(Hyper::Beta2));
        let nadam = Nadam {
            beta1: bad,
            ..Nadam::default()
        };
        assert_eq!(nadam.check(), range(Hyper::Beta1));
        let adadelta = AdaDelta {
            rho: bad,
            ..AdaDelta::default()
        };
        assert_eq!(adadelta.check(), range(Hyper::Rho));
        let rmsprop = RmsProp {
            gamma1: single,
            ..RmsProp::default()
        };
        assert_eq!(rmsprop.check(), range(Hyper::Gamma1));
        let rmsprop = RmsPropCentered {
            gamma2: single,
            ..RmsPropCentered::default()
        };
        assert_eq!(rmsprop.check(), range(Hyper::Gamma2));
    }
    for bad in [-0.1f32, f32::INFINITY, f32::NAN] {
        let adam = Adam {
            epsilon: bad,
            ..Adam::default()
        };
        assert_eq!(adam.check(), range(Hyper::Epsilon));
        let adagrad = AdaGrad {
            eps: bad,
            ..AdaGrad::default()
        };
        assert_eq!(adagrad.check(), range(Hyper::Epsilon));
        let ftrl = Ftrl {
            lamda1: bad,
            ..Ftrl::default()
        };
        assert_eq!(ftrl.check(), range(Hyper::Lamda1));
        let ftrl = Ftrl {
            beta: bad,
            ..Ftrl::default()
        };
        assert_eq!(ftrl.check(), range(Hyper::Beta));
        let signum = Signum {
            wd_lh: bad,
            ..Signum::default()
        };
        assert_eq!(signum.check(), range(Hyper::WdLh));
        let nadam = Nadam {
            schedule_decay: bad.into(),
            ..Nadam::default()
        };
        assert_eq!(nadam.check(), range(Hyper::ScheduleDecay));
    }
    let rmsprop = RmsProp {
        clip_weights: Some(f32::NAN),
        ..RmsProp::default()
    };
    assert_eq!(rmsprop.check(), range(Hyper::ClipWeights));
    // Where zero is a bound, less than zero is none; elsewhere it is no clipping, as in MXNet.
    let clip_gradient = Some(-1.0);
    let adagrad = AdaGrad {
        clip_gradient,
        ..AdaGrad::default()
    };
    assert_eq!(adagrad.check(), range(Hyper::ClipGradient));
    let sgd = Sgd {
        clip_gradient,
        ..Sgd::default()
    };
    assert_eq!(sgd.check(), Ok(()));
}

#[test]
fn a_momentum_needs_a_plan_that_keeps_it() {
    let file = plan(Planned::Sgd { momentum: false }, Train::Fused);
    bound(&file, Sgd::default(), |module| {
        let sgd = Sgd {
            momentum: 0.9,
            ..Sgd::default()
        };
        assert_eq!(module.init_optimizer(sgd), Err(OptimizerError::NoState));
    });
}

#[test]
fn a_plan_of_another_optimizer_predicts_but_does_not_train() {
    let file = plan(Planned::Adam, Train::Fused);
    let blob = net::values(&file).blob(&file);
    let mut arena = vec![0.0; file.plan.arena_len as usize];
    let model = Registry::<Ftrl>::new(file.plan.plan());
    let bound = BucketingModule::bind_words(model, &mut arena, blob.bytes());
    let mut module = bound.expect("bound");
    let error = OptimizerError::Kind {
        plan: Kind::Adam,
        model: Kind::Ftrl,
    };
    assert_eq!(module.init_optimizer(Ftrl::default()), Err(error));
    with_batch(&file, LONG, |batch| {
        module.forward(&batch).expect("an inference");
        let refused = Err(StepError::Update(UpdateError::NoOptimizer));
        assert_eq!(module.train_step(&batch), refused);
    });
}

#[test]
fn updates_are_counted_and_rates_can_be_set() {
    let file = plan(Planned::Adam, Train::Fused);
    bound(&file, Adam::default(), |module| {
        assert_eq!((module.num_update(), module.update_count(0)), (0, Ok(0)));
        with_batch(&file, LONG, |batch| module.train_step(&batch)).expect("a step");
        assert_eq!((module.num_update(), module.update_count(0)), (1, Ok(1)));
        module.begin_num_update(10);
        assert_eq!((module.num_update(), module.update_count(0)), (11, Ok(11)));
        assert_eq!(module.learning_rate(), Some(0.001));
        module.set_learning_rate(0.5).expect("a rate");
        let error = OptimizerError::Range(Hyper::LearningRate);
        assert_eq!(module.set_learning_rate(-1.0), Err(error));
        assert_eq!(module.learning_rate(), Some(0.5));
    });
}

#[test]
fn a_schedule_is_asked_with_the_number_of_the_update() {
    let file = plan(Planned::Sgd { momentum: true }, Train::Held);
    let start = Start::default();
    let factor = || Factor::new(1, 0.5, start).expect("a schedule");
    let sgd = Sgd {
        learning_rate: 0.4,
        ..Sgd::default()
    };
    let rates = |scheduled, begin: u32| {
        bound(&file, scheduled, |module| {
            module.begin_num_update(begin);
            let refused = module.set_learning_rate(0.1);
            assert_eq!(refused, Err(OptimizerError::Scheduled));
            let step = |_| {
                with_batch(&file, LONG, |batch| module.train_step(&batch)).expect("a step");
                module.learning_rate().expect("a rate")
            };
            (0..3).map(step).collect::<Vec<f32>>()
        })
    };
    // The first update is number 1, and the second the first that is slower.
    assert_eq!(rates(Scheduled::new(sgd, factor()), 0), [0.4, 0.2, 0.1]);
    assert_eq!(rates(Scheduled::new(sgd, factor()), 2), [0.1, 0.05, 0.025]);
    let own = Scheduled::with_base_lr(sgd, factor());
    assert_eq!(rates(own, 0), [0.01, 0.005, 0.0025]);
}
