//! Finds what is slow by the look of it and writes it anew: rules over syntax trees, a project index, edits.
//! Knows nothing of profiles, journals or runs; reads and writes no files.

mod apply;
mod assumption;
mod attributes;
mod calls;
mod catalogue;
mod context;
mod edits;
mod facts;
mod fetch;
mod fetched;
mod ignore;
mod index;
mod inferred;
mod keys;
mod query;
mod reading;
mod relatives;
mod rule;
mod rules;
mod scan;
mod source;
mod view;

pub use apply::{Application, Applied, Dropped, Rewritten, apply, apply_matches};
pub use catalogue::{Example, catalogue, examples};
pub use ignore::Ignores;
pub use rule::{Rule, rules};
pub use scan::{ParsedFiles, Scan, ScanOptions, parse, scan, scan_parsed};
