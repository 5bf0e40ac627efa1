//! `--validate tests`: what passes before passes now. Tests that are flaky, or fail on both sides, are told and left out.

use super::args::Plan;
use crate::commands::Context;
use crate::commands::run_all_tests::outcomes_of_both;
use crate::model::{GateReport, GateStatus, GateVerdict};
use crate::project::Project;

/// Adds a verdict for every test that broke, and one for the whole.
pub(super) fn check(plan: &Plan, project: &Project, context: &Context, report: &mut GateReport) -> anyhow::Result<()> {
    let both = outcomes_of_both(project, context, plan.base.clone(), plan.python.clone())?;
    let whole = |status, message: String| GateVerdict {
        gate: "tests.outcomes".to_owned(),
        status,
        message,
        ..GateVerdict::default()
    };
    let Some(both) = both else {
        if !plan.is_all {
            let message = "there is no code before to compare with: name one with --base".to_owned();
            report.verdicts.push(whole(GateStatus::Missing, message));
        }
        return Ok(());
    };
    for test in &both.broken {
        report.verdicts.push(GateVerdict {
            benchmark: test.name.clone(),
            location: test.location.clone(),
            ..whole(GateStatus::Fail, format!("it passes before ({}) and not now: {}", both.title, test.message))
        });
    }
    if !both.always_failing.is_empty() {
        report.problems.push(format!("failing before too: {}", both.always_failing.join(", ")));
    }
    if !both.flaky.is_empty() {
        report.problems.push(format!("flaky, left out: {}", both.flaky.join(", ")));
    }
    if both.broken.is_empty() {
        let message = format!("{} tests pass as before ({})", both.n_same, both.title);
        report.verdicts.push(whole(GateStatus::Pass, message));
    }
    Ok(())
}
