//! The words for what the nouns hold, the same in every form of the report.

use crate::model::{
    Category, ExitReason, Finding, FindingKind, Interpreter, InterpreterSource, Location, QueryLoop, QueryPatternKind,
    Report, Safety, ScopeKind, Share,
};
use crate::support::units;

/// What `=` behind a rank means.
pub(super) const JOINT_RANKS: &str = "= their intervals overlap: which of them costs more is not certain";

/// Asked for memory alone: the analysis has another title.
pub(super) fn is_about_memory(report: &Report) -> bool {
    report.categories == [Category::Memory]
}

/// The value `--category` takes for what was asked.
pub(super) fn category(report: &Report) -> &'static str {
    match report.categories.as_slice() {
        [category] => category_name(*category),
        _ => "all",
    }
}

/// `algorithm`.
pub(super) fn category_name(category: Category) -> &'static str {
    match category {
        Category::Algorithm => "algorithm",
        Category::Io => "io",
        Category::Memory => "memory",
    }
}

/// `exit code 0`.
pub(super) fn exit(reason: ExitReason) -> String {
    match reason {
        ExitReason::Exited(code) => format!("exit code {code}"),
        ExitReason::Signaled(signal) => match signal_name(signal) {
            Some(name) => format!("ended by {name}"),
            None => format!("ended by signal {signal}"),
        },
        ExitReason::DeadlinePassed => "still running at the deadline, ended there".to_string(),
        ExitReason::Interrupted => "interrupted".to_string(),
    }
}

fn signal_name(signal: i32) -> Option<&'static str> {
    match signal {
        1 => Some("SIGHUP"),
        2 => Some("SIGINT"),
        3 => Some("SIGQUIT"),
        6 => Some("SIGABRT"),
        8 => Some("SIGFPE"),
        9 => Some("SIGKILL"),
        11 => Some("SIGSEGV"),
        13 => Some("SIGPIPE"),
        15 => Some("SIGTERM"),
        _ => None,
    }
}

/// `CPython 3.11.7 (the project's .venv)`.
pub(super) fn interpreter(interpreter: &Interpreter) -> String {
    let (major, minor, micro) = interpreter.version;
    let name = match interpreter.implementation.as_str() {
        "cpython" => "CPython",
        "pypy" => "PyPy",
        other => other,
    };
    let build = if interpreter.is_free_threaded { " free-threaded" } else { "" };
    format!("{name} {major}.{minor}.{micro}{build} ({})", interpreter_source(&interpreter.source))
}

fn interpreter_source(source: &InterpreterSource) -> String {
    match source {
        InterpreterSource::Flag => "from --python".to_string(),
        InterpreterSource::Configuration => "from `python` in the configuration".to_string(),
        InterpreterSource::VirtualEnv => "from VIRTUAL_ENV".to_string(),
        InterpreterSource::BesideBinary => "the environment cmdx is installed in".to_string(),
        InterpreterSource::ProjectEnvironment(name) => format!("the project's {name}"),
        InterpreterSource::Tool(name) => format!("the environment of {name}"),
        InterpreterSource::Conda => "from CONDA_PREFIX".to_string(),
        InterpreterSource::PythonVersionFile => "from .python-version".to_string(),
        InterpreterSource::Path => "python3 on PATH".to_string(),
        InterpreterSource::Private => "made by --install in .cmdx/venv".to_string(),
    }
}

/// `query_users()`, `<lambda>`, `module level`; empty when unknown.
pub(super) fn symbol(location: &Location) -> String {
    match location.symbol.as_str() {
        "" => String::new(),
        "<module>" => "module level".to_string(),
        name if name.ends_with('>') || name.ends_with(')') => name.to_string(),
        name => format!("{name}()"),
    }
}

/// What would happen to a place with this certainty.
pub(super) fn safety(safety: Safety) -> &'static str {
    match safety {
        Safety::Proven => "same behaviour for every input",
        Safety::NeedsRun => "kept only if a run shows the same behaviour",
        Safety::ShowOnly => "shown, never applied by itself",
    }
}

/// A finding that costs less is shown with `--detailed` only.
const SHARE_SHOWN_MIN: f64 = 0.01;
/// So many findings are shown at most.
const N_FINDINGS_SHOWN_MAX: usize = 20;

