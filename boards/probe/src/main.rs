//! Calls every public method of the module, over every kernel there is, on values that the compiler knows
//! nothing about. The panic handler refers to a symbol that does not exist: if a path to a panic is linked,
//! this does not link. It is never run.
#![no_std]
#![no_main]
// The sabotaged probe has nothing but a panic.
#![cfg_attr(feature = "sabotage", allow(dead_code, unused_imports))]

use core::cell::{Cell, RefCell};
use core::fmt::{self, Write};
use core::hint::black_box;
use core::ops::ControlFlow;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use tinpail::callback::{Checkpoint, Speed, Speedometer, on_batch_end, on_eval_end};
use tinpail::data::{DataBatch, DataIter, Fill, Filler, SliceIter};
use tinpail::error::{AccessError, StepError};
use tinpail::init::{
    Bilinear, Initializer, LstmBias, MsraPrelu, Normal, Orthogonal, ParamShape, Pcg32, Role,
    Uniform, Xavier,
};
use tinpail::math::Math;
use tinpail::metric::{
    Accuracy, Average, CrossEntropy, Evaluate, F1, Loss, Mcc, Mse, Of, Pearson, Perplexity, Rmse,
};
use tinpail::module::SetParams;
use tinpail::monitor::{Phase, Seen, norm};
use tinpail::optim::{
    AdaDelta, AdaGrad, Adam, Adamax, Ftrl, Nadam, Nag, Optimizer, RmsProp, RmsPropCentered,
    Scheduled, Sgd, Signum,
};
use tinpail::plan::{Counts, Plan, PlanRows};
use tinpail::profiler::{Profiler, Tally};
use tinpail::schedule::{Cosine, Factor, MultiFactor, Poly, Start};
use tinpail::{
    Arena, Batch, BucketIndex, BucketingModule, Fit, Loaded, Model, Registry, Score, Slots, Tensor,
};

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

/// Somewhere that text goes.
struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: never run.
        let written = unsafe { probe_write(0, text.as_ptr(), text.len()) };
        if written { Ok(()) } else { Err(fmt::Error) }
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

fn every_method<M: Model>(
    mut module: BucketingModule<'_, M>,
    optimizer: M::Optimizer,
) -> Option<f32> {
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
    module.init_optimizer(black_box(optimizer)).ok()?;
    module.begin_num_update(black_box(3));
    module.set_learning_rate(black_box(0.5)).ok()?;
    black_box((module.learning_rate(), module.num_update()));
    black_box(module.saved_optimizer_len());
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
    module.update().ok()?;

    see(module.get_input_grads(index));
    see(module.get_params(index));
    see(module.get_grads(index));
    see(module.optimizer_state(index));
    black_box(module.update_count(index)).ok()?;
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
    module.save_optimizer_states(&mut flash, slots).ok()?;
    module.load_optimizer_states(&mut flash, slots).ok()?;
    black_box(loops(&mut module, &mut flash, slots));
    black_box(initial_values(&mut module, index));

    let worst = Cell::new(0f32);
    let monitor = RefCell::new(|seen: Seen<'_>| {
        let size = norm(seen.output, Math::default()) * seen.step as f32;
        worst.set(black_box(size));
    });
    let mut module = module
        .for_training(black_box(true))
        .install_monitor(&monitor);
    module.train_step(&batch).ok()?;
    let module = module.uninstall_monitor();

    let mut tallies = [Tally::ZERO; 8];
    let tallies = black_box(tallies.as_mut_slice());
    let profiler = Profiler::new(&module.plan(), bucket, || black_box(7), tallies);
    let profiler = RefCell::new(profiler.ok()?);
    let mut module = module.install_profiler(&profiler);
    module.train_step(&batch).ok()?;
    let mut module = module.uninstall_profiler();
    if let Ok(mut profiler) = profiler.try_borrow_mut() {
        black_box((profiler.rows(), profiler.own(), profiler.dispatch()));
        black_box(profiler.phase(black_box(Phase::Update)));
        profiler.clear();
        write!(Console, "{profiler}").ok()?;
    }
    black_box((module.is_for_training(), module.inputs_need_grad()));
    black_box((module.is_optimizer_initialized(), module.is_poisoned()));
    module.rebind();
    Some(sum + worst.take())
}

