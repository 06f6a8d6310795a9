//! Optimizers, schedules and initializers by MXNet's names.

use anyhow::{Result, anyhow, ensure};
use tinpail::optim::Optimizer;
use tinpail::schedule::{Cosine, Factor, MultiFactor, Poly, Schedule, ScheduleError, Start};
use tinpail_host::Initializer;

use super::args::{InitializerArg, OptimizerArg, OptimizerArgs, SchedulerArg};
use crate::hint::Hint;

/// Makes the optimizer that the options name and hands it to a closure that takes any.
macro_rules! with_optimizer {
    ($args:expr, |$optimizer:ident| $run:expr) => {{
        use crate::train::args::OptimizerArg;
        use crate::train::optimizer::numbers;
        use tinpail::optim::{
            AdaDelta, AdaGrad, Adam, Adamax, Ftrl, Nadam, Nag, RmsProp, RmsPropCentered, Sgd,
            Signum,
        };
        let args = &$args;
        crate::train::optimizer::check(args)?;
        macro_rules! make {
            ($made:expr) => {{
                let $optimizer = numbers($made, args);
                $run
            }};
        }
        let momentum = args.momentum;
        match args.optimizer {
            OptimizerArg::Sgd => make!(Sgd {
                momentum: momentum.unwrap_or(0.0),
                ..Sgd::default()
            }),
            OptimizerArg::Nag => make!(Nag {
                momentum: momentum.unwrap_or(0.0),
                ..Nag::default()
            }),
            OptimizerArg::Signum => {
                let signum = Signum::default();
                make!(Signum {
                    momentum: momentum.unwrap_or(signum.momentum),
                    ..signum
                })
            }
            OptimizerArg::Adam => make!(Adam::default()),
            OptimizerArg::Adagrad => make!(AdaGrad::default()),
            OptimizerArg::Adadelta => make!(AdaDelta::default()),
            OptimizerArg::Rmsprop => make!(RmsProp::default()),
            OptimizerArg::RmspropCentered => make!(RmsPropCentered::default()),
            OptimizerArg::Ftrl => make!(Ftrl::default()),
            OptimizerArg::Adamax => make!(Adamax::default()),
            OptimizerArg::Nadam => make!(Nadam::default()),
        }
    }};
}
pub(crate) use with_optimizer;

/// That only optimizers with momentum are given one.
pub fn check(args: &OptimizerArgs) -> Result<()> {
    let takes = matches!(
        args.optimizer,
        OptimizerArg::Sgd | OptimizerArg::Nag | OptimizerArg::Signum
    );
    if args.momentum.is_some() && !takes {
        return Err(anyhow!(
            "--optimizer {:?} takes no --momentum",
            args.optimizer
        ))
        .hint("sgd, nag and signum do");
    }
    Ok(())
}

/// The numbers that every optimizer has.
pub fn numbers<O: Optimizer>(mut optimizer: O, args: &OptimizerArgs) -> O {
    let mut common = optimizer.common();
    common.learning_rate = args.lr.unwrap_or(common.learning_rate);
    common.wd = args.wd;
    common.clip_gradient = args.clip_gradient.or(common.clip_gradient);
    common.rescale_grad = args.rescale_grad.or(common.rescale_grad);
    optimizer.set_common(common);
    optimizer
}

/// What the plan reserves.
pub fn planned(args: &OptimizerArgs) -> tinpail_plan::Optimizer {
    use tinpail_plan::Optimizer as Plan;
    let momentum = args.momentum.unwrap_or(0.0) != 0.0;
    match args.optimizer {
        OptimizerArg::Sgd => Plan::Sgd { momentum },
        OptimizerArg::Nag => Plan::Nag { momentum },
        OptimizerArg::Signum => Plan::Signum {
            momentum: args.momentum != Some(0.0),
        },
        OptimizerArg::Adam => Plan::Adam,
        OptimizerArg::Adagrad => Plan::AdaGrad,
        OptimizerArg::Adadelta => Plan::AdaDelta,
        OptimizerArg::Rmsprop => Plan::RmsProp { centered: false },
        OptimizerArg::RmspropCentered => Plan::RmsProp { centered: true },
        OptimizerArg::Ftrl => Plan::Ftrl,
        OptimizerArg::Adamax => Plan::Adamax,
        OptimizerArg::Nadam => Plan::Nadam,
    }
}

