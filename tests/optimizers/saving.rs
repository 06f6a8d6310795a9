//! The optimizer's state through a flash.

use tinpail::Slots;
use tinpail::blob::BlobError;
use tinpail::error::{LoadError, SaveError};
use tinpail::optim::{AdaDelta, Adam, Optimizer};
use tinpail_plan::{Optimizer as Planned, Train};

use crate::every::{Each, Module, bound, for_each, plan, remembered, with_batch};
use crate::flash::{Flash, FlashError};
use crate::net::{LONG, SHORT};

const LEN: u32 = 2048 + 16;
const PARAMS: Slots = Slots {
    first: 0,
    second: LEN,
    len: LEN,
};
const STATES: Slots = Slots {
    first: 2 * LEN,
    second: 3 * LEN,
    len: LEN,
};

fn flash() -> Flash {
    Flash::new(4 * LEN as usize)
}

struct Resumes;

impl Each for Resumes {
    fn one<O: Optimizer + Clone>(&self, planned: Planned, optimizer: O) {
        let file = plan(planned, Train::Fused);
        let train = |module: &mut Module<'_, O>, steps: &[_]| {
            for bucket in steps {
                with_batch(&file, *bucket, |batch| module.train_step(&batch)).expect("a step");
            }
        };
        let straight = bound(&file, optimizer.clone(), |module| {
            module.begin_num_update(1);
            train(module, &[LONG, SHORT, LONG, LONG]);
            remembered(&file, module)
        });
        let mut flash = flash();
        bound(&file, optimizer.clone(), |module| {
            module.begin_num_update(1);
            train(module, &[LONG, SHORT]);
            module.save_params(&mut flash, PARAMS).expect("saved");
            let saved = module.save_optimizer_states(&mut flash, STATES);
            saved.expect("saved");
        });
        let resumed = bound(&file, optimizer.clone(), |module| {
            module.load_params(&mut flash, PARAMS).expect("loaded");
            let loaded = module.load_optimizer_states(&mut flash, STATES);
            loaded.expect("loaded");
            train(module, &[LONG, LONG]);
            remembered(&file, module)
        });
        assert_eq!(resumed, straight, "{planned:?}");
        // Without the state it would not be so, where there is any.
        if optimizer.arrays() > 0 {
            let forgetful = bound(&file, optimizer.clone(), |module| {
                module.load_params(&mut flash, PARAMS).expect("loaded");
                train(module, &[LONG, LONG]);
                remembered(&file, module)
            });
            assert_ne!(forgetful[1..], straight[1..], "{planned:?}");
        }
    }
}

#[test]
fn training_goes_on_to_the_bit() {
    for_each(&Resumes);
}

#[test]
fn a_power_cut_at_any_write_keeps_the_older_state() {
    let file = plan(Planned::Adam, Train::Fused);
    let step = |module: &mut Module<'_, Adam>| {
        with_batch(&file, LONG, |batch| module.train_step(&batch)).expect("a step");
    };
    // One state after one step in the first slot, one after two in the second.
    let (mut before, mut states) = (flash(), Vec::new());
    bound(&file, Adam::default(), |module| {
        for _ in 0..2 {
            step(module);
            let saved = module.save_optimizer_states(&mut before, STATES);
            saved.expect("saved");
            states.push(module.optimizer_state(0).expect("a state").to_vec());
        }
        step(module);
        states.push(module.optimizer_state(0).expect("a state").to_vec());
        let mut whole = before.clone().reset();
        let saved = module.save_optimizer_states(&mut whole, STATES);
        saved.expect("saved");
        let operations = whole.operations();
        assert!(operations > 3);
        for (cut, eighths) in
            (0..operations).flat_map(|cut| [0, 1, 4, 7, 8].map(|done| (cut, done)))
        {
            let what = format!("cut {cut}, {eighths}/8 done");
            let mut flash = before.clone().reset();
            flash.cut_at = Some((cut, eighths));
            let outcome = module.save_optimizer_states(&mut flash, STATES);
            assert_eq!(
                outcome,
                Err(SaveError::Flash(FlashError::PowerCut)),
                "{what}"
            );
            let mut flash = flash.reset();
            bound(&file, Adam::default(), |module| {
                let loaded = module.load_optimizer_states(&mut flash, STATES);
                loaded.expect("the older one");
                let done = module.num_update();
                // The CRC lies in the last write: with all of it the new one may be there.
                let is_last = cut == operations - 1 && eighths > 0;
                assert!(done == 2 || (is_last && done == 3), "{what}: {done}");
                assert_eq!(module.update_count(0), Ok(done), "{what}");
                let state = module.optimizer_state(0).expect("a state");
                assert_eq!(state, states[done as usize - 1], "{what}");
            });
        }
    });
}

#[test]
fn the_state_of_another_optimizer_or_network_is_refused() {
    let adam = plan(Planned::Adam, Train::Fused);
    let mut flash = flash();
    bound(&adam, Adam::default(), |module| {
        module.save_params(&mut flash, PARAMS).expect("saved");
        let saved = module.save_optimizer_states(&mut flash, STATES);
        saved.expect("saved");
        // Parameters are no state, nor is a state parameters.
        let loaded = module.load_optimizer_states(&mut flash, PARAMS);
        assert!(matches!(
            loaded,
            Err(LoadError::NoParams(BlobError::Schema { .. }))
        ));
        let loaded = module.load_params(&mut flash, STATES);
        assert!(matches!(
            loaded,
            Err(LoadError::NoParams(BlobError::Schema { .. }))
        ));
        // Too small a slot, and slots that overlap.
        let needed = module.saved_optimizer_len();
        let small = Slots { len: 64, ..STATES };
        let error = SaveError::SlotTooSmall { needed, found: 64 };
        assert_eq!(module.save_optimizer_states(&mut flash, small), Err(error));
        let overlapping = Slots {
            second: STATES.first + 16,
            ..STATES
        };
        let saved = module.save_optimizer_states(&mut flash, overlapping);
        assert_eq!(saved, Err(SaveError::Slots));
    });
    let adadelta = plan(Planned::AdaDelta, Train::Fused);
    bound(&adadelta, AdaDelta::default(), |module| {
        let before = remembered(&adadelta, module);
        let loaded = module.load_optimizer_states(&mut flash, STATES);
        assert!(matches!(
            loaded,
            Err(LoadError::NoParams(BlobError::Schema { .. }))
        ));
        assert_eq!(remembered(&adadelta, module), before);
    });
    let mut other = adam.clone();
    other.plan.schema ^= 1;
    bound(&other, Adam::default(), |module| {
        let loaded = module.load_optimizer_states(&mut flash, STATES);
        assert!(matches!(
            loaded,
            Err(LoadError::NoParams(BlobError::Schema { .. }))
        ));
    });
}

#[test]
fn without_an_optimizer_there_is_no_state_to_save_or_load() {
    let file = plan(Planned::Adam, Train::Fused);
    let blob = crate::net::values(&file).blob(&file);
    let mut arena = vec![0.0; file.plan.arena_len as usize];
    let model = tinpail::Registry::<Adam>::new(file.plan.plan());
    let bound = Module::bind_words(model, &mut arena, blob.bytes());
    let mut module = bound.expect("bound");
    let mut flash = flash();
    let saved = module.save_optimizer_states(&mut flash, STATES);
    assert_eq!(saved, Err(SaveError::NoOptimizer));
    let loaded = module.load_optimizer_states(&mut flash, STATES);
    assert_eq!(loaded, Err(LoadError::NoOptimizer));
}
