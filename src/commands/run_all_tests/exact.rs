//! Figures that two runs of the same code share: queries, counted by the agent, and the most memory that Python objects
//! held. Each has runs of its own; what it costs to watch never enters a time.

use std::collections::BTreeMap;
use std::fs;

use super::compare::{Session, Tree, Trouble};
use crate::agent;
use crate::commands::Failure;
use crate::engine::bench::protocol::Key;
use crate::engine::bench::{Band, judge, request_name};
use crate::engine::profile::queries;
use crate::harness::SuiteMode;
use crate::model::{BenchmarkKind, Metric, ScopeKind, Series, TestOutcome};

/// Runs that count queries, for each side: two that differ tell that the number is not the code's alone.
const COUNTS: usize = 2;

/// Adds what is exact of both trees.
pub(super) fn add(
    session: &mut Session<'_>,
    before: Option<&Tree>,
    after: &Tree,
    series: &mut BTreeMap<Key, Series>,
    problems: &mut Vec<String>,
) -> Result<(), Trouble> {
    let progress = session.setting.context.ui.progress("Counting queries");
    let sides = [(before, true), (Some(after), false)];
    for (tree, is_before) in sides {
        let Some(tree) = tree else { continue };
        for number in 0..COUNTS {
            let counts = queries_of(session, tree, number)?;
            // Without a driver there is nothing to count the second time.
            let is_done = counts.is_empty();
            for (key, n_queries) in counts {
                side_of(series, key, is_before).push(n_queries);
            }
            if is_done {
                break;
            }
        }
    }
    progress.message("Measuring memory");
    for (tree, is_before) in sides {
        let Some(tree) = tree else { continue };
        for (key, peak) in peaks_of(session, tree)? {
            side_of(series, key, is_before).push(peak);
        }
    }
    finish(series, before.is_some(), problems);
    Ok(())
}

fn side_of(series: &mut BTreeMap<Key, Series>, key: Key, is_before: bool) -> &mut Vec<f64> {
    let metric = key.2;
    let series = series.entry(key).or_insert_with(|| Series { metric, ..Series::default() });
    if is_before { &mut series.before } else { &mut series.after }
}

/// What is not on both sides is not compared; counts that differ between equal runs are told.
fn finish(series: &mut BTreeMap<Key, Series>, is_compared: bool, problems: &mut Vec<String>) {
    series.retain(|_, series| !series.after.is_empty());
    for ((_, name, metric), series) in series.iter_mut() {
        let differs = |values: &[f64]| values.windows(2).any(|pair| pair[0].to_bits() != pair[1].to_bits());
        if *metric == Metric::Queries && (differs(&series.before) || differs(&series.after)) {
            problems.push(format!("the number of queries of {name} differs from run to run: the largest counts"));
        }
        if is_compared && !series.before.is_empty() {
            series.comparison = judge(series, 0.99, &Band { part: 0.0 });
        }
    }
}

fn queries_of(session: &mut Session<'_>, tree: &Tree, number: usize) -> Result<BTreeMap<Key, f64>, Trouble> {
    let home = session.setting.directory.join(format!("agent-{number}"));
    let (agent_directory, events_directory) = (session.setting.directory.join("agent"), home);
    // Events of an earlier side are not those of this one.
    let _none_yet = fs::remove_dir_all(&events_directory);
    let placed = fs::create_dir_all(&agent_directory)
        .and_then(|()| fs::create_dir_all(&events_directory))
        .and_then(|()| agent::install(&agent_directory));
    placed.map_err(|error| Failure::not_written(&agent_directory, &error))?;
    let settings = agent::Settings {
        agent_directory: &agent_directory,
        events_directory: &events_directory,
        project_root: &tree.root,
        excludes: &[],
        python_path: None,
    };
    let mut variables = agent::environment(&settings);
    // The plugin's folder follows the agent's on the path; `run_suite` joins them.
    variables.retain(|(name, _)| name != "PYTHONPATH");
    variables.push(("PYTHONHASHSEED".to_owned(), "0".into()));
    let mut options = session.options(tree);
    options.first_on_path = Some(agent_directory);
    options.variables = variables;
    session.run(tree, &options)?;
    let (events, _) = agent::wire::read_directory(&events_directory);
    let profile = queries::build(&events, &|_| None);
    let mut counts = BTreeMap::new();
    for scope in &profile.scopes {
        let (kind, name) = match scope.kind {
            ScopeKind::Request => (BenchmarkKind::Request, request_name(&scope.name)),
            ScopeKind::Test => (BenchmarkKind::Test, scope.name.clone()),
            ScopeKind::Iteration | ScopeKind::Task => continue,
        };
        let count = counts.entry((kind, name, Metric::Queries)).or_insert(0.0_f64);
        *count = count.max(scope.n_queries_max as f64);
    }
    Ok(counts)
}

fn peaks_of(session: &mut Session<'_>, tree: &Tree) -> Result<BTreeMap<Key, f64>, Trouble> {
    let variables = vec![("PYTHONHASHSEED".to_owned(), "0".into())];
    let seen = session.once(tree, SuiteMode::Trace, variables)?;
    let is_passed = |name: &String| seen.tests.get(name).is_some_and(|test| test.outcome == TestOutcome::Passed);
    let peaks = seen.traced_peaks.iter().filter(|(name, _)| is_passed(name));
    Ok(peaks.map(|(name, peak)| ((BenchmarkKind::Test, name.clone(), Metric::TracedPeak), *peak as f64)).collect())
}