/// A rate for each update.
#[derive(Clone, Debug)]
pub enum Rates {
    Constant(f32),
    Factor(Factor),
    /// The updates after which the rate is multiplied; where it starts and what with.
    MultiFactor {
        steps: Vec<u32>,
        factor: f32,
        start: Start,
    },
    Poly(Poly),
    Cosine(Cosine),
}

impl Rates {
    /// As the options say; `updates` is how many there will be.
    pub fn new<O: Optimizer>(args: &OptimizerArgs, optimizer: &O, updates: usize) -> Result<Self> {
        let base_lr = optimizer.common().learning_rate;
        let start = Start {
            base_lr,
            warmup_steps: args.lr_warmup,
            warmup_begin_lr: args.lr_warmup_begin,
            ..Start::default()
        };
        let last = u32::try_from(updates).unwrap_or(u32::MAX);
        let max_update = args.lr_max_update.unwrap_or(last);
        let made = match args.lr_scheduler {
            None => return Ok(Rates::Constant(base_lr)),
            Some(SchedulerArg::Factor) => {
                ensure!(
                    args.lr_step.len() == 1,
                    "--lr-scheduler factor takes one --lr-step"
                );
                Factor::new(args.lr_step[0], args.lr_factor, start).map(Rates::Factor)
            }
            Some(SchedulerArg::Multifactor) => {
                let (steps, factor) = (args.lr_step.clone(), args.lr_factor);
                let checked = MultiFactor::new(&steps, factor, start).map(|_| ());
                checked.map(|()| Rates::MultiFactor {
                    steps,
                    factor,
                    start,
                })
            }
            Some(SchedulerArg::Poly) => {
                Poly::new(max_update, args.lr_power, args.lr_final, start).map(Rates::Poly)
            }
            Some(SchedulerArg::Cosine) => {
                Cosine::new(max_update, args.lr_final, start).map(Rates::Cosine)
            }
        };
        made.map_err(|error| match error {
            ScheduleError::Warmup => anyhow!("--lr-warmup-begin is above the rate, {base_lr}"),
            ScheduleError::Step { .. } => {
                anyhow!("--lr-step: numbers from 1 on, each above the one before, are needed")
            }
            ScheduleError::Factor => anyhow!("--lr-factor {} is above 1", args.lr_factor),
            ScheduleError::MaxUpdate => {
                anyhow!("--lr-max-update {max_update} is 0, or equal to --lr-warmup")
            }
            other => anyhow!("the schedule is refused: {other:?}"),
        })
    }
}

impl Schedule for Rates {
    fn lr(&mut self, num_update: u32) -> f32 {
        match self {
            Rates::Constant(lr) => *lr,
            Rates::Factor(schedule) => schedule.lr(num_update),
            Rates::MultiFactor {
                steps,
                factor,
                start,
            } => {
                // Its rate follows from the number alone, so it is made anew: it borrows its steps.
                let schedule = MultiFactor::new(steps, *factor, *start);
                schedule.map_or(start.base_lr, |mut schedule| schedule.lr(num_update))
            }
            Rates::Poly(schedule) => schedule.lr(num_update),
            Rates::Cosine(schedule) => schedule.lr(num_update),
        }
    }

    fn set_base_lr(&mut self, base_lr: f32) {
        match self {
            Rates::Constant(lr) => *lr = base_lr,
            Rates::Factor(schedule) => schedule.set_base_lr(base_lr),
            Rates::MultiFactor { start, .. } => start.base_lr = base_lr,
            Rates::Poly(schedule) => schedule.set_base_lr(base_lr),
            Rates::Cosine(schedule) => schedule.set_base_lr(base_lr),
        }
    }

    fn base_lr(&self) -> f32 {
        match self {
            Rates::Constant(lr) => *lr,
            Rates::Factor(schedule) => schedule.base_lr(),
            Rates::MultiFactor { start, .. } => start.base_lr,
            Rates::Poly(schedule) => schedule.base_lr(),
            Rates::Cosine(schedule) => schedule.base_lr(),
        }
    }
}

/// With MXNet's default arguments.
pub fn initializer(arg: InitializerArg) -> Initializer {
    let name = match arg {
        InitializerArg::Uniform => "uniform",
        InitializerArg::Normal => "normal",
        InitializerArg::Xavier => "xavier",
        InitializerArg::Msraprelu => "msraprelu",
        InitializerArg::Orthogonal => "orthogonal",
        InitializerArg::Zero => "zero",
        InitializerArg::One => "one",
    };
    // Each of the names is one of MXNet's.
    Initializer::by_name(name).unwrap_or(Initializer::Zero)
}
