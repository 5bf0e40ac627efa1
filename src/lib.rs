//! cmdx finds what makes a Python project slow, fixes it, and proves both.
//! `docs/ARCHITECTURE.md` is the map of the rooms declared here.

pub mod agent;
pub mod cli;
pub mod commands;
pub mod engine;
pub mod harness;
pub mod model;
pub mod project;
pub mod report;
pub mod support;
pub mod syntax;
pub mod ui;
