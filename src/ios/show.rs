//! The `show` views: each a function from a [`View`](super::View) to text with `\n` line ends.

pub mod ap_image;
