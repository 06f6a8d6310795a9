//! Pictures of a plan: what its arena holds, call by call.
//!
//! [`view`] is what is shown: the JSON of `tinpail plan --json`, and all that the pictures know. [`svg`] draws one
//! program, as a file or as part of [`page`]; [`flame`] draws what a device measured of it. The page's script shows and
//! hides what the page already has; it draws nothing, so that the page reads without it.

mod colour;
mod flame;
mod page;
mod scale;
mod svg;
mod view;

pub use page::page;
pub use scale::{grouped, percentage_of};
pub use svg::file as svg;
pub use view::{Mode, Picture};
