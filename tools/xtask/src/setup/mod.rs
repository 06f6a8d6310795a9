//! What the project needs beyond Rust for the host and a C toolchain, installed when it is missing.

mod apt;
mod chromium;
mod cross;
mod qemu;
mod sysroot;

pub use chromium::chromium;
pub use cross::cross;
pub use qemu::qemu;
