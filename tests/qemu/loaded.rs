//! A second network, loaded over the kernels of the first: its plan and its parameters are blobs, and the bits are those
//! of the host. And what switching a bucket costs.
#![no_std]
#![no_main]

use board::println;
use scenario::{loaded, network};
use static_cell::ConstStaticCell;
use tinpail::plan::PlanRows;
use tinpail::{Arena, BucketIndex, BucketingModule, Loaded};

board::entry!(run);

static ROWS: ConstStaticCell<PlanRows<{ loaded::FEW }, { loaded::ROWS }>> =
    ConstStaticCell::new(PlanRows::new());
static ARENA: ConstStaticCell<Arena<{ loaded::ARENA_WORDS }>> = ConstStaticCell::new(Arena::new());

fn run() -> Result<(), &'static str> {
    let rows = ROWS.take();
    let model = Loaded::from_bytes(network::Model, loaded::PLAN, rows.storage());
    let model = model.map_err(|_| "plan")?;
    let arena = ARENA.take().words();
    let module = BucketingModule::bind_words(model, arena, loaded::blob());
    let mut module = module.map_err(|_| "bind")?;
    let (values, bits) = loaded::run(&mut module)?;
    println!(
        "{values} values of a loaded network, equal to the host's: {}",
        (values, bits) == loaded::EXPECTED
    );
    let bucket = core::hint::black_box(BucketIndex(0));
    let (switched, instructions) = board::instructions(|| module.switch_bucket(bucket));
    switched.map_err(|_| "switch_bucket")?;
    println!(
        "switching a bucket takes under 200 instructions: {}",
        instructions < 200
    );
    Ok(())
}
