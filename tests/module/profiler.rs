//! A profiler adds up what the calls take, and changes nothing. The clock is one that the test moves.

use std::cell::{Cell, RefCell};

use tinpail::error::{NoBucket, ProfilerError};
use tinpail::monitor::{Phase, Seen};
use tinpail::profiler::{Clock, Profiler, Tally};
use tinpail::{Batch, BucketIndex, Tensor};

use crate::net::{self, BUCKET};

const DATA: [Tensor<'_>; 1] = [Tensor::F32(&[0.1, 0.2, 0.3, -0.3, 0.9, -0.5])];
const LABEL: [Tensor<'_>; 1] = [Tensor::U16(&[1, 0])];

/// What a call takes by this clock: it moves by one with each reading, and a monitor behind the profiler moves it by more.
const READING: u32 = 1;

/// Ticks that begin short of the wrap.
struct Ticks<'t>(&'t Cell<u32>);

impl Clock for Ticks<'_> {
    const UNIT: &'static str = "ticks";

    fn now(&mut self) -> u32 {
        let now = self.0.get();
        self.0.set(now.wrapping_add(READING));
        now
    }
}

#[test]
fn every_call_counts_in_its_row_and_the_phases_hold_all() {
    let file = net::plan();
    let ticks = Cell::new(u32::MAX - 100);
    // The monitor is inside: what it does is the call's. Of every operand that row `r` writes, r + 10 ticks.
    let written = RefCell::new(vec![(0u32, 0u64); file.plan.steps.len()]);
    let monitor = RefCell::new(|seen: Seen<'_>| {
        let cost = seen.step as u32 + 10;
        ticks.set(ticks.get().wrapping_add(cost));
        let row = &mut written.borrow_mut()[seen.step];
        if seen.operand == first_written(seen) {
            row.0 += 1;
        }
        row.1 += u64::from(cost);
    });
    let mut rows = vec![Tally::ZERO; file.plan.steps.len() + 3];
    let plan = file.plan.plan();
    let profiler = Profiler::new(&plan, BUCKET, Ticks(&ticks), &mut rows).expect("a profiler");
    let profiler = RefCell::new(profiler);
    let plain = net::bound(&file, |mut module| {
        let batch = Batch::new(BUCKET, &DATA).with_label(&LABEL);
        for _ in 0..3 {
            module.train_step(&batch).expect("a step");
        }
        net::params(&module)
    });
    net::bound(&file, |module| {
        let module = module.install_monitor(&monitor);
        let mut module = module.install_profiler(&profiler);
        let batch = Batch::new(BUCKET, &DATA).with_label(&LABEL);
        for _ in 0..3 {
            module.train_step(&batch).expect("a step");
        }
        let module = module.uninstall_profiler().uninstall_monitor();
        assert_eq!(net::params(&module), plain, "the same bits");
    });

    let profiler = profiler.into_inner();
    let mut calls = 0;
    for (row, (tally, (visits, cost))) in profiler.rows().iter().zip(written.take()).enumerate() {
        // A check writes nothing that a monitor could see.
        if visits > 0 {
            assert_eq!(tally.visits, visits, "row {row}");
        }
        let readings = u64::from(READING) * u64::from(tally.visits);
        assert_eq!(tally.count, cost + readings, "row {row}");
        calls += tally.visits;
    }
    assert!(calls > 3 * 5, "{calls}");
    assert_eq!(profiler.own().visits, calls);
    assert_eq!(profiler.own().count, u64::from(calls));
    let of_rows: u64 = profiler.rows().iter().map(|tally| tally.count).sum();
    let phases = Phase::ALL.map(|phase| profiler.phase(phase));
    assert_eq!(phases.map(|tally| tally.visits), [3; 4]);
    let whole: u64 = phases.iter().map(|tally| tally.count).sum();
    // Between the readings of a call and of the next stands one tick, and one before the end of each phase.
    assert_eq!(profiler.dispatch(), u64::from(calls) + 4 * 3);
    assert_eq!(whole, of_rows + profiler.own().count + profiler.dispatch());
}

/// The first operand that the call writes.
fn first_written(seen: Seen<'_>) -> usize {
    let accesses = seen.kernel.accesses();
    let written = accesses
        .iter()
        .position(|access| *access != tinpail::plan::Access::Read);
    written.expect("an operand that is written")
}

