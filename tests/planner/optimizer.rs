//! What a build's optimizer reserves and what is emitted for it.

use tinpail_plan::symbol::{FullyConnected, SoftmaxOutput};
use tinpail_plan::{Bucketing, Error, LrScheduler, Net, Optimizer, Symbols, Train, emit};

/// 6 weights and 2 biases.
fn sym_gen(_: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let x = s.variable("data");
    let y = s.fully_connected("fc", x, FullyConnected::new(2));
    let label = s.variable("label");
    let loss = s.softmax_output("softmax", y, label, SoftmaxOutput::default());
    Ok(s.net([loss]).data("data", [0, 3]).label("label", [0]))
}

fn bucketing(optimizer: Optimizer) -> Bucketing<fn(u32) -> Result<Net, Error>> {
    Bucketing::new(sym_gen as fn(u32) -> Result<Net, Error>)
        .bucket_keys([1])
        .optimizer(optimizer)
}

#[test]
fn only_the_state_of_the_named_optimizer_is_reserved() {
    let arrays = |count: usize| 4 * count * (6 + 2);
    // One word of each parameter counts its updates.
    let counted = |count: usize| arrays(count) + 4 * 2;
    let reserved = [
        (Optimizer::Sgd { momentum: false }, 0),
        (Optimizer::Sgd { momentum: true }, arrays(1)),
        (Optimizer::Nag { momentum: false }, 0),
        (Optimizer::Nag { momentum: true }, arrays(1)),
        (Optimizer::Adam, counted(2)),
        (Optimizer::AdaGrad, arrays(1)),
        (Optimizer::AdaDelta, arrays(2)),
        (Optimizer::RmsProp { centered: false }, arrays(1)),
        (Optimizer::RmsProp { centered: true }, arrays(3)),
        (Optimizer::Ftrl, arrays(2)),
        (Optimizer::Adamax, counted(2)),
        (Optimizer::Nadam, counted(2)),
        (Optimizer::Signum { momentum: false }, 0),
        (Optimizer::Signum { momentum: true }, arrays(1)),
    ];
    for (optimizer, bytes) in reserved {
        let file = bucketing(optimizer).plan().expect("a plan");
        assert_eq!(file.report.optimizer_bytes, bytes, "{optimizer:?}");
        assert_eq!(file.plan.optimizer, optimizer.kind());
        let inference = bucketing(optimizer).train(Train::None).plan();
        let inference = inference.expect("a plan");
        assert_eq!(inference.report.optimizer_bytes, 0, "{optimizer:?}");
    }
}

#[test]
fn the_emitted_model_names_one_optimizer_and_one_schedule() {
    let optimizer = |bucketing: Bucketing<_>| {
        let source = emit::source(&bucketing.plan().expect("a plan"), false);
        let line = source.lines().find(|line| line.contains("type Optimizer"));
        line.expect("an optimizer").trim().to_string()
    };
    let line = |kind: &str| format!("type Optimizer = {kind};");
    let centered = bucketing(Optimizer::RmsProp { centered: true });
    assert_eq!(
        optimizer(centered),
        line("::tinpail::optim::RmsPropCentered")
    );
    let schedules = [
        (LrScheduler::Factor, "Factor"),
        (LrScheduler::MultiFactor, "MultiFactor<'static>"),
        (LrScheduler::Poly, "Poly"),
        (LrScheduler::Cosine, "Cosine"),
    ];
    for (scheduler, name) in schedules {
        let scheduled = bucketing(Optimizer::Nadam).lr_scheduler(scheduler);
        let schedule = format!("::tinpail::schedule::{name}");
        let both = format!("::tinpail::optim::Scheduled<::tinpail::optim::Nadam, {schedule}>");
        assert_eq!(optimizer(scheduled), line(&both));
    }
}

#[test]
fn a_specialised_model_has_each_phase_of_each_bucket_as_code() {
    let plan = bucketing(Optimizer::Sgd { momentum: true })
        .plan()
        .expect("a plan");
    assert!(!emit::source(&plan, false).contains("run.call("));
    let source = emit::source(&plan, true);
    let tables = plan.plan.plan();
    for bucket in tables.buckets {
        for program in [bucket.infer, bucket.train] {
            let program = tables.program(program);
            let phases = [
                program.forward,
                program.backward,
                program.check,
                program.update,
            ];
            for rows in phases.iter().filter(|rows| !rows.is_empty()) {
                let arm = format!("({}, {}, {}) =>", bucket.frame, rows.start, rows.end);
                assert_eq!(source.matches(&arm).count(), 1, "{arm}");
            }
        }
    }
}