/// A source of batches about which nothing is known.
fn source<'a>(data: &'a mut [f32], label: &'a mut [u16]) -> impl DataIter<Error = Failed> + 'a {
    Filler::new(
        data,
        label,
        |number, data: &mut [f32], label: &mut [u16]| {
            let (data, label) = (black_box(data).len(), black_box(label).len());
            let fill = Fill {
                bucket: black_box(BucketIndex(0)),
                data,
                label,
                pad: black_box(1),
            };
            match black_box(number) {
                0 => Ok(Some(fill)),
                1 => Err(Failed),
                _ => Ok(None),
            }
        },
    )
}

/// fit, score, predict, with every metric and callback.
fn loops<M: Model>(
    module: &mut BucketingModule<'_, M>,
    flash: &mut Flash,
    slots: Slots,
) -> Option<f64> {
    let (mut classes, mut held_out) = ([0u16; 8], [0u16; 8]);
    let mut data = source(words(), &mut classes);
    let mut eval = source(words(), &mut held_out);
    let math = Math::default();
    let of = |label| Of {
        metric: Loss::new(),
        label,
        output: black_box(0),
    };
    let mut metrics = (
        (
            Accuracy::new(),
            CrossEntropy::default(),
            of(black_box(None)),
        ),
        (
            Perplexity::new(black_box(Some(1)), math),
            F1::new(black_box(Average::Macro)),
            Mcc::new(Average::Micro, math),
        ),
    );
    let mut validation = (Mse::new(), Rmse::new(math), Pearson::new(math));
    let mut callbacks = (
        Speedometer::new(
            black_box(2),
            black_box(1000),
            || black_box(7),
            |speed: Speed, metric: &dyn Evaluate| {
                black_box((speed.samples_per_second, metric.local(black_box(0))));
            },
        ),
        Checkpoint::new(flash, slots, black_box(2)),
        on_batch_end(|module: &mut BucketingModule<'_, M>, event, metric| {
            black_box((module.current_bucket(), event.nbatch, metric.global(1)));
            black_box(ControlFlow::Continue(()))
        }),
        on_eval_end(|_, _, _| black_box(ControlFlow::Break(()))),
    );
    let fit = Fit::new(&mut data, &mut metrics, black_box(3))
        .begin_epoch(black_box(1))
        .eval_data(&mut eval)
        .validation_metric(&mut validation)
        .callback(&mut callbacks);
    black_box(module.fit(fit).ok());
    let score = Score::new(&mut data, &mut metrics).num_batch(black_box(4));
    black_box(module.score(score.callback(&mut callbacks)).ok());
    black_box(callbacks.1.result().ok());
    black_box(module.predict(&mut data, black_box(0), words()).ok());
    let all = [DataBatch::new(BucketIndex(0), Tensor::F32(words())).with_pad(black_box(1))];
    let mut slices = SliceIter::new(black_box(&all));
    let mut predictions = module.iter_predict(&mut slices).ok()?;
    while let Some(batch) = predictions.next_batch().ok()? {
        black_box((batch.outputs.get(black_box(1)), batch.nbatch));
    }
    let batch = all.first()?.batch();
    black_box(module.prepare(&batch).ok());
    module.update_metric(&mut metrics, batch.label).ok()?;
    Some(metrics.local(black_box(3)))
}

