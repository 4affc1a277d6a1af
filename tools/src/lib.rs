//! Load generators and benchmarks.

pub mod raw;
pub mod relay;
