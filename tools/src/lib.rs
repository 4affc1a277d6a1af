//! Load generators and benchmarks.

pub mod raw;
