//! The smallest program that uses the subject its build was given (see `build.rs`). It is linked and measured, never
//! run; `cargo xtask cost` builds it for each subject.
#![no_std]
#![no_main]

use core::hint::black_box;

use tinpail::{Batch, Tensor};

#[expect(
    dead_code,
    reason = "generated: what this program does not need as well"
)]
mod network {
    include!(concat!(env!("OUT_DIR"), "/network.rs"));
}

mod metric {
    include!(concat!(env!("OUT_DIR"), "/metric.rs"));
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

static mut ARENA: network::Arena = network::Arena::new();

/// Values that the compiler knows nothing about.
fn opaque<T>(values: &[T]) -> &[T] {
    black_box(values)
}

fn run() -> Option<f64> {
    // SAFETY: never run.
    let arena = unsafe { &mut *(&raw mut ARENA) };
    let mut module = network::Module::bind(arena, opaque(&[])).ok()?;
    let (values, labels) = (opaque(&[0.5f32]), opaque(&[1u16]));
    let data = [Tensor::F32(values)];
    let label = [Tensor::U16(labels)];
    let batch = Batch::new(network::Bucket::DEFAULT, &data).with_label(&label);
    module.forward(&batch).ok()?;
    #[cfg(trains)]
    {
        module.init_optimizer(black_box(Default::default())).ok()?;
        module.train_step(&batch).ok()?;
    }
    // Not the batch's own, whose lengths forward has proved to the compiler.
    metric::measure(opaque(&[1]), opaque(&[0.5]), module.get_outputs(0).ok()?)
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    black_box(run());
    loop {
        core::hint::spin_loop();
    }
}