/// Every initializer, and setting some parameters.
fn initial_values<M: Model>(module: &mut BucketingModule<'_, M>, index: usize) -> Option<()> {
    let mut rng = Pcg32::new(black_box(1));
    let shape: &[u32] = black_box(&[2, 3, 4]);
    let rules: [&dyn Initializer; 7] = [
        &Uniform::default(),
        &Normal::default(),
        &Xavier::default(),
        &MsraPrelu::default(),
        &Orthogonal::default(),
        &LstmBias::default(),
        &Bilinear,
    ];
    for rule in rules {
        let shapes = [ParamShape {
            role: black_box(Role::Weight),
            shape,
        }];
        let shapes: &[ParamShape<'_>] = black_box(&shapes);
        black_box(module.init_params(shapes, rule, &mut rng).ok());
        black_box(module.init_param(index, shape, rule, &mut rng).ok());
        black_box(rule.fill(shape, &mut rng, words()).ok());
    }
    let values: [(usize, &[f32]); 1] = [(index, words())];
    let allow = SetParams {
        allow_missing: black_box(true),
        allow_extra: black_box(true),
    };
    module.set_params_from(black_box(&values), allow).ok()
}

/// Every kernel: nothing is known about the plan.
fn registry<O: Optimizer>() -> Option<BucketingModule<'static, Registry<'static, O>>> {
    let plan: &Plan<'static> = black_box(&speaker::all_layers::PLAN);
    let model = || Registry::<O>::new(*plan);
    black_box(BucketingModule::bind_blank_words(model(), words()).is_ok());
    BucketingModule::bind_words(model(), words(), blob()).ok()
}

/// What an optimizer takes part in.
fn training<O: Optimizer>(optimizer: O) -> Option<()> {
    let mut module = registry()?;
    let mut flash = Flash;
    let slots = black_box(Slots {
        first: 0,
        second: 8192,
        len: 8192,
    });
    module.init_optimizer(black_box(optimizer)).ok()?;
    module.begin_num_update(black_box(3));
    module.set_learning_rate(black_box(0.5)).ok()?;
    let data = [Tensor::F32(words())];
    let batch = black_box(Batch::new(BucketIndex(0), &data));
    module.train_step(&batch).ok()?;
    module.update().ok()?;
    module.set_all_params(black_box(&[words()])).ok()?;
    module.save_optimizer_states(&mut flash, slots).ok()?;
    module.load_optimizer_states(&mut flash, slots).ok()
}

/// Every optimizer and every schedule.
fn optimizers() -> Option<()> {
    let start = black_box(Start::default());
    let steps: &'static [u32] = black_box(&[2, 4]);
    training(Nag::default())?;
    training(Adam::default())?;
    training(AdaGrad::default())?;
    training(AdaDelta::default())?;
    training(RmsProp::default())?;
    training(RmsPropCentered::default())?;
    training(Ftrl::default())?;
    training(Adamax::default())?;
    training(Nadam::default())?;
    training(Signum::default())?;
    let factor = Factor::new(black_box(2), black_box(0.5), start).ok()?;
    training(Scheduled::new(Sgd::default(), factor))?;
    let factors = MultiFactor::new(steps, black_box(0.5), start).ok()?;
    training(Scheduled::with_base_lr(Sgd::default(), factors))?;
    let poly = Poly::new(black_box(9), black_box(2), black_box(0.0), start).ok()?;
    training(Scheduled::new(Sgd::default(), poly))?;
    let cosine = Cosine::new(black_box(9), black_box(0.0), start).ok()?;
    training(Scheduled::new(Sgd::default(), cosine))
}

/// Every method over every kernel.
fn every_kernel() -> Option<f32> {
    every_method(registry()?, Sgd::default())
}

/// A planned network, as users have it.
fn planned() -> Option<f32> {
    static mut ARENA: speaker::Arena = Arena::new();
    // SAFETY: never run.
    let arena = unsafe { &mut *(&raw mut ARENA) };
    let module = speaker::all_layers::Module::bind(arena, blob()).ok()?;
    every_method(module, Sgd::default())
}

/// The same by code made for its calls.
fn specialised() -> Option<f32> {
    static mut ARENA: speaker::specialised::Arena = Arena::new();
    // SAFETY: never run.
    let arena = unsafe { &mut *(&raw mut ARENA) };
    let module = speaker::specialised::Module::bind(arena, blob()).ok()?;
    every_method(module, Sgd::default())
}

/// A network that is loaded: nothing is known about its bytes.
fn loaded() -> Option<f32> {
    static mut ROWS: PlanRows<8, 64> = PlanRows::new();
    // SAFETY: never run.
    let rows = unsafe { &mut *(&raw mut ROWS) };
    black_box(Counts::in_bytes(blob()).ok());
    let kernels = speaker::all_layers::Model;
    let model = Loaded::from_bytes(kernels, blob(), rows.storage()).ok()?;
    let module = BucketingModule::bind_words(model, words(), blob()).ok()?;
    every_method(module, Sgd::default())
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    #[cfg(not(feature = "sabotage"))]
    black_box((
        optimizers(),
        every_kernel(),
        planned(),
        specialised(),
        loaded(),
    ));
    #[cfg(feature = "sabotage")]
    black_box(words()[black_box(3)]);
    loop {
        core::hint::spin_loop();
    }
}
