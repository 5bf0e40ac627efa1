//! The integration tests: every module runs cmdx, or one of its rooms, on real projects with real interpreters.

mod accuracy;
mod environments;
mod forky;
mod layering;
mod profiled;
mod project;
mod query_agent;
mod query_drivers;
mod rewrite_examples;
mod servers;
mod surroundings;
mod third_party;
mod traced;
