//! The `alloc` feature on a board: owned outputs on the heap of embedded-alloc.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec::Vec;

use board::println;
// The critical section that the heap takes.
#[cfg(target_arch = "arm")]
use cortex_m as _;
use embedded_alloc::LlffHeap;
#[cfg(target_arch = "riscv32")]
use riscv as _;
use scenario::network::{Arena, Bucket, Module};
use static_cell::ConstStaticCell;
use tinpail::{Batch, Tensor};

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();
static ARENA: ConstStaticCell<Arena> = ConstStaticCell::new(Arena::new());

board::entry!(run);

fn run() -> Result<(), &'static str> {
    const HEAP_BYTES: usize = 2048;
    static mut MEMORY: [u8; HEAP_BYTES] = [0; HEAP_BYTES];
    // SAFETY: called once, before anything is allocated, with memory that nothing else uses.
    unsafe { HEAP.init((&raw mut MEMORY) as usize, HEAP_BYTES) }
    let mut module = Module::bind(ARENA.take(), scenario::blob()).map_err(|_| "bind")?;
    let mut kept: Vec<Vec<f32>> = Vec::new();
    for bucket in Bucket::ALL {
        let values: Vec<f32> = (0..9 * bucket.key()).map(|i| i as f32 / 64.0).collect();
        let data = [Tensor::F32(&values)];
        module
            .forward(&Batch::new(*bucket, &data))
            .map_err(|_| "forward")?;
        kept.push(module.get_outputs_owned(0).map_err(|_| "outputs")?);
    }
    // All of them are still there, though each forward overwrote the arena's outputs.
    for (bucket, outputs) in Bucket::ALL.iter().zip(&kept) {
        let sums: Vec<f32> = outputs.chunks(3).map(|row| row.iter().sum()).collect();
        let near_one = sums.iter().all(|sum| (sum - 1.0).abs() < 1e-6);
        println!(
            "bucket {}: {} rows, each sums to one: {near_one}",
            bucket.key(),
            sums.len()
        );
    }
    println!("{} bytes of heap in use", HEAP.used());
    Ok(())
}
