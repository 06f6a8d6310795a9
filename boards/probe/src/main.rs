//! Calls every public method of the module, over every kernel there is, on values that the compiler knows
//! nothing about. The panic handler refers to a symbol that does not exist: if a path to a panic is linked,
//! this does not link. It is never run.
#![no_std]
#![no_main]

use core::hint::black_box;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use tinpail::error::{AccessError, StepError};
use tinpail::optim::Sgd;
use tinpail::plan::Plan;
use tinpail::{Arena, Batch, BucketIndex, BucketingModule, Model, Registry, Slots, Tensor};

unsafe extern "C" {
    // Defined nowhere.
    fn a_panic_is_reachable() -> !;
    // Opaque to the compiler; the linker is told not to need them.
    fn probe_read(offset: u32, bytes: *mut u8, len: usize) -> bool;
    fn probe_write(offset: u32, bytes: *const u8, len: usize) -> bool;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: never linked, which is the point.
    unsafe { a_panic_is_reachable() }
}

/// A flash about which nothing is known.
struct Flash;

#[derive(Debug)]
struct Failed;

impl NorFlashError for Failed {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for Flash {
    type Error = Failed;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failed> {
        // SAFETY: never run.
        let read = unsafe { probe_read(offset, bytes.as_mut_ptr(), bytes.len()) };
        if read { Ok(()) } else { Err(Failed) }
    }

    fn capacity(&self) -> usize {
        black_box(1 << 16)
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Failed> {
        // SAFETY: never run.
        let erased = unsafe { probe_write(from, core::ptr::null(), to as usize) };
        if erased { Ok(()) } else { Err(Failed) }
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failed> {
        // SAFETY: never run.
        let written = unsafe { probe_write(offset, bytes.as_ptr(), bytes.len()) };
        if written { Ok(()) } else { Err(Failed) }
    }
}

static mut WORDS: [f32; 16] = [0.0; 16];

/// Memory of unknown contents and length.
fn words() -> &'static mut [f32] {
    let (pointer, len) = black_box((&raw mut WORDS, 16));
    // SAFETY: never run.
    unsafe { core::slice::from_raw_parts_mut(pointer.cast(), len) }
}

fn blob() -> &'static [u8] {
    let (pointer, len) = black_box((&raw const WORDS, 64));
    // SAFETY: never run.
    unsafe { core::slice::from_raw_parts(pointer.cast(), len) }
}

fn every_method<M: Model<Optimizer = Sgd>>(mut module: BucketingModule<'_, M>) -> Option<f32> {
    let mut flash = Flash;
    let slots = black_box(Slots {
        first: 0,
        second: 8192,
        len: 8192,
    });
    let index: usize = black_box(1);
    let mut sum = 0.0;
    let mut see = |values: Result<&[f32], AccessError>| {
        sum += values
            .ok()
            .and_then(|values| values.first())
            .copied()
            .unwrap_or(0.0);
    };
    module.init_optimizer(black_box(Sgd::default()));
    module.seed_dropout(black_box(7));
    module.switch_bucket(black_box(BucketIndex(1))).ok()?;
    let bucket = module.fitting(index)?;
    black_box((module.current_bucket(), module.plan().arena_len));
    black_box(module.saved_len());

    let tokens: &[u16] = black_box(&[1, 2, 3]);
    let (data, label) = ([Tensor::U16(tokens)], [Tensor::F32(words())]);
    let batch = black_box(Batch::new(bucket, &data).with_label(&label));
    module.forward(&batch).ok()?;
    see(module.get_outputs(index));
    match module.train_step(&batch) {
        Ok(()) | Err(StepError::Forward(_)) => {}
        Err(error) => {
            black_box(error);
        }
    }
    let mut session = module.session();
    session.forward(batch, black_box(true)).ok()?;
    session.backward().ok()?;
    session.update().ok()?;
    session.forward_backward(batch).ok()?;
    session.forward(batch, true).ok()?;
    session.backward_from(&label).ok()?;
    session.update().ok()?;
    drop(session);

    see(module.get_input_grads(index));
    see(module.get_params(index));
    see(module.get_grads(index));
    see(module.optimizer_state(index));
    see(module.get_states(index));
    module.zero_grads();
    module.set_params(index, words()).ok()?;
    module.set_all_params(black_box(&[words()])).ok()?;
    module.set_states(index, words()).ok()?;
    module.fill_states(black_box(0.5)).ok()?;
    module.carry_state(index, index).ok()?;
    black_box(module.trainable().count());
    module.save_params(&mut flash, slots).ok()?;
    module.load_params(&mut flash, slots).ok()?;
    Some(sum)
}

/// Every kernel: nothing is known about the plan.
fn registry() -> Option<f32> {
    let plan: &Plan<'static> = black_box(&speaker::all_layers::PLAN);
    let model = Registry::<Sgd>::new(*plan);
    every_method(BucketingModule::bind_words(model, words(), blob()).ok()?)
}

/// A planned network, as users have it.
fn planned() -> Option<f32> {
    static mut ARENA: speaker::Arena = Arena::new();
    // SAFETY: never run.
    let arena = unsafe { &mut *(&raw mut ARENA) };
    every_method(speaker::all_layers::Module::bind(arena, blob()).ok()?)
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    black_box((registry(), planned()));
    #[cfg(feature = "sabotage")]
    black_box(words()[black_box(3)]);
    loop {
        core::hint::spin_loop();
    }
}
