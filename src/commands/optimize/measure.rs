//! Runs the workload and turns what it left behind into a profile.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::args::Plan;
use super::charged::Charged;
use super::ending;
use super::memory_tracing::MemoryTracing;
use crate::agent;
use crate::agent::wire::ProcessEvents;
use crate::commands::sources::Sources;
use crate::commands::{Context, Failure, FailureKind, refused};
use crate::engine::profile::{cpu, queries};
use crate::harness::{self, Event, HarnessError, RecordOptions, plan_check};
use crate::model::{ExitReason, Interpreter, Problem, Profile, QueryProfile, Recording, Workload, WorkloadSummary};
use crate::project::{Project, install, interpreter, requirements, workload};
use crate::support::{interrupt, units};

/// A workload that takes longer is ended, unless the user says otherwise.
pub(in crate::commands) const DEADLINE_DEFAULT: Duration = Duration::from_mins(10);
/// What the database's planner gets to answer all questions; large databases are copied first.
const PLAN_DEADLINE: Duration = Duration::from_secs(30);
/// Logs of so many runs are kept.
const RUNS_KEPT: usize = 10;

/// What was run and what came of it.
pub(super) struct Measured {
    pub interpreter: Interpreter,
    /// `None` when the project offers nothing to run.
    pub run: Option<Run>,
    pub problems: Vec<Problem>,
    /// What was looked at when a workload was chosen, one sentence each.
    pub considered: Vec<String>,
}

/// One run.
pub(super) struct Run {
    pub workload: WorkloadSummary,
    pub profile: Profile,
}

/// Chooses an interpreter and a workload, runs it, and builds its profile.
pub(super) fn measure(
    plan: &Plan,
    project: &Project,
    sources: &Sources,
    charged: Charged,
    context: &Context,
) -> anyhow::Result<Measured> {
    let found = interpreter::find(project).map_err(refused)?;
    let mut problems: Vec<Problem> = found.notes.iter().map(|note| noted(note)).collect();
    let mut interpreter = found.interpreter;
    if plan.installs && plan.command.is_none() {
        interpreter = install(project, &interpreter, &mut problems, context)?;
    }
    let choice = workload::choose(project, &interpreter, plan.command.clone()).map_err(refused)?;
    let mut measured = Measured { interpreter, run: None, problems, considered: choice.considered };
    if choice.workloads.is_empty() {
        return Ok(measured);
    }
    if plan.command.is_none() {
        requirements::check(project, &measured.interpreter).map_err(refused)?;
    }
    let directory = run_directory(project)?;
    tracing::info!(interpreter = %measured.interpreter.path.display(), why = interpreter::why(&measured.interpreter));
    let memory = MemoryTracing::prepare(plan, &measured.interpreter, &directory);
    let mut whole: Option<Recording> = None;
    for (number, workload) in choice.workloads.iter().enumerate() {
        let recording =
            run_one(plan, project, workload, (&directory, number), &memory, context, &mut measured.problems)?;
        let is_stopped = recording.exit == ExitReason::Interrupted;
        whole = Some(match whole {
            Some(before) => harness::joined(before, recording),
            None => recording,
        });
        if is_stopped {
            break;
        }
    }
    let Some(recording) = whole else { return Ok(measured) };
    measured.problems.extend(recording.problems.iter().cloned());
    let asker = (&measured.interpreter, project);
    let profile = profile(&recording, sources, charged, asker, &memory, &mut measured.problems);
    measured.run = Some(Run { workload: summary(project, &choice.workloads, &recording), profile });
    Ok(measured)
}