#[test]
fn other_buckets_and_other_plans_are_not_counted() {
    let file = net::plan();
    let mut rows = vec![Tally::ZERO; file.plan.steps.len()];
    let plan = file.plan.plan();
    let mut other = plan;
    other.fingerprint ^= 1;
    let mut time = 0;
    let clock = move || {
        time += 1;
        time
    };
    for (plan, counts) in [(&other, false), (&plan, true)] {
        let profiler = Profiler::new(plan, BUCKET, clock, &mut rows).expect("a profiler");
        let profiler = RefCell::new(profiler);
        net::bound(&file, |module| {
            let mut module = module.install_profiler(&profiler);
            module.forward(&Batch::new(BUCKET, &DATA)).expect("forward");
            let other = Batch::new(BucketIndex(1), &DATA);
            module.forward(&other).expect("forward");
            let found = profiler.borrow().phase(Phase::Forward).visits;
            assert_eq!(found, u32::from(counts), "of one bucket");
            let called = |tally: &Tally| tally.visits > 0;
            assert_eq!(profiler.borrow().rows().iter().any(called), counts);
            profiler.borrow_mut().clear();
            // Borrowed, it sees nothing.
            let borrowed = profiler.borrow_mut();
            module.forward(&Batch::new(BUCKET, &DATA)).expect("forward");
            drop(borrowed);
        });
        let profiler = profiler.into_inner();
        assert!(profiler.rows().iter().all(|tally| *tally == Tally::ZERO));
        assert_eq!(profiler.phase(Phase::Forward), Tally::ZERO);
    }
}

#[test]
fn a_forward_that_is_refused_leaves_its_phase() {
    let file = net::plan();
    let mut rows = vec![Tally::ZERO; file.plan.steps.len()];
    let plan = file.plan.plan();
    let clock = || 0;
    let profiler = Profiler::new(&plan, BUCKET, clock, &mut rows).expect("a profiler");
    let profiler = RefCell::new(profiler);
    net::bound(&file, |module| {
        let mut module = module.install_profiler(&profiler);
        let short = [Tensor::F32(&[0.1])];
        assert!(module.forward(&Batch::new(BUCKET, &short)).is_err());
        module.forward(&Batch::new(BUCKET, &DATA)).expect("forward");
    });
    assert_eq!(profiler.borrow().phase(Phase::Forward).visits, 2);
}

#[test]
fn too_few_rows_and_no_such_bucket() {
    let file = net::plan();
    let plan = file.plan.plan();
    let needed = plan.steps.len();
    let mut rows = vec![Tally::ZERO; needed];
    for tally in &mut rows {
        tally.visits = 7;
    }
    let short = &mut rows[1..];
    let refused = Profiler::new(&plan, BUCKET, || 0, short).err();
    let found = needed - 1;
    assert_eq!(refused, Some(ProfilerError::Rows { needed, found }));
    let index = BucketIndex(9);
    let refused = Profiler::new(&plan, index, || 0, &mut rows).err();
    let buckets = plan.buckets.len();
    let none = NoBucket { index, buckets };
    assert_eq!(refused, Some(ProfilerError::Bucket(none)));
    assert!(rows.iter().all(|tally| tally.visits == 7), "unchanged");
}

/// A counter of 24 bits that counts down, as SysTick does.
#[test]
fn a_counter_that_counts_down() {
    struct SysTick(u32);
    impl Clock for SysTick {
        fn now(&mut self) -> u32 {
            self.0 = self.0.wrapping_sub(5) & 0xff_ffff;
            self.0
        }

        fn between(&self, before: u32, after: u32) -> u32 {
            before.wrapping_sub(after) & 0xff_ffff
        }
    }
    let file = net::plan();
    let plan = file.plan.plan();
    let mut rows = vec![Tally::ZERO; plan.steps.len()];
    let profiler = Profiler::new(&plan, BUCKET, SysTick(12), &mut rows).expect("a profiler");
    let profiler = RefCell::new(profiler);
    net::bound(&file, |module| {
        let mut module = module.install_profiler(&profiler);
        module.forward(&Batch::new(BUCKET, &DATA)).expect("forward");
    });
    let profiler = profiler.borrow();
    let called = profiler.rows().iter().filter(|tally| tally.visits > 0);
    assert!(called.clone().count() > 3);
    assert!(called.into_iter().all(|tally| tally.count == 5));
    let text = profiler.to_string();
    let first = format!(
        "tinpail-profile 1 plan {:#018x} bucket {} unit counts\nphase forward 1 ",
        plan.fingerprint, plan.buckets[0].key
    );
    assert!(text.starts_with(&first), "{text}");
}