/// The findings a reader wants first, and how many others there are: all of them with `--detailed`; else those that
/// cost something, or, where nothing was measured, the first ones.
pub(super) fn worth_showing(report: &Report) -> (Vec<&Finding>, usize) {
    let is_worth = |finding: &&Finding| {
        report.profile.is_none() || finding.share.is_some_and(|share| share.value >= SHARE_SHOWN_MIN)
    };
    let shown: Vec<&Finding> = if report.is_detailed {
        report.findings.iter().collect()
    } else {
        report.findings.iter().filter(is_worth).take(N_FINDINGS_SHOWN_MAX).collect()
    };
    let n_hidden = report.findings.len() - shown.len();
    (shown, n_hidden)
}

/// True when `--implement` would have something to do here.
pub(super) fn is_rewritable(finding: &Finding) -> bool {
    finding.rewrites.iter().any(|(_, safety)| *safety != Safety::ShowOnly)
}

/// `n-plus-one`: the name of the kind of finding, as JSON has it.
pub(super) fn kind_name(kind: &FindingKind) -> &str {
    match kind {
        FindingKind::Rule(name) | FindingKind::Library(name) => name,
        FindingKind::Query(kind) => query_kind_name(*kind),
    }
}

fn query_kind_name(kind: QueryPatternKind) -> &'static str {
    match kind {
        QueryPatternKind::NPlusOne => "n-plus-one",
        QueryPatternKind::Duplicate => "duplicate",
        QueryPatternKind::MissingIndex => "missing-index",
        QueryPatternKind::UnboundedRead => "unbounded-read",
        QueryPatternKind::CommitPerRow => "commit-per-row",
        QueryPatternKind::ConnectionPerCall => "connection-per-call",
        QueryPatternKind::RepeatedByLibrary => "repeated-by-library",
        QueryPatternKind::HttpPerItem => "http-per-item",
    }
}

/// `N+1 queries`: the problem by the name people know.
pub(super) fn pattern(kind: QueryPatternKind) -> &'static str {
    match kind {
        QueryPatternKind::NPlusOne => "N+1 queries",
        QueryPatternKind::Duplicate => "Same query again",
        QueryPatternKind::MissingIndex => "Missing index",
        QueryPatternKind::UnboundedRead => "Read without limit",
        QueryPatternKind::CommitPerRow => "Commit per row",
        QueryPatternKind::ConnectionPerCall => "Connection per call",
        QueryPatternKind::RepeatedByLibrary => "Repeated by a library",
        QueryPatternKind::HttpPerItem => "HTTP call per item",
    }
}

/// `request`.
pub(super) fn scope_kind(kind: ScopeKind) -> &'static str {
    match kind {
        ScopeKind::Request => "request",
        ScopeKind::Test => "test",
        ScopeKind::Iteration => "iteration",
        ScopeKind::Task => "task",
    }
}

/// `75% of time, ±3`: the larger side of the interval, in percentage points.
pub(super) fn share(share: &Share) -> String {
    format!("{} of time, {}", part(share.value), margin(share))
}

/// `75%`, `5%`, `4.8%`, `<0.1%`: what was measured never reads as nothing.
pub(super) fn part(value: f64) -> String {
    if value > 0.0 && value < 0.0005 {
        return "<0.1%".to_string();
    }
    units::percent(value).replace(".0%", "%")
}

/// `±3`, as exact as the share it stands beside.
pub(super) fn margin(share: &Share) -> String {
    let points = 100.0 * (share.high - share.value).max(share.value - share.low).max(0.0);
    let is_whole = share.value >= 0.0995 && points >= 0.95;
    let text = if is_whole { format!("{points:.0}") } else { format!("{:.1}", points.max(0.1)) };
    format!("±{}", text.strip_suffix(".0").unwrap_or(&text))
}

/// `1500ms (75% of time, ±3)`; empty where nothing was measured at all.
pub(super) fn cost(report: &Report, finding: &Finding) -> String {
    match (finding.seconds, &finding.share) {
        (Some(seconds), Some(part)) => format!("{} ({})", units::duration(seconds), share(part)),
        (Some(seconds), None) => units::duration(seconds),
        (None, _) if report.profile.is_some() => "cost not measured".to_string(),
        (None, _) => String::new(),
    }
}

/// Mean queries per call of the function that holds the loop.
pub(super) fn per_call(repeated_by: &QueryLoop) -> String {
    match repeated_by.per_call {
        n if (n - n.round()).abs() < 0.05 => units::count(n.round() as u64),
        n => format!("{n:.1}"),
    }
}

/// The sentence for a run whose samples met none of the project's code.
pub(super) fn none_in_project(looked_at: &str) -> String {
    format!("Looked at {looked_at}; none of the time was spent in the project's code.")
}

/// The directory or file names after a command, as a shell takes them.
pub(super) fn shell_words<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    let quoted: Vec<_> = words.into_iter().map(|word| shell_word(word)).collect();
    quoted.join(" ")
}

fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