/// Records one workload of the run in `directory`; the first keeps its logs there, others in folders of their number.
fn run_one(
    plan: &Plan,
    project: &Project,
    workload: &Workload,
    (directory, number): (&Path, usize),
    memory: &MemoryTracing,
    context: &Context,
    problems: &mut Vec<Problem>,
) -> anyhow::Result<Recording> {
    tracing::info!(workload = workload.title, argv = ?workload.argv, cwd = %workload.cwd.display());
    let mut traced = workload.clone();
    let agent = if plan.traced.queries { place_agent(project, &mut traced, directory, problems) } else { None };
    let logs = if number == 0 { directory.to_path_buf() } else { directory.join((number + 1).to_string()) };
    fs::create_dir_all(&logs).map_err(|error| Failure::not_written(&logs, &error))?;
    let recording = record(plan, project, &traced, &logs, (agent, memory.variables(workload)), context)?;
    tracing::info!(exit = ?recording.exit, wall_seconds = recording.wall_seconds, n_samples = recording.samples.len());
    problems.extend(ending::problems(workload, &recording));
    Ok(recording)
}

pub(super) fn noted(message: &str) -> Problem {
    Problem { location: None, message: message.to_owned(), hint: None }
}

/// The interpreter of `.cmdx/venv`, made or brought up to date first, when the project's own lacks something.
pub(in crate::commands) fn install(
    project: &Project,
    base: &Interpreter,
    problems: &mut Vec<Problem>,
    context: &Context,
) -> anyhow::Result<Interpreter> {
    let progress = context.ui.progress("Installing");
    let made = install::ensure(project, base, &mut |event| match event {
        install::Event::Step(step) => progress.message(&step),
        install::Event::Note(note) => problems.push(noted(&note)),
    });
    Ok(made.map_err(refused)?)
}

/// A new directory for the logs and events of one run; old ones are taken away.
pub(in crate::commands) fn run_directory(project: &Project) -> anyhow::Result<PathBuf> {
    let runs = project.state_directory().map_err(refused)?.join("runs");
    let directory = runs.join(format!("{}-{}", units::timestamp(SystemTime::now()), std::process::id()));
    fs::create_dir_all(&directory).map_err(|error| Failure::not_written(&directory, &error))?;
    let mut kept: Vec<PathBuf> =
        fs::read_dir(&runs).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    kept.sort();
    for old in kept.iter().rev().skip(RUNS_KEPT) {
        // Another cmdx may be taking the same one away.
        let _gone_is_fine = fs::remove_dir_all(old);
    }
    Ok(directory)
}

/// Where the agent of a run lies and writes.
struct Agent {
    directory: PathBuf,
    events_directory: PathBuf,
    variables: Vec<(String, OsString)>,
}

/// Puts the query agent in place and makes the workload load it. Without it the run is sampled all the same.
fn place_agent(
    project: &Project,
    workload: &mut Workload,
    directory: &Path,
    problems: &mut Vec<Problem>,
) -> Option<Agent> {
    let (agent_directory, events_directory) = (directory.join("agent"), directory.join("events"));
    let placed = Agent { directory: agent_directory, events_directory, variables: vec![] };
    let written = fs::create_dir_all(&placed.directory)
        .and_then(|()| fs::create_dir_all(&placed.events_directory))
        .and_then(|()| agent::install(&placed.directory));
    if let Err(error) = written {
        problems.push(noted(&format!("queries were not traced: the agent cannot be written: {error}")));
        return None;
    }
    let own_path = workload.env.iter().find(|(name, _)| name == "PYTHONPATH").map(|(_, value)| OsString::from(value));
    let python_path = own_path.or_else(|| std::env::var_os("PYTHONPATH"));
    let settings = agent::Settings {
        agent_directory: &placed.directory,
        events_directory: &placed.events_directory,
        project_root: &project.root,
        excludes: &[],
        python_path: python_path.as_deref(),
    };
    let variables = agent::environment(&settings);
    if let Some(argv) = agent::boot_argv(&placed.directory, &workload.argv) {
        workload.argv = argv;
    }
    Some(Agent { variables, ..placed })
}

