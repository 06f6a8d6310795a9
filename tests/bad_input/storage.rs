//! Saving and loading through a flash that loses power, decays, or is too small.

use tinpail::Slots;
use tinpail::blob::{BlobError, Entry, write};
use tinpail::error::{LoadError, SaveError};
use tinpail_plan::symbol::BatchNorm;
use tinpail_plan::{Bucketing, PlanFile, Symbols, Train};

use crate::common::rng::Rng;
use crate::common::run::{self, Module};
use crate::common::values::{Persistent, Sample};
use crate::flash::{Flash, FlashError};
use crate::net;

/// The end of the second slot is that of the flash, and no multiple of what is read at once.
const SLOTS: Slots = Slots {
    first: 16,
    second: 16 + LEN,
    len: LEN,
};
const LEN: u32 = 1024 + 16;

fn flash() -> Flash {
    Flash::new(16 + 2 * LEN as usize)
}

/// The bytes of a slot.
fn slot(flash: &Flash, at: u32) -> &[u8] {
    &flash.bytes[at as usize..(at + LEN) as usize]
}

/// Sets every trainable parameter to `value`.
fn fill(file: &PlanFile, module: &mut Module<'_>, value: f32) {
    let trainable: Vec<usize> = module.trainable().collect();
    for index in trainable {
        let values = vec![value; file.params[index].len()];
        module.set_params(index, &values).expect("it fits");
    }
}

/// The value that all trainable parameters have.
#[track_caller]
fn filled(module: &Module<'_>) -> f32 {
    let mut values = Vec::new();
    for index in module.trainable() {
        values.extend_from_slice(module.get_params(index).expect("a parameter"));
    }
    let first = values[0];
    assert!(values.iter().all(|value| *value == first), "mixed values");
    first
}

