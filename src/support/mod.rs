//! Units, statistics, files: what every room may use and what knows no other room.

pub mod atomic_file;
pub mod interrupt;
pub mod printable;
pub mod statistics;
pub mod style;
pub mod units;
pub mod words;
