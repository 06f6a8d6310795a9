//! Static memory placement: buffers with known sizes and lifetimes get offsets, so that buffers alive at one time
//! lie apart and the highest address used, the *peak*, is as small as can be.
//!
//! ```
//! use tinpail_place::{Buffer, Problem, check, minimise};
//!
//! let buffers = [Buffer::new(0, 3, 4), Buffer::new(3, 9, 4), Buffer::new(0, 9, 4), Buffer::new(9, 21, 4)];
//! let problem = Problem::new(buffers.to_vec())?;
//! let solution = minimise(&problem, 10_000);
//! assert_eq!(solution.peak, 8);
//! assert!(solution.optimal());
//! assert_eq!(check(&problem, &solution.offsets), Ok(8));
//! # Ok::<(), tinpail_place::ProblemError>(())
//! ```
//!
//! # How it works
//!
//! **The bound.** No peak is below the largest sum of sizes alive at one time. A placement that reaches it is
//! optimal, and most problems of real networks can reach it.
//!
//! **Greedy first** (`greedy`). Seven orders (by size, by life, by area, ...), each buffer at the lowest
//! offset that is free over its life. If one meets the bound, that is all.
//!
//! **Then a search at one capacity** (`search`): is there a placement with a peak of at most *C*? It is asked at the
//! lower bound first, then halfway between what has failed and the best peak, and again with more nodes. Each answer lowers the
//! peak or, where the search has seen everything, raises the lower bound. It ends when they meet, or when the
//! nodes are spent: their number, no clock, bounds the work, so that the same problem gives the same offsets on every
//! machine.
//!
//! ## The search
//!
//! Time is cut into *sections* in which the same buffers live; a section that is part of one beside it is dropped. A buffer
//! that is not yet placed has a *head*, the lowest offset left to it. A section's *floor* is the lowest head in it.
//! Placing a buffer at its head lifts the heads of all that live with it onto its top. So the heads of the open
//! buffers say all about what is left to solve, whatever way led there.
//!
//! - **Section bounds.** In each section, floor plus the sizes of its open buffers must be at most *C*. What
//!   remains is the section's slack: memory that may be wasted there.
//! - **Valleys.** Sections of equal floor with higher ones on both sides. A buffer whose head is that floor lies within
//!   the valley, and nothing can come to lie beneath it. The search takes one section of one valley and asks what stands on its floor there: one of the
//!   candidates, or nothing.
//! - **Nothing stands there.** Then each candidate stands on some other buffer (else it could be moved down), and its head rises to the
//!   lowest top among those it lives with. Without slack this branch does not exist; so narrow sections, with
//!   few branches, are taken first.
//! - **Dominance.** Of buffers with one life, size and alignment only the first is tried. A candidate that fills its valley
//!   from wall to wall and does not rise above the walls lies at the bottom, or else above the walls: anywhere between, it could change places
//!   with what is beneath it. If it fills all that is left, it simply lies at the bottom.
//! - **Decomposition.** Where no open buffer lives in two neighbouring sections, time falls apart; each part is solved
//!   alone, the tightest first.
//! - **Memory of failures.** A part (its open buffers with their heads) that was seen to fail is hashed into 128 bits and remembered in a table of fixed
//!   size, for all later searches at the same capacity. This also takes care of orders that lead to one state.
//! - **Styles.** Which valley and which candidate come first decides how soon a placement is found. Several styles (`style`) take turns with few
//!   nodes each, twice as many in the next round, with noise from a fixed generator: an unlucky start costs little.
//!
//! Each step is judged by itself: from a state that has a solution, one of the branches leads to a state that has one. Offsets that do
//! not decrease, bounds by section, dominance and decomposition in time are ideas of M. D. Moffitt, "MiniMalloc: A Lightweight
//! Memory Allocator for Hardware-Accelerated Machine Learning", ASPLOS 2023 (doi 10.1145/3623278.3624752); the search by valleys, with heads and remembered
//! failures, is our own.
//!
//! With alignments or gaps the rules that rest on exchanging buffers are not used.
//!
//! **[`check`]** is a second opinion that shares nothing with the solver. **[`Table`]** reads and writes CSV.
//!
//! # Figures
//!
//! `cargo run --release -p tinpail-place --example bench -- FOLDER...` prints them for a folder of problems.
#![forbid(unsafe_code)]

mod check;
mod error;
mod greedy;
mod model;
mod problem;
mod search;
mod solve;
mod style;
mod table;

pub use check::check;
pub use error::{Fault, ProblemError, TableError, TableFault};
pub use problem::{Buffer, Gap, Problem};
pub use solve::{Solution, largest_live_sum, minimise, within};
pub use table::Table;