/// A fresh module, as after a reset.
fn booted<T>(file: &PlanFile, with: impl FnOnce(&mut Module<'_>) -> T) -> T {
    run::bound(file, &net::values(file), with)
}

/// A flash to which 1.0 and then 2.0 were saved: the newest lies in the second slot.
fn saved_twice(file: &PlanFile) -> Flash {
    let mut flash = flash();
    booted(file, |module| {
        for value in [1.0, 2.0] {
            fill(file, module, value);
            module.save_params(&mut flash, SLOTS).expect("saved");
        }
    });
    flash
}

/// BatchNorm's moving statistics are saved with the parameters, though they are not trained.
#[test]
fn auxiliary_states_are_saved_and_loaded() {
    let sym_gen = |_| {
        let mut s = Symbols::new();
        let x = s.variable("data");
        let y = s.batch_norm("bn", x, BatchNorm::default());
        Ok(s.net([y]).data("data", [0, 2, 3]))
    };
    let file = Bucketing::new(sym_gen)
        .bucket_keys([1])
        .plan()
        .expect("a plan");
    let mut rng = Rng::new(3);
    let values = Persistent::random(&file, &mut rng);
    let sample = Sample::random(&file, 0, &mut rng);
    let mut flash = flash();
    let moving = file
        .params
        .iter()
        .position(|own| own.name == "bn_moving_mean");
    let moving = moving.expect("an auxiliary state");
    let moved = run::bound(&file, &values, |module| {
        assert!(module.trainable().all(|index| index != moving));
        assert_eq!(module.in_arena().count(), file.params.len());
        run::train(&file, module, &sample, true);
        module.save_params(&mut flash, SLOTS).expect("saved");
        module.get_params(moving).expect("it").to_vec()
    });
    run::bound(&file, &values, |module| {
        assert_ne!(module.get_params(moving).expect("it"), moved);
        module.load_params(&mut flash, SLOTS).expect("loaded");
        assert_eq!(module.get_params(moving).expect("it"), moved);
        let other = [0.25, 0.5];
        module.set_params(moving, &other).expect("set");
        assert_eq!(module.get_params(moving).expect("it"), other);
    });
}

#[test]
fn what_was_saved_is_loaded_after_a_reset() {
    for train in [Train::Fused, Train::Held] {
        let file = net::plan(train);
        let mut flash = flash();
        let saved = booted(&file, |module| {
            run::train(&file, module, &net::sample(&file, net::LONG), true);
            module.save_params(&mut flash, SLOTS).expect("saved");
            assert!(module.saved_len() <= LEN as usize);
            run::persistent_bits(&file, module)
        });
        booted(&file, |module| {
            let fresh = run::persistent_bits(&file, module);
            module.load_params(&mut flash, SLOTS).expect("loaded");
            for ((loaded, saved), fresh) in run::persistent_bits(&file, module)
                .into_iter()
                .zip(saved)
                .zip(fresh)
            {
                // Momentum and states are not saved.
                let is_param = file.params.iter().any(|own| own.name == loaded.0);
                assert_eq!(loaded, if is_param { saved } else { fresh });
            }
        });
    }
}

#[test]
fn slots_are_written_in_turn() {
    let file = net::plan(Train::Fused);
    let mut flash = flash();
    booted(&file, |module| {
        for save in 0..5u16 {
            let before = flash.clone();
            fill(&file, module, f32::from(save));
            module.save_params(&mut flash, SLOTS).expect("saved");
            let (written, kept) = match save % 2 {
                0 => (SLOTS.first, SLOTS.second),
                _ => (SLOTS.second, SLOTS.first),
            };
            assert_ne!(slot(&flash, written), slot(&before, written), "save {save}");
            assert_eq!(slot(&flash, kept), slot(&before, kept), "save {save}");
            assert_eq!(flash.bytes[..16], [0xff; 16], "before the slots");
            module.load_params(&mut flash, SLOTS).expect("loaded");
            assert_eq!(filled(module), f32::from(save));
        }
    });
    booted(&file, |module| {
        module.load_params(&mut flash, SLOTS).expect("loaded");
        assert_eq!(filled(module), 4.0);
    });
}

#[test]
fn a_power_cut_at_any_write_keeps_the_older_parameters() {
    let file = net::plan(Train::Fused);
    for saves_before in [1, 2] {
        let mut before = flash();
        let mut operations = 0;
        booted(&file, |module| {
            for save in 1..=saves_before {
                fill(&file, module, save as f32);
                module.save_params(&mut before, SLOTS).expect("saved");
            }
            fill(&file, module, 9.0);
            let mut whole = before.clone().reset();
            module.save_params(&mut whole, SLOTS).expect("saved");
            operations = whole.operations();
        });
        assert!(operations > 3, "an erase and several writes");
        for (cut, eighths) in
            (0..operations).flat_map(|cut| [0, 1, 4, 7, 8].map(|done| (cut, done)))
        {
            let what = format!("{saves_before} saves, cut {cut}, {eighths}/8 done");
            let mut flash = before.clone().reset();
            flash.cut_at = Some((cut, eighths));
            booted(&file, |module| {
                fill(&file, module, 9.0);
                let outcome = module.save_params(&mut flash, SLOTS);
                let error = SaveError::Flash(FlashError::PowerCut);
                assert_eq!(outcome, Err(error), "{what}");
                assert_eq!(filled(module), 9.0, "{what}: what is in RAM stays");
            });
            let mut flash = flash.reset();
            booted(&file, |module| {
                module.load_params(&mut flash, SLOTS).expect("loaded");
                let loaded = filled(module);
                // The CRC lies in the last write: with all of it the new ones may be there.
                let is_last = cut == operations - 1 && eighths > 0 && loaded == 9.0;
                assert!(is_last || loaded == saves_before as f32, "{what}: {loaded}");
                // And the next save succeeds.
                fill(&file, module, 10.0);
                module.save_params(&mut flash, SLOTS).expect("saved");
                fill(&file, module, 0.0);
                module.load_params(&mut flash, SLOTS).expect("loaded");
                assert_eq!(filled(module), 10.0, "{what}");
            });
        }
    }
}

#[test]
fn a_damaged_newest_slot_falls_back_to_the_older_one() {
    let file = net::plan(Train::Fused);
    let flash = saved_twice(&file);
    let len = booted(&file, |module| module.saved_len());
    let used = slot(&flash, SLOTS.second)
        .iter()
        .rposition(|byte| *byte != 0xff);
    let used = used.expect("bytes that are written") + 1;
    assert!(used <= len);
    booted(&file, |module| {
        for byte in 0..used {
            for bit in [0, 3, 4, 7] {
                let mut flash = flash.clone();
                flash.bytes[SLOTS.second as usize + byte] ^= 1 << bit;
                module
                    .load_params(&mut flash, SLOTS)
                    .expect("the older one");
                assert_eq!(filled(module), 1.0, "byte {byte}");
            }
        }
        let mut flash = flash.clone();
        module
            .load_params(&mut flash, SLOTS)
            .expect("the newer one");
        assert_eq!(filled(module), 2.0);
        // The damaged slot is the one that the next save takes.
        flash.bytes[SLOTS.second as usize + 9] ^= 1;
        let older = slot(&flash, SLOTS.first).to_vec();
        fill(&file, module, 3.0);
        module.save_params(&mut flash, SLOTS).expect("saved");
        assert_eq!(slot(&flash, SLOTS.first), older);
        module.load_params(&mut flash, SLOTS).expect("loaded");
        assert_eq!(filled(module), 3.0);
    });
}

#[test]
fn without_good_parameters_nothing_is_loaded() {
    let file = net::plan(Train::Fused);
    let mut erased = flash();
    let load = |flash: &mut Flash, error| {
        let attempt = |module: &mut Module<'_>| module.load_params(flash, SLOTS);
        net::refused(
            &file,
            net::trained(&file),
            attempt,
            LoadError::NoParams(error),
        );
    };
    load(&mut erased, BlobError::Magic);

    let mut damaged = saved_twice(&file);
    for at in [SLOTS.first, SLOTS.second] {
        damaged.bytes[at as usize] ^= 1;
    }
    load(&mut damaged, BlobError::Magic);

    let mut other = saved_twice(&file);
    let mut plan = file.clone();
    plan.plan.schema ^= 1;
    let error = LoadError::NoParams(BlobError::Schema {
        expected: plan.plan.schema,
        found: file.plan.schema,
    });
    let attempt = |module: &mut Module<'_>| module.load_params(&mut other, SLOTS);
    // The blob that it binds must be of the other schema as well: `refused` makes it from the plan.
    net::refused(&plan, net::fresh, attempt, error);
}

#[test]
fn sequence_numbers_wrap() {
    let file = net::plan(Train::Fused);
    let blob = |sequence: u32, value: f32| {
        let params: Vec<(u16, Vec<f32>)> = booted(&file, |module| {
            module
                .trainable()
                .map(|index| (index as u16, vec![value; file.params[index].len()]))
                .collect()
        });
        let lens: Vec<u32> = params.iter().map(|(_, own)| own.len() as u32).collect();
        let entries = params
            .iter()
            .zip(&lens)
            .map(|((index, values), len)| Entry {
                index: *index,
                dims: std::slice::from_ref(len),
                values,
            });
        let mut bytes: Vec<u8> = Vec::new();
        write(&mut bytes, file.plan.schema, sequence, entries).expect("written");
        bytes
    };
    for (first, second, newest) in [
        (u32::MAX, 0, 2.0),
        (0, u32::MAX, 1.0),
        (7, 8, 2.0),
        (8, 7, 1.0),
        (1 << 31, (1 << 31) - 1, 1.0),
    ] {
        let mut flash = flash();
        for (at, bytes) in [
            (SLOTS.first as usize, blob(first, 1.0)),
            (SLOTS.second as usize, blob(second, 2.0)),
        ] {
            flash.bytes[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        booted(&file, |module| {
            module.load_params(&mut flash, SLOTS).expect("loaded");
            assert_eq!(filled(module), newest, "{first}, {second}");
            fill(&file, module, 3.0);
            module.save_params(&mut flash, SLOTS).expect("saved");
            fill(&file, module, 0.0);
            module.load_params(&mut flash, SLOTS).expect("loaded");
            assert_eq!(filled(module), 3.0, "{first}, {second}");
        });
    }
}

#[test]
fn a_slot_that_is_too_small_is_refused() {
    let file = net::plan(Train::Fused);
    let mut flash = flash();
    booted(&file, |module| {
        let needed = module.saved_len();
        for found in [0, 16, needed as u32 - 16] {
            let slots = Slots {
                len: found,
                ..SLOTS
            };
            let error = SaveError::SlotTooSmall {
                needed,
                found: found as usize,
            };
            assert_eq!(module.save_params(&mut flash, slots), Err(error));
        }
        assert_eq!(flash.operations(), 0);
        // Just large enough is enough.
        let slots = Slots {
            first: 0,
            second: needed as u32,
            len: needed as u32,
        };
        for value in [1.0, 2.0] {
            fill(&file, module, value);
            module.save_params(&mut flash, slots).expect("saved");
            module.load_params(&mut flash, slots).expect("loaded");
            assert_eq!(filled(module), value);
        }
    });
}

#[test]
fn the_errors_of_the_flash_are_passed_on() {
    let file = net::plan(Train::Fused);
    // Slots where none can be.
    let unaligned = Slots {
        first: 8,
        second: LEN + 24,
        len: LEN,
    };
    let outside = Slots {
        first: 16 + LEN,
        second: 16 + 2 * LEN,
        len: LEN,
    };
    let mut flash = saved_twice(&file);
    booted(&file, |module| {
        let outcome = module.save_params(&mut flash, unaligned);
        assert_eq!(outcome, Err(SaveError::Flash(FlashError::NotAligned)));
        let outcome = module.save_params(&mut flash, outside);
        assert_eq!(outcome, Err(SaveError::Flash(FlashError::OutOfBounds)));
        // One slot that can be read and is good is enough.
        module.load_params(&mut flash, outside).expect("loaded");
        assert_eq!(filled(module), 2.0);
    });

    // A read that fails: while the slots are looked at nothing is changed.
    let mut whole = saved_twice(&file).reset();
    let (looked, reads) = booted(&file, |module| {
        module.load_params(&mut whole, SLOTS).expect("loaded");
        let reads = whole.reads();
        let mut whole = whole.clone().reset();
        whole.cut_at = Some((0, 0));
        let outcome = module.save_params(&mut whole, SLOTS);
        assert_eq!(outcome, Err(SaveError::Flash(FlashError::PowerCut)));
        // Before it erases, saving looks at both slots and copies nothing.
        (whole.reads(), reads)
    });
    assert!(looked < reads);
    let mut loaded = Vec::new();
    for read in 0..reads {
        let mut flash = saved_twice(&file).reset();
        flash.unreadable_at = Some(read);
        booted(&file, |module| {
            fill(&file, module, 5.0);
            let outcome = module.load_params(&mut flash, SLOTS);
            if read < looked {
                // The slot that cannot be read is as good as damaged: the other one is loaded.
                outcome.expect("loaded");
                loaded.push(filled(module));
            } else {
                // Between checking and copying: documented to poison.
                assert_eq!(outcome, Err(LoadError::Flash(FlashError::Unreadable)));
                assert!(module.is_poisoned());
                let outcome = module.save_params(&mut flash, SLOTS);
                assert_eq!(outcome, Err(SaveError::Poisoned));
                module.load_params(&mut flash, SLOTS).expect("loaded");
                assert_eq!(filled(module), 2.0);
            }
        });
        let mut flash = saved_twice(&file).reset();
        if read < looked {
            flash.unreadable_at = Some(read);
            booted(&file, |module| {
                fill(&file, module, 5.0);
                module.save_params(&mut flash, SLOTS).expect("saved");
                fill(&file, module, 6.0);
                module.load_params(&mut flash, SLOTS).expect("loaded");
                assert_eq!(filled(module), 5.0);
            });
        }
    }
    // The newest one lies in the second slot, which is looked at last.
    assert!(loaded.is_sorted_by(|left, right| left >= right));
    assert!(loaded.contains(&2.0) && loaded.contains(&1.0));
}

#[test]
fn a_slot_that_stays_unreadable_is_written_anew() {
    let file = net::plan(Train::Fused);
    for broken in [SLOTS.first, SLOTS.second] {
        let mut flash = saved_twice(&file);
        flash.unreadable_until_erased = Some(broken as usize..(broken + LEN) as usize);
        booted(&file, |module| {
            let older = if broken == SLOTS.first { 2.0 } else { 1.0 };
            module.load_params(&mut flash, SLOTS).expect("loaded");
            assert_eq!(filled(module), older);
            fill(&file, module, 7.0);
            module.save_params(&mut flash, SLOTS).expect("saved");
            fill(&file, module, 8.0);
            module.load_params(&mut flash, SLOTS).expect("loaded");
            assert_eq!(filled(module), 7.0);
        });
        assert_eq!(
            flash.unreadable_until_erased, None,
            "the broken slot was erased"
        );
    }
}

#[test]
fn slots_that_overlap_or_end_nowhere_are_refused() {
    let file = net::plan(Train::Fused);
    let mut flash = saved_twice(&file).reset();
    booted(&file, |module| {
        let before = run::persistent_bits(&file, module);
        for (first, second) in [(16, 16), (16, LEN), (LEN, 16), (0, u32::MAX - 8)] {
            let slots = Slots {
                first,
                second,
                len: LEN,
            };
            assert_eq!(module.save_params(&mut flash, slots), Err(SaveError::Slots));
            assert_eq!(module.load_params(&mut flash, slots), Err(LoadError::Slots));
        }
        assert_eq!(run::persistent_bits(&file, module), before);
    });
    assert_eq!((flash.operations(), flash.reads()), (0, 0));
}

#[test]
fn saved_parameters_survive_a_plan_with_other_buckets() {
    let old = net::plan(Train::Fused);
    let mut flash = saved_twice(&old);
    for (keys, train) in [
        (&[3, 5, 8][..], Train::Fused),
        (&[2], Train::Held),
        (&[2, 3], Train::Held),
    ] {
        let new = net::plan_of(keys, train);
        assert_ne!(new.plan.fingerprint, old.plan.fingerprint);
        assert_eq!(new.plan.schema, old.plan.schema);
        run::bound(&new, &net::values(&new), |module| {
            module.load_params(&mut flash, SLOTS).expect("loaded");
            assert_eq!(filled(module), 2.0);
        });
    }
}

#[test]
fn a_flash_that_keeps_something_else_is_found_out() {
    let file = net::plan(Train::Fused);
    let mut flash = saved_twice(&file);
    booted(&file, |module| {
        fill(&file, module, 3.0);
        // In the payload of the first slot, which is written next; 3.0 ends in 0x40.
        flash.weak = Some((16 + 256, 0x40));
        let outcome = module.save_params(&mut flash, SLOTS);
        let Err(SaveError::NotKept(error)) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(matches!(error, BlobError::Crc { .. }), "{error:?}");
        module.load_params(&mut flash, SLOTS).expect("loaded");
        assert_eq!(filled(module), 2.0);
    });
}
