//! What the emulated boards offer to an application: the same interface on Arm and RISC-V.
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//! use board::println;
//!
//! board::entry!(run);
//!
//! fn run() -> Result<(), &'static str> {
//!     let (sum, instructions) = board::instructions(|| (0..10).sum::<u32>());
//!     println!("{sum} in {instructions} instructions");
//!     println!("{:?}", board::stack::usage());
//!     Ok(())
//! }
//! ```
//!
//! Printing, files and the exit status go to the host through semihosting, so this crate is for emulators and debuggers.
//! A panic or a fault ends the run with a message on the host's stderr and a non-zero status.
#![no_std]

#[cfg(target_arch = "arm")]
#[path = "arm.rs"]
mod arch;
#[cfg(target_arch = "riscv32")]
#[path = "riscv.rs"]
mod arch;
pub mod flash;
mod print;
pub mod stack;

#[doc(hidden)]
pub use arch::rt;
/// Two readings, and the instructions between them: what [`instructions`] is made of, for a profiler's clock.
pub use arch::{counter, instructions_between};
#[cfg(feature = "defmt")]
#[doc(hidden)]
pub use print::print_line;
use semihosting::process::Termination;
/// Host files: paths are C strings, relative to the folder in which the emulator was started.
pub use semihosting::{fs, io};

#[cfg(feature = "defmt")]
use defmt_semihosting as _;

/// Names the application's main function: `fn() -> T`, where `T` is `()`, `Result` or `ExitCode`.
///
/// The program ends when it returns; an error is printed to the host's stderr and ends it with status 1.
///
/// With `uncounted` behind it, [`instructions`] does not count, and the program runs on machines whose timers are others too.
#[macro_export]
macro_rules! entry {
    ($application:path) => {
        #[$crate::rt::entry]
        fn board_entry() -> ! {
            $crate::start($application)
        }
    };
    ($application:path, uncounted) => {
        #[$crate::rt::entry]
        fn board_entry() -> ! {
            $crate::start_uncounted($application)
        }
    };
}

#[doc(hidden)]
pub fn start<T: Termination>(application: fn() -> T) -> ! {
    arch::start_counter();
    start_uncounted(application)
}

#[doc(hidden)]
pub fn start_uncounted<T: Termination>(application: fn() -> T) -> ! {
    stack::paint();
    application().report().exit_process()
}

/// Runs `work` and counts the instructions that it executes, exactly, modulo 2^32 on RISC-V and about 1.3e9 on Arm.
///
/// Needs QEMU started with the `-icount` of the board's runner. What the compiler puts between the two readings counts: a
/// call's arguments, say, or a register saved.
#[inline(always)]
pub fn instructions<R>(work: impl FnOnce() -> R) -> (R, u32) {
    let before = arch::counter();
    let result = work();
    let after = arch::counter();
    (result, arch::instructions_between(before, after))
}
