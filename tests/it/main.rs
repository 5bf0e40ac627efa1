//! The integration tests: every module runs cmdx, or one of its rooms, on real projects with real interpreters.

mod accuracy;
mod bad_input;
mod check_code_quality;
mod command_line;
mod environments;
mod forky;
mod html_report;
mod implement;
mod layering;
mod profiled;
mod project;
mod query_agent;
mod query_drivers;
mod query_indexes;
mod report_formats;
mod rewrite_catalogue;
mod rewrite_differential;
mod rewrite_examples;
mod rewrite_scan;
mod runs;
mod sample_projects;
mod servers;
mod surroundings;
mod third_party;
mod traced;
mod verify;
