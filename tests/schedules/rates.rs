//! Every scheduler with every warm-up, rate by rate, and what is refused.

use serde::Deserialize;
use tinpail::schedule::{
    Cosine, Factor, MultiFactor, Poly, Schedule, ScheduleError, Start, WarmupMode,
};

#[derive(Deserialize)]
struct File {
    runs: Vec<Run>,
}

#[derive(Debug, Deserialize)]
struct Run {
    kind: String,
    args: Args,
    start: Arguments,
    set: Option<f32>,
    rates: Vec<(u32, f64)>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Steps {
    One(u32),
    Many(Vec<u32>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    step: Option<Steps>,
    factor: Option<f32>,
    stop_factor_lr: Option<f32>,
    max_update: Option<u32>,
    pwr: Option<u32>,
    final_lr: Option<f32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    base_lr: Option<f32>,
    warmup_steps: Option<u32>,
    warmup_begin_lr: Option<f32>,
    warmup_mode: Option<String>,
}

impl Arguments {
    fn start(&self) -> Start {
        let default = Start::default();
        Start {
            base_lr: self.base_lr.unwrap_or(default.base_lr),
            warmup_steps: self.warmup_steps.unwrap_or(default.warmup_steps),
            warmup_begin_lr: self.warmup_begin_lr.unwrap_or(default.warmup_begin_lr),
            warmup_mode: match self.warmup_mode.as_deref() {
                None => default.warmup_mode,
                Some("constant") => WarmupMode::Constant,
                Some(other) => panic!("{other}"),
            },
        }
    }
}

fn schedule(run: &Run) -> Box<dyn Schedule + '_> {
    let (args, start) = (&run.args, run.start.start());
    let final_lr = args.final_lr.unwrap_or(0.0);
    match (run.kind.as_str(), &args.step) {
        ("Factor", Some(Steps::One(step))) => {
            let factor = Factor::new(*step, args.factor.unwrap(), start).unwrap();
            Box::new(match args.stop_factor_lr {
                Some(stop) => factor.with_stop_factor_lr(stop),
                None => factor,
            })
        }
        ("MultiFactor", Some(Steps::Many(steps))) => {
            Box::new(MultiFactor::new(steps, args.factor.unwrap(), start).unwrap())
        }
        ("Poly", None) => {
            let power = args.pwr.unwrap_or(2);
            Box::new(Poly::new(args.max_update.unwrap(), power, final_lr, start).unwrap())
        }
        ("Cosine", None) => {
            Box::new(Cosine::new(args.max_update.unwrap(), final_lr, start).unwrap())
        }
        _ => panic!("{run:?}"),
    }
}

#[test]
fn rates_are_mxnets() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/schedules.json");
    let file: File = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(file.runs.len(), 284);
    let (mut rates, mut worst) = (0, 0.0f64);
    for run in &file.runs {
        let mut schedule = schedule(run);
        if let Some(base_lr) = run.set {
            schedule.set_base_lr(base_lr);
        }
        let first = f64::from(run.start.start().base_lr);
        for (num_update, mxnet) in &run.rates {
            let ours = f64::from(schedule.lr(*num_update));
            let difference = (ours - mxnet).abs() / first;
            assert!(
                difference <= 1e-6,
                "{run:?}, update {num_update}: {ours} against {mxnet}"
            );
            (rates, worst) = (rates + 1, worst.max(difference));
        }
    }
    println!("{rates} rates within {worst:e} of the first");
}

#[test]
fn what_is_refused() {
    let start = Start::default();
    let step = |at| ScheduleError::Step { at };
    assert_eq!(Factor::new(0, 0.5, start).unwrap_err(), step(0));
    for factor in [1.5, f32::NAN] {
        let error = Factor::new(1, factor, start).unwrap_err();
        assert_eq!(error, ScheduleError::Factor);
        let error = MultiFactor::new(&[1], factor, start).unwrap_err();
        assert_eq!(error, ScheduleError::Factor);
    }
    for (steps, at) in [(&[][..], 0), (&[0], 0), (&[1, 2, 2], 2), (&[2, 1], 1)] {
        assert_eq!(MultiFactor::new(steps, 0.5, start).unwrap_err(), step(at));
    }
    let hot = Start {
        warmup_begin_lr: 0.1,
        ..start
    };
    assert_eq!(Factor::new(1, 0.5, hot).unwrap_err(), ScheduleError::Warmup);
    assert_eq!(Cosine::new(1, 0.0, hot).unwrap_err(), ScheduleError::Warmup);
    let long = Start {
        warmup_steps: 4,
        ..start
    };
    for (max_update, start) in [(0, start), (4, long)] {
        let error = Cosine::new(max_update, 0.0, start).unwrap_err();
        assert_eq!(error, ScheduleError::MaxUpdate);
        let error = Poly::new(max_update, 2, 0.0, start).unwrap_err();
        assert_eq!(error, ScheduleError::MaxUpdate);
    }
}

#[test]
fn the_last_update_there_is() {
    let start = Start::default();
    let mut factor = Factor::new(u32::MAX, 0.5, start).unwrap();
    assert_eq!(factor.lr(u32::MAX), 0.01);
    let mut factor = Factor::new(1 << 31, 0.5, start).unwrap();
    assert_eq!(factor.lr(u32::MAX), 0.005);
    let mut cosine = Cosine::new(u32::MAX, 0.0, start).unwrap();
    assert_eq!((cosine.lr(0), cosine.lr(u32::MAX)), (0.01, 0.0));
}
