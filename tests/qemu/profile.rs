//! The demo's network, profiled by the board's own counter of instructions: an inference and a training step of 29 steps. What each
//! call took differs from core to core and goes to a file for `tinpail profile`; what holds on all of them is printed.
#![no_std]
#![no_main]

use core::cell::RefCell;

use board::io::Write;
use board::{fs::File, println};
use speaker::all_layers::{self, Arena, Bucket, Module};
use static_cell::ConstStaticCell;
use tinpail::optim::Sgd;
use tinpail::plan::{Kernel, Plan, Work};
use tinpail::profiler::{Clock, Profiler, Tally};
use tinpail::{Batch, BucketingModule, Model, Tensor};

board::entry!(run);

const ROWS: usize = all_layers::PROFILE_ROWS;
const BUCKET: Bucket = Bucket::K29;
const PRODUCTS: [Kernel; 5] = [
    Kernel::GruForward,
    Kernel::GruBackward,
    Kernel::DenseForward,
    Kernel::DenseBackwardData,
    Kernel::DenseUpdate,
];

static ARENA: ConstStaticCell<Arena> = ConstStaticCell::new(Arena::new());
static FIRST: ConstStaticCell<[Tally; ROWS]> = ConstStaticCell::new([Tally::ZERO; ROWS]);
static SECOND: ConstStaticCell<[Tally; ROWS]> = ConstStaticCell::new([Tally::ZERO; ROWS]);

struct Instructions;

impl Clock for Instructions {
    const UNIT: &'static str = "instructions";

    #[inline(always)]
    fn now(&mut self) -> u32 {
        board::counter()
    }

    #[inline(always)]
    fn between(&self, before: u32, after: u32) -> u32 {
        board::instructions_between(before, after)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Inference,
    Step,
}

/// What was counted beside the rows.
#[derive(Clone, Copy, PartialEq)]
struct Whole {
    /// From outside, the profiler at work.
    profiled: u64,
    phases: u64,
    own: u64,
    dispatch: u64,
}

fn run() -> Result<(), &'static str> {
    let arena = ARENA.take();
    let (first, second) = (FIRST.take(), SECOND.take());
    let mut file = File::create(c"profile.txt").map_err(|_| "a file")?;
    for (name, work) in [("inference", Kind::Inference), ("step", Kind::Step)] {
        let plain = instructions_of(&mut bound(arena)?, work)?;
        // What QEMU translates while it runs it may count an instruction too many of: the first run is thrown away.
        profile(arena, work, second, None)?;
        let whole = profile(arena, work, first, Some(&mut file))?;
        let again = profile(arena, work, second, None)?;
        let rows: u64 = first.iter().map(|tally| tally.count).sum();
        let called = first.iter().filter(|tally| tally.visits > 0).count();
        println!("{name}: {called} rows of {ROWS}");
        println!("the same twice: {}", first == second && whole == again);
        println!(
            "rows, dispatch and the profiler's own are the phases: {}",
            rows + whole.own + whole.dispatch == whole.phases
        );
        println!("dispatch is under 3 %: {}", 100 * whole.dispatch < 3 * rows);
        println!(
            "the phases are 99 % of the whole: {}",
            whole.phases <= whole.profiled && 100 * whole.phases >= 99 * whole.profiled
        );
        println!(
            "within 1 % of the whole without a profiler: {}",
            100 * plain.abs_diff(rows + whole.dispatch) < plain
        );
        let module = bound(arena)?;
        println!(
            "the largest rows are products: {}",
            largest_are_products(&module.plan(), first, rows)
        );
    }
    Ok(())
}

fn bound(arena: &mut Arena) -> Result<Module<'_>, &'static str> {
    let mut module = Module::bind(arena, speaker::blob()).map_err(|_| "bind")?;
    let sgd = Sgd {
        learning_rate: 0.01,
        momentum: 0.5,
        ..Sgd::default()
    };
    module.init_optimizer(sgd).map_err(|_| "init_optimizer")?;
    Ok(module)
}

fn instructions_of<M: Model>(
    module: &mut BucketingModule<'_, M>,
    work: Kind,
) -> Result<u64, &'static str> {
    let mut values = [0.0; 29 * speaker::data::CHANNELS];
    for (at, value) in values.iter_mut().enumerate() {
        *value = (at % 23) as f32 / 29.0 - 0.3;
    }
    let (data, label) = ([Tensor::F32(&values)], [Tensor::U16(&[3])]);
    let batch = Batch::new(BUCKET, &data).with_label(&label);
    let (done, instructions) = board::instructions(|| match work {
        Kind::Inference => module.forward(&batch).is_ok(),
        Kind::Step => module.train_step(&batch).is_ok(),
    });
    match done {
        true => Ok(instructions.into()),
        false => Err("a step"),
    }
}

/// From the same parameters each time: what exp and tanh take depends on their arguments.
fn profile(
    arena: &mut Arena,
    work: Kind,
    rows: &mut [Tally],
    file: Option<&mut File>,
) -> Result<Whole, &'static str> {
    let module = bound(arena)?;
    let profiler = Profiler::new(&module.plan(), BUCKET, Instructions, rows);
    let profiler = RefCell::new(profiler.map_err(|_| "rows")?);
    let mut module = module.install_profiler(&profiler);
    let profiled = instructions_of(&mut module, work)?;
    let profiler = profiler.borrow();
    if let Some(file) = file {
        writeln!(file, "{profiler}").map_err(|_| "a file")?;
    }
    let phases = tinpail::monitor::Phase::ALL.map(|phase| profiler.phase(phase).count);
    Ok(Whole {
        profiled,
        phases: phases.iter().sum(),
        own: profiler.own().count,
        dispatch: profiler.dispatch(),
    })
}

/// Whether every row that takes a twentieth of all or more is a product.
fn largest_are_products(plan: &Plan<'_>, rows: &[Tally], all: u64) -> bool {
    plan.steps.iter().zip(rows).all(|(step, tally)| {
        let kernel = match step.work() {
            Work::Call(row) => plan.calls.get(usize::from(row)).map(|call| call.kernel),
            Work::Loop(_) => None,
        };
        20 * tally.count < all || kernel.is_some_and(|kernel| PRODUCTS.contains(&kernel))
    })
}