fn record(
    plan: &Plan,
    project: &Project,
    workload: &Workload,
    directory: &Path,
    (agent, memory_variables): (Option<Agent>, Vec<(String, OsString)>),
    context: &Context,
) -> anyhow::Result<Recording> {
    let mut agent_variables = agent.as_ref().map_or_else(Vec::new, |agent| agent.variables.clone());
    agent_variables.extend(memory_variables);
    let options = RecordOptions {
        rate_hz: plan.rate_hz,
        deadline: plan
            .deadline
            .or(project.config.deadline_seconds.map(Duration::from_secs_f64))
            .unwrap_or(DEADLINE_DEFAULT),
        directory: directory.to_path_buf(),
        root: project.root.clone(),
        agent_variables,
        agent_directory: agent.as_ref().map(|agent| agent.directory.clone()),
        events_directory: agent.map(|agent| agent.events_directory),
    };
    let progress = context.ui.progress(&format!("Running {}", workload.title));
    let recording = harness::record(workload, &options, &mut |event| {
        let Event::Running { n_processes, .. } = event;
        let processes = units::counted(n_processes as u64, "process", "processes");
        progress.message(&format!("Running {} ({processes})", workload.title));
    });
    recording.map_err(|error| {
        let kind = match &error {
            HarnessError::NotWritable { .. } => FailureKind::NotWritten,
            _ => FailureKind::CannotRun,
        };
        Failure::new(kind, &error, error.hint()).into()
    })
}

fn profile(
    recording: &Recording,
    sources: &Sources,
    charged: Charged,
    (interpreter, project): (&Interpreter, &Project),
    memory: &MemoryTracing,
    problems: &mut Vec<Problem>,
) -> Profile {
    let outline = |path: &str| sources.outline(path);
    let build = |charged: &Charged| {
        let is_charged = |path: &str| charged.holds(path);
        cpu::build(recording, &cpu::Source { is_charged: &is_charged, outline: &outline })
    };
    let mut cpu = build(&charged);
    let mut charged = charged;
    if cpu.functions.is_empty() {
        // A project that consists of tests, or a suite that never reaches the rest.
        charged = charged.with_tests();
        cpu = build(&charged);
    }
    let events = recording.events_directory.as_ref().map(|directory| {
        let (events, lost) = agent::wire::read_directory(directory);
        problems.extend(lost);
        events
    });
    let memory = memory.profile(&mut cpu.frames, events.as_deref().unwrap_or_default(), sources, &charged, project);
    let memory = memory.map(|(memory, lost)| {
        problems.extend(lost);
        memory
    });
    let queries = events.map(|events| {
        let mut queries = queries::build(&events, &|path| sources.outline(path).cloned());
        ask_for_indexes(&events, &mut queries, interpreter, project);
        queries
    });
    Profile { cpu, queries, memory }
}

/// Has the planner of the database say which indexes it would use. Without an answer there is no advice, no more.
fn ask_for_indexes(events: &[ProcessEvents], profile: &mut QueryProfile, interpreter: &Interpreter, project: &Project) {
    let questions = queries::plan_questions(events, profile);
    if questions.is_empty() || interrupt::is_requested() {
        return;
    }
    match plan_check::ask(&interpreter.path, &project.root, &questions, PLAN_DEADLINE) {
        Ok(answers) => {
            for problem in answers.iter().filter_map(|answer| answer.problem.as_ref()) {
                tracing::info!(problem, "the planner could not be asked");
            }
            queries::add_index_advice(profile, answers);
        }
        Err(error) => tracing::info!(%error, "the planner could not be asked"),
    }
}

fn summary(project: &Project, workloads: &[Workload], recording: &Recording) -> WorkloadSummary {
    let titles: Vec<&str> = workloads.iter().map(|workload| workload.title.as_str()).collect();
    WorkloadSummary {
        kind: workloads[0].kind,
        title: titles.join(", then "),
        argv: workloads[0].argv.clone(),
        exit: recording.exit,
        stdout_log: project.relative(&recording.stdout_log),
        stderr_log: project.relative(&recording.stderr_log),
    }
}
