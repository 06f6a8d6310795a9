//! What `cargo xtask bench` measures. Each binary does one work in one way and measures it once, after a first run; what
//! [`measure`] runs is the window that the plugin `tools/qemu-count` counts. It prints a checksum of the results, which all cores and
//! all implementations of exactly the same sums share, and the depth of the stack.
//!
//! | binary | work |
//! | --- | --- |
//! | `mlp_momentum`, `mlp_sgd` | MLP 64-32-10 with ReLU and softmax: a training step |
//! | `mlp` | its inference, up to the second dense layer |
//! | `fc` | 640 inputs, 128 outputs, no bias |
//! | `product` | 16 rows of 640 inputs, 16 outputs, no bias |
//! | `lstm` | LSTM 16-32, 20 steps, then dense 10 and softmax: a training step with momentum |
//! | `fc_fma`, `lstm_fma` | `fc` and `lstm` by the recipe `fma`, with that feature alone |
//! | `fc_ftz`, `lstm_ftz` | the same by the recipe `ftz`, for a Cortex-M55 |
//! | `lstm_f16` | the same step with saved activations in f16 |
//! | `switch` | the demo's network in four buckets: `switch_bucket` |
//! | `gru`, `gru_training` | the demo's network at 29 steps: inference, a training step with momentum |
//! | `conv`, `depthwise` | windows of 3 x 3 over 16 channels of 16 x 16, padded by one: to 32 channels; each channel to itself |
//! | `empty` | nothing: what the start, the checksum and the printing take |
//!
//! Run by the plan's tables; `*_specialised`: by code for the plan's calls. `naive_*`: loops as one would write them. `embedded_nn_*`: the crate embedded-nn, whose dense layers and convolutions have f32.
#![no_std]

pub mod naive;

use core::arch::asm;
use core::hint::black_box;

use board::println;
use tinpail::optim::Sgd;
use tinpail::{Batch, BucketIndex, BucketingModule, Model, Tensor};

#[doc(hidden)]
pub use {board, bytemuck, static_cell, tinpail};

/// The label of every training step.
pub const LABEL: u16 = 3;
/// The numbers of a training step with momentum.
pub const MOMENTUM: Sgd = Sgd {
    momentum: 0.9,
    ..SGD
};
/// The numbers of one without.
pub const SGD: Sgd = Sgd {
    learning_rate: 0.01,
    momentum: 0.0,
    wd: 0.0,
    rescale_grad: None,
    clip_gradient: None,
};

/// Where the measured window opens. The two differ, or the compiler would make them one.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn bench_start() {
    // SAFETY: does nothing; the compiler takes it to touch memory, so nothing moves across.
    unsafe { asm!("nop") }
}

/// Where it closes.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn bench_stop() {
    // SAFETY: as above.
    unsafe { asm!("nop", "nop") }
}

/// The measured window.
#[inline(always)]
pub fn measure<R>(work: impl FnOnce() -> R) -> R {
    bench_start();
    let result = work();
    bench_stop();
    result
}

/// FNV-1a of each array's bits; the arrays in any order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checksum(u32);

impl Checksum {
    #[inline(never)]
    pub fn add(self, values: &[f32]) -> Self {
        let hash = values.iter().fold(0x811c_9dc5, |hash: u32, value| {
            (hash ^ value.to_bits()).wrapping_mul(0x0100_0193)
        });
        Self(self.0.wrapping_add(hash))
    }
}

/// Ends every binary.
pub fn report(checksum: Checksum) {
    println!("checksum {:08x}", checksum.0);
    println!("stack {}", board::stack::usage().used);
}

/// Names the main function: `fn() -> Checksum`.
#[macro_export]
macro_rules! main {
    ($run:path) => {
        $crate::board::entry!(bench_main, uncounted);

        fn bench_main() {
            $crate::report($run());
        }
    };
}

/// A file of the build script in the region beside flash: weights and inputs are not counted.
#[macro_export]
macro_rules! stored {
    ($name:expr) => {{
        #[repr(C, align(16))]
        struct Aligned<T: ?Sized>(T);
        const LEN: usize = include_bytes!(concat!(env!("OUT_DIR"), "/", $name)).len();
        #[unsafe(link_section = ".testdata")]
        static BYTES: Aligned<[u8; LEN]> =
            Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/", $name)));
        // The compiler knows nothing of the values.
        core::hint::black_box(&BYTES.0[..])
    }};
}

