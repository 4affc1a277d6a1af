//! Servers that are part of the program: a read-only TFTP server for image bundles.

pub mod tftp;
