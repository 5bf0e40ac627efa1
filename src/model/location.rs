//! A place in the user's source.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A line of a file and the function it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// Relative to the project root, with `/`; absolute where the file lies outside it.
    pub path: String,
    /// Counted from 1; 0 where no line is known.
    pub line: u32,
    /// Name of the enclosing function as Python gives it (`load`, `<module>`); empty where none is known.
    pub symbol: String,
}

impl Location {
    /// Builds a location from its three parts.
    pub fn new(path: impl Into<String>, line: u32, symbol: impl Into<String>) -> Self {
        Self { path: path.into(), line, symbol: symbol.into() }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.path, self.line)
    }
}