/// The floats of a file.
#[macro_export]
macro_rules! floats {
    ($name:expr) => {
        $crate::bytemuck::try_cast_slice::<u8, f32>($crate::stored!($name)).unwrap_or(&[])
    };
}

/// A binary that infers with the plan of a name.
#[macro_export]
macro_rules! inference {
    ($name:ident) => {
        $crate::planned!($name, $crate::infer);
    };
}

/// A binary that switches buckets of the plan of a name.
#[macro_export]
macro_rules! switching {
    ($name:ident) => {
        $crate::planned!($name, $crate::switch);
    };
}

/// A binary that trains with the plan of a name and an optimizer.
#[macro_export]
macro_rules! training {
    ($name:ident, $optimizer:expr) => {
        $crate::planned!($name, |module, bucket, input| $crate::train(
            module, $optimizer, bucket, input
        ));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! planned {
    ($name:ident, $run:expr) => {
        // A binary does not use all that a plan offers.
        #[allow(dead_code)]
        mod plan {
            use $crate::tinpail;
            include!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".rs"));
        }

        static ARENA: $crate::static_cell::ConstStaticCell<plan::Arena> =
            $crate::static_cell::ConstStaticCell::new(plan::Arena::new());

        $crate::main!(run);

        fn run() -> $crate::Checksum {
            let blob = $crate::stored!(concat!(stringify!($name), ".blob"));
            let input = $crate::floats!(concat!(stringify!($name), ".input"));
            match plan::Module::bind(ARENA.take(), blob) {
                Ok(module) => ($run)(module, plan::Bucket::DEFAULT.into(), input),
                Err(_) => $crate::failed("bind"),
            }
        }
    };
}

/// Something that cannot happen with the plans that this crate is built from.
#[cold]
#[inline(never)]
pub fn failed(what: &str) -> Checksum {
    println!("{what} failed");
    Checksum::default()
}

/// An inference, the second of two.
#[inline(always)]
pub fn infer<M: Model>(
    mut module: BucketingModule<'_, M>,
    bucket: BucketIndex,
    input: &[f32],
) -> Checksum {
    let data = [Tensor::F32(black_box(input))];
    let batch = Batch::new(bucket, &data);
    let first = module.forward(&batch);
    let second = measure(|| module.forward(&batch));
    match (first, second, module.get_outputs(0)) {
        (Ok(()), Ok(()), Ok(outputs)) => Checksum::default().add(outputs),
        _ => failed("forward"),
    }
}

/// To another bucket, and what the outputs of the current one are then.
#[inline(always)]
pub fn switch<M: Model>(
    mut module: BucketingModule<'_, M>,
    bucket: BucketIndex,
    input: &[f32],
) -> Checksum {
    let first = module.switch_bucket(BucketIndex(0));
    let bucket = black_box(bucket);
    // The module behind a pointer, so that the store is made within the window, and no other.
    let module = black_box(&mut module);
    let second = measure(|| module.switch_bucket(bucket));
    let module = black_box(module);
    if first.is_err() || second.is_err() {
        return failed("switch_bucket");
    }
    let data = [Tensor::F32(black_box(input))];
    match (
        module.forward(&Batch::new(bucket, &data)),
        module.get_outputs(0),
    ) {
        (Ok(()), Ok(outputs)) => Checksum::default().add(outputs),
        _ => failed("forward"),
    }
}

/// A training step, the second of two.
#[inline(always)]
pub fn train<M: Model<Optimizer = Sgd>>(
    mut module: BucketingModule<'_, M>,
    optimizer: Sgd,
    bucket: BucketIndex,
    input: &[f32],
) -> Checksum {
    if module.init_optimizer(optimizer).is_err() {
        return failed("init_optimizer");
    }
    let label = black_box([LABEL]);
    let (data, label) = ([Tensor::F32(black_box(input))], [Tensor::U16(&label)]);
    let batch = Batch::new(bucket, &data).with_label(&label);
    let first = module.train_step(&batch);
    let second = measure(|| module.train_step(&batch));
    if first.is_err() || second.is_err() {
        return failed("train_step");
    }
    module.trainable().fold(Checksum::default(), |sum, param| {
        module
            .get_params(param)
            .map_or_else(|_| failed("get_params"), |values| sum.add(values))
    })
}
