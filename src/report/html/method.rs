//! How it was measured, in which surroundings, what could not be, and how to have the page made again.

use serde::Serialize;

use crate::model::{Dashboard, Problem};
use crate::report::facts;
use crate::report::places::Places;
use crate::report::words;

/// The section.
#[derive(Serialize)]
pub(super) struct Method {
    facts: Vec<Row>,
    surroundings: Vec<Row>,
    problems: Vec<String>,
    argv: Option<String>,
    logs: Vec<String>,
    command: Option<String>,
    generator: String,
}

#[derive(Serialize)]
struct Row {
    label: String,
    text: String,
    is_warning: bool,
}

impl Method {
    pub(super) fn of(dashboard: &Dashboard, places: &Places) -> Self {
        let report = &dashboard.report;
        let row =
            |fact: facts::Fact| Row { label: fact.label.to_string(), text: fact.text, is_warning: fact.is_warning };
        let surrounding =
            |(label, text): &(String, String)| Row { label: label.clone(), text: text.clone(), is_warning: false };
        let workload = report.workload.as_ref();
        let logs = workload.iter().flat_map(|workload| [workload.stdout_log.clone(), workload.stderr_log.clone()]);
        Self {
            facts: facts::of(report).into_iter().map(row).collect(),
            surroundings: dashboard.surroundings.iter().map(surrounding).collect(),
            problems: report.problems.iter().map(|each| problem(places, each)).collect(),
            argv: workload.map(|workload| words::shell_words(&workload.argv)),
            logs: logs.filter(|log| !log.is_empty()).collect(),
            command: (!dashboard.command.is_empty()).then(|| words::shell_words(&dashboard.command)),
            generator: report.generator.clone(),
        }
    }
}

fn problem(places: &Places, problem: &Problem) -> String {
    let place = problem.location.as_ref().map(|location| format!("{}: ", places.place(location))).unwrap_or_default();
    let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{place}{}{hint}", problem.message)
}
