//! The demo's parts: the device, its simulation on the host, and the judgement of both.

pub mod device;
pub mod judge;
pub mod twin;
