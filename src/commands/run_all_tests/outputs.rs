//! Writes the result in the forms that were asked for, where they were asked for.

use std::io::Write as _;

use super::args::Output;
use crate::commands::{Context, Failure, refused};
use crate::engine::bench::history;
use crate::model::RunRecord;
use crate::project::Project;
use crate::report::{self, RunFormat};
use crate::support::atomic_file;
use crate::support::style::Style;

/// Leaves the figures where `double-check` finds them.
pub(super) fn leave(run: &mut RunRecord, project: &Project) -> anyhow::Result<()> {
    history::name(run);
    let file = project.state_directory().map_err(refused)?.join("result.json");
    let content = serde_json::to_vec_pretty(&*run)?;
    Ok(atomic_file::write(&file, &content).map_err(|error| Failure::not_written(&file, &error))?)
}

/// Keeps the run in the history and writes what continuous integration picks up.
pub(super) fn keep(run: &mut RunRecord, project: &Project, context: &Context) -> anyhow::Result<()> {
    let state = project.state_directory().map_err(refused)?;
    let path = history::write(&state, run).map_err(|error| Failure::not_written(&state.join("history"), &error))?;
    for (name, format) in
        [("result.json", RunFormat::Json), ("junit.xml", RunFormat::Junit), ("summary.md", RunFormat::Markdown)]
    {
        let file = state.join(name);
        let mut bytes = vec![];
        report::write_run(run, format, &Style::plain(), &mut bytes)?;
        atomic_file::write(&file, &bytes).map_err(|error| Failure::not_written(&file, &error))?;
    }
    context
        .ui
        .note(&format!("kept as {}; also result.json, junit.xml and summary.md in .cmdx", project.relative(&path)));
    Ok(())
}

/// Writes every output.
pub(super) fn write(run: &RunRecord, outputs: &[Output], context: &Context) -> anyhow::Result<()> {
    for output in outputs {
        let Some(path) = &output.path else {
            let mut stdout = context.ui.stdout();
            let written =
                report::write_run(run, output.format, context.ui.style(), &mut stdout).and_then(|()| stdout.flush());
            written.map_err(|error| Failure::not_written("standard output".as_ref(), &error))?;
            continue;
        };
        let mut bytes = vec![];
        report::write_run(run, output.format, &Style::plain(), &mut bytes)?;
        atomic_file::write(path, &bytes).map_err(|error| Failure::not_written(path, &error))?;
        context.ui.note(&format!("{} written to {}", output.format.name(), path.display()));
    }
    Ok(())
}
