//! Chooses what is run to see the project work: the user's command, configured ones, performance tests, the test
//! suite, `python -m package`, the script itself, doctests. Runs nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::pytest::{self, Settings};
use super::suite::{self, PerformanceTests, Suite};
use super::{ConfiguredWorkload, Project, ProjectError, interpreter};
use crate::model::{Interpreter, Workload, WorkloadKind};

/// Modules that are looked at for doctests before it is said that there are none.
const DOCTEST_FILES_MAX: usize = 400;

/// What will be run, and what was looked at to decide it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// Empty when there is nothing to run: static findings only.
    pub workloads: Vec<Workload>,
    /// What was looked at and not taken, and what was changed about what was; one sentence each.
    pub considered: Vec<String>,
}

/// Everything the steps need.
struct Context<'a> {
    project: &'a Project,
    interpreter: &'a Interpreter,
    installed: BTreeMap<String, String>,
    settings: Settings,
}

/// The project's tests alone, whatever else there is to run; `None` when it has none.
pub fn suite_of(project: &Project, interpreter: &Interpreter) -> Result<Option<Workload>, ProjectError> {
    let installed = interpreter::distributions(project, interpreter)?;
    let context = Context { project, interpreter, installed, settings: suite::settings(project) };
    test_suite(&context, &mut vec![])
}

/// The project's performance tests, those for the fixture `benchmark` included, which cmdx brings along.
pub fn benchmarks_of(project: &Project, interpreter: &Interpreter) -> Result<Option<Workload>, ProjectError> {
    let installed = interpreter::distributions(project, interpreter)?;
    let context = Context { project, interpreter, installed, settings: suite::settings(project) };
    performance_tests(&context, true, &mut vec![])
}

/// The packages that the tests run with, by name, with their versions.
pub fn packages_of(project: &Project, interpreter: &Interpreter) -> BTreeMap<String, String> {
    interpreter::distributions(project, interpreter).unwrap_or_default()
}

/// Chooses; `command` is what stands after `--`.
pub fn choose(
    project: &Project,
    interpreter: &Interpreter,
    command: Option<Vec<String>>,
) -> Result<Choice, ProjectError> {
    let mut considered = vec![];
    if let Some(argv) = command {
        return Ok(Choice { workloads: vec![of_command(project, interpreter, argv)?], considered });
    }
    if !project.config.workloads.is_empty() {
        let configured = project.config.workloads.iter();
        let workloads = configured.map(|configured| of_configuration(project, interpreter, configured)).collect();
        return Ok(Choice { workloads, considered });
    }
    let context = Context {
        project,
        interpreter,
        installed: interpreter::distributions(project, interpreter)?,
        settings: suite::settings(project),
    };
    let workload = first(&context, &mut considered)?;
    Ok(Choice { workloads: workload.into_iter().collect(), considered })
}

/// The first source of workloads that has one.
fn first(context: &Context, considered: &mut Vec<String>) -> Result<Option<Workload>, ProjectError> {
    if let Some(workload) = lone_script(context, considered) {
        return Ok(Some(workload));
    }
    let has_fixture = context.installed.keys().any(|name| suite::brings_benchmark(name));
    if let Some(workload) = performance_tests(context, has_fixture, considered)? {
        return Ok(Some(workload));
    }
    if let Some(workload) = test_suite(context, considered)? {
        return Ok(Some(workload));
    }
    Ok(main_module(context, considered)
        .or_else(|| script(context, considered))
        .or_else(|| doctests(context, considered)))
}

fn of_command(project: &Project, interpreter: &Interpreter, argv: Vec<String>) -> Result<Workload, ProjectError> {
    if argv.first().is_none_or(|program| program.trim().is_empty()) {
        return Err(ProjectError::EmptyCommand);
    }
    let title = format!("the command `{}`", argv.join(" "));
    let argv = with_interpreter(argv, &project.options.cwd, interpreter);
    Ok(Workload { kind: WorkloadKind::Command, title, argv, cwd: project.options.cwd.clone(), env: vec![] })
}

fn of_configuration(project: &Project, interpreter: &Interpreter, configured: &ConfiguredWorkload) -> Workload {
    let cwd = configured.cwd.as_ref().map_or_else(|| project.root.clone(), |cwd| project.root.join(cwd));
    let title = match &configured.name {
        Some(name) => format!("the workload `{name}`"),
        None => format!("the workload `{}`", configured.argv.join(" ")),
    };
    let env = configured.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let argv = with_interpreter(configured.argv.clone(), &cwd, interpreter);
    Workload { kind: WorkloadKind::Configured, title, argv, cwd, env }
}

/// `python`, `pytest` and scripts run with the project's interpreter, whatever `PATH` says.
fn with_interpreter(argv: Vec<String>, cwd: &Path, interpreter: &Interpreter) -> Vec<String> {
    let program = argv[0].as_str();
    let python = interpreter.path.display().to_string();
    let is_script =
        Path::new(program).extension().is_some_and(|extension| extension == "py") && cwd.join(program).is_file();
    let beginning = match program {
        "python" | "python3" => vec![python],
        "pytest" | "py.test" => vec![python, "-m".into(), "pytest".into()],
        _ if is_script => vec![python, program.to_owned()],
        _ => match beside(interpreter, program) {
            Some(path) => vec![path],
            None => vec![program.to_owned()],
        },
    };
    beginning.into_iter().chain(argv.into_iter().skip(1)).collect()
}

/// A program of the interpreter's own environment: `flask`, `django-admin`.
fn beside(interpreter: &Interpreter, program: &str) -> Option<String> {
    let is_name = !program.contains(['/', '\\']);
    let path = interpreter.path.parent()?.join(program);
    (is_name && interpreter.prefix.join("pyvenv.cfg").is_file() && path.is_file()).then(|| path.display().to_string())
}

/// A single script that no test speaks of: whoever names it wants it run.
fn lone_script(context: &Context, considered: &mut Vec<String>) -> Option<Workload> {
    let [target] = context.project.targets.as_slice() else { return None };
    let relative = context.project.relative(target);
    if !target.is_file() || suite::is_test_code(&relative) || !has_main_guard(target) {
        return None;
    }
    let stem = target.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut tests = context.project.all_files().iter().filter(|file| suite::is_test_code(&file.relative));
    let speaks_of = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|source| has_word(&source, &stem));
    if tests.any(|file| speaks_of(&file.path)) {
        considered.push(format!("`{relative}` is a script, and tests use it: they come first"));
        return None;
    }
    Some(of_script(context, target))
}

fn has_word(text: &str, word: &str) -> bool {
    let is_inside = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(start, _)| {
        !is_inside(text[..start].chars().next_back()) && !is_inside(text[start + word.len()..].chars().next())
    })
}

fn performance_tests(
    context: &Context,
    has_fixture: bool,
    considered: &mut Vec<String>,
) -> Result<Option<Workload>, ProjectError> {
    let tests = suite::performance(context.project, has_fixture, considered);
    if tests.paths.is_empty() {
        considered.push("no performance tests".into());
        return Ok(None);
    }
    if !context.interpreter.has_pytest {
        return Err(lacks_pytest(context));
    }
    let PerformanceTests { paths, has_benchmark_option } = tests;
    let title = format!("the performance tests ({})", shortened(&paths));
    let extra = has_benchmark_option.then(|| "--benchmark".to_owned());
    let arguments = paths.into_iter().chain(extra).collect();
    Ok(Some(of_pytest(context, WorkloadKind::PerformanceTests, title, arguments, considered)))
}

fn lacks_pytest(context: &Context) -> ProjectError {
    let path = context.interpreter.path.display();
    ProjectError::MissingPackages {
        packages: vec!["pytest".into()],
        environment: format!("`{path}` ({})", interpreter::why(context.interpreter)),
    }
}

fn shortened(paths: &[String]) -> String {
    match paths {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        _ => paths.join(", "),
    }
}

fn test_suite(context: &Context, considered: &mut Vec<String>) -> Result<Option<Workload>, ProjectError> {
    let Some(suite) = suite::find(context.project, &context.settings) else {
        considered.push("no tests".into());
        return Ok(None);
    };
    if let Some(manage) = django_manager(context) {
        return Ok(Some(of_django(context, &manage)));
    }
    let shown = shortened(&suite.paths);
    if context.interpreter.has_pytest {
        let title = format!("the test suite (pytest {shown})");
        let arguments = if suite.is_configured { vec![] } else { suite.paths };
        return Ok(Some(of_pytest(context, WorkloadKind::TestSuite, title, arguments, considered)));
    }
    if suite.is_plain_unittest {
        return Ok(Some(of_unittest(context, &suite)));
    }
    Err(lacks_pytest(context))
}

/// `manage.py` of a Django project whose tests pytest would not set up.
fn django_manager(context: &Context) -> Option<PathBuf> {
    let manage = context.project.root.join("manage.py");
    let has_plugin = context.installed.contains_key("pytest-django") && context.interpreter.has_pytest;
    let is_django = fs::read_to_string(&manage).is_ok_and(|source| source.contains("DJANGO_SETTINGS_MODULE"));
    (is_django && !has_plugin).then_some(manage)
}

fn of_django(context: &Context, manage: &Path) -> Workload {
    let name = context.project.relative(manage);
    let title = format!("the test suite ({name} test)");
    let mut workload = of_python(context, WorkloadKind::TestSuite, title, vec![name, "test".into()]);
    workload.argv.push("--noinput".into());
    workload
}

fn of_unittest(context: &Context, suite: &Suite) -> Workload {
    let start = suite.paths.iter().find(|path| context.project.root.join(path).is_dir());
    let mut arguments: Vec<String> = ["-m", "unittest", "discover"].map(str::to_owned).to_vec();
    if let Some(start) = start {
        arguments.extend(["-s".to_owned(), start.clone()]);
        if context.project.root.join(start).join("__init__.py").is_file() {
            arguments.extend(["-t".to_owned(), ".".to_owned()]);
        }
    }
    let title = format!("the test suite (unittest {})", shortened(&suite.paths));
    of_python(context, WorkloadKind::TestSuite, title, arguments)
}

/// A run of pytest that leaves no cache in the user's tree and does not stumble over plugins that are not there.
fn of_pytest(
    context: &Context,
    kind: WorkloadKind,
    title: String,
    paths: Vec<String>,
    considered: &mut Vec<String>,
) -> Workload {
    let cache = context.project.state_directory().map(|state| state.join("cache/pytest"));
    // One test file that cannot be imported is no reason not to run the others.
    let mut arguments: Vec<String> =
        ["-m", "pytest", "-q", "--continue-on-collection-errors"].map(str::to_owned).to_vec();
    match cache {
        Ok(cache) => arguments.extend(["-o".into(), format!("cache_dir={}", cache.display()), "--cache-clear".into()]),
        // A project that cannot be written to: pytest only warns that its cache cannot be either.
        Err(_) => arguments.extend(["-p".into(), "no:cacheprovider".into()]),
    }
    let (kept, dropped) = robust_options(context);
    if !dropped.is_empty() {
        let list = dropped.join("`, `");
        considered.push(format!("pytest runs without `{list}` of `addopts` ({})", reason_for(context, &dropped)));
        arguments.extend(["-o".into(), format!("addopts={}", quoted(&kept))]);
    }
    let lacks = |plugin: &String| !context.installed.contains_key(&super::requirement::normalized(plugin));
    let lacking: Vec<_> = context.settings.required_plugins.iter().filter(|plugin| lacks(plugin)).cloned().collect();
    if !lacking.is_empty() {
        considered.push(format!("`{}` is required by the tests and not installed", lacking.join("`, `")));
        arguments.extend(["-o".into(), "required_plugins=".into()]);
    }
    if context.installed.contains_key("pytest-randomly") {
        // Another order and other seeds each time would make two runs incomparable.
        arguments.extend(["-p".into(), "no:randomly".into()]);
    }
    if context.settings.has_strict_warnings {
        // Keys of a plugin that is not there are a warning, which `filterwarnings = error` would make fatal.
        arguments.extend(["-W".into(), "ignore::pytest.PytestConfigWarning".into()]);
        arguments.extend(["-W".into(), "ignore::pytest.PytestUnknownMarkWarning".into()]);
    }
    arguments.extend(paths);
    of_python(context, kind, title, arguments)
}

fn reason_for(context: &Context, dropped: &[String]) -> String {
    let missing = |option: &String| pytest::plugin_of(option).filter(|plugin| !context.installed.contains_key(*plugin));
    let mut plugins: Vec<_> = dropped.iter().filter_map(missing).collect();
    plugins.dedup();
    match plugins.as_slice() {
        [] => "they would change what is measured".into(),
        _ => format!("not installed: {}", plugins.join(", ")),
    }
}

/// `addopts` without options of missing plugins, and without those that would change the measurement: coverage
/// traces every line, xdist spreads the tests over processes, `-x` ends the run at the first failure.
fn robust_options(context: &Context) -> (Vec<String>, Vec<String>) {
    let (mut kept, mut dropped) = (vec![], vec![]);
    let mut options = context.settings.addopts.iter().peekable();
    while let Some(option) = options.next() {
        let plugin = pytest::plugin_of(option);
        let is_missing = plugin.is_some_and(|plugin| !context.installed.contains_key(plugin));
        let is_disturbing = matches!(plugin, Some("pytest-cov" | "pytest-xdist"))
            || option.starts_with("--maxfail")
            || (plugin == Some("pytest-randomly") && option.starts_with("--randomly"))
            || matches!(
                option.as_str(),
                "-x" | "--exitfirst" | "--strict-config" | "--strict-markers" | "--strict" | "--pdb"
            )
            || (is_bundle(option) && option.contains('x'));
        if !is_missing && !is_disturbing {
            kept.push(option.clone());
            continue;
        }
        dropped.push(option.clone());
        let takes_value = !option.contains('=') && !is_bundle(option);
        let is_value = |next: &&String| !next.starts_with('-') && !context.project.root.join(next.as_str()).is_file();
        if takes_value && plugin.is_some() && options.peek().is_some_and(is_value) {
            dropped.extend(options.next().cloned());
        }
    }
    (kept, dropped)
}

/// `-xvs`: short flags in one word. Words of options that take values (`-rxXs`, `-m`, `-k`, `-n4`) are none.
fn is_bundle(option: &str) -> bool {
    option.strip_prefix('-').is_some_and(|flags| !flags.is_empty() && flags.chars().all(|flag| "xvsql".contains(flag)))
}

fn quoted(words: &[String]) -> String {
    let quote = |word: &String| {
        let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c));
        if is_plain && !word.is_empty() { word.clone() } else { format!("'{}'", word.replace('\'', "'\"'\"'")) }
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// A run of the interpreter in the root, with the source roots importable when the project is not installed.
fn of_python(context: &Context, kind: WorkloadKind, title: String, arguments: Vec<String>) -> Workload {
    let python = context.interpreter.path.display().to_string();
    let argv = std::iter::once(python).chain(arguments).collect();
    let roots = &context.project.source_roots;
    let needed: Vec<_> = roots.iter().filter(|root| **root != context.project.root).cloned().collect();
    let env = if is_installed(context) { vec![] } else { import_path(context, &needed) };
    Workload { kind, title, argv, cwd: context.project.root.clone(), env }
}

fn is_installed(context: &Context) -> bool {
    context.project.declared().name.as_ref().is_some_and(|name| context.installed.contains_key(name))
}

/// `PYTHONPATH` with `directories` before what is set already.
fn import_path(context: &Context, directories: &[PathBuf]) -> Vec<(String, String)> {
    if directories.is_empty() {
        return vec![];
    }
    let known = context.project.options.variable("PYTHONPATH").map(std::env::split_paths);
    let all = directories.iter().cloned().chain(known.into_iter().flatten());
    let joined = std::env::join_paths(all).ok().and_then(|joined| joined.into_string().ok());
    joined.map(|joined| ("PYTHONPATH".to_owned(), joined)).into_iter().collect()
}

fn main_module(context: &Context, considered: &mut Vec<String>) -> Option<Workload> {
    let mut packages: Vec<String> = vec![];
    for root in &context.project.source_roots {
        let entries = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_own = |path: &PathBuf| path.join("__main__.py").is_file() && !path.join("pyvenv.cfg").exists();
        let names = entries.filter(is_own).filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
        packages.extend(names.filter(|name| !suite::is_test_code(&format!("{name}/a.py")) && is_module_name(name)));
    }
    packages.sort();
    packages.dedup();
    match packages.as_slice() {
        [] => {
            considered.push("no `__main__.py`".into());
            None
        }
        [package, others @ ..] => {
            if !others.is_empty() {
                considered.push(format!("also runnable with `python -m`: {}", others.join(", ")));
            }
            let title = format!("`python -m {package}`");
            let arguments = vec!["-m".to_owned(), package.clone()];
            Some(of_python(context, WorkloadKind::MainModule, title, arguments))
        }
    }
}

fn is_module_name(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// The file that was named, or the only script of the project.
fn script(context: &Context, considered: &mut Vec<String>) -> Option<Workload> {
    let project = context.project;
    if let [target] = project.targets.as_slice()
        && target.is_file()
        && runs_something(target)
    {
        return Some(of_script(context, target));
    }
    let foreign = |relative: &str| {
        relative.contains('/') || matches!(relative, "setup.py" | "conftest.py" | "noxfile.py" | "manage.py")
    };
    let candidates = project.all_files().iter().filter(|file| !foreign(&file.relative) && has_main_guard(&file.path));
    let candidates: Vec<_> = candidates.collect();
    let main = candidates.iter().find(|file| file.relative == "main.py");
    match (main, candidates.as_slice()) {
        (Some(file), _) | (None, [file]) => Some(of_script(context, &file.path)),
        (None, []) => {
            considered.push("no script with `if __name__ == \"__main__\"` in the root".into());
            None
        }
        (None, several) => {
            let names: Vec<_> = several.iter().map(|file| file.relative.clone()).collect();
            considered.push(format!("several scripts could be meant ({}): name one after `--`", shortened(&names)));
            None
        }
    }
}

fn of_script(context: &Context, script: &Path) -> Workload {
    let relative = context.project.relative(script);
    let title = format!("the script `{relative}`");
    let mut workload = of_python(context, WorkloadKind::Script, title, vec![relative]);
    let source = fs::read_to_string(script).unwrap_or_default();
    let own = script.parent().unwrap_or(script);
    let is_imported_from = |root: &&PathBuf| root.as_path() != own && imports_from(&source, root);
    let roots: Vec<_> = context.project.source_roots.iter().filter(is_imported_from).cloned().collect();
    workload.env = if is_installed(context) { vec![] } else { import_path(context, &roots) };
    workload
}

/// True when a top-level name the source imports is a module or package in `root`.
fn imports_from(source: &str, root: &Path) -> bool {
    let lines = source.lines().map(str::trim_start);
    let names = lines.filter_map(|line| line.strip_prefix("import ").or_else(|| line.strip_prefix("from ")));
    let first = names.map(|rest| rest.split([' ', '.', ',', ';']).next().unwrap_or_default());
    first
        .filter(|name| !name.is_empty())
        .any(|name| root.join(format!("{name}.py")).is_file() || root.join(name).join("__init__.py").is_file())
}

fn has_main_guard(path: &Path) -> bool {
    let source = fs::read_to_string(path).unwrap_or_default();
    source.lines().any(|line| line.starts_with("if") && line.contains("__name__") && line.contains("__main__"))
}

/// True for a file whose top level does more than define and import.
fn runs_something(path: &Path) -> bool {
    let source = fs::read_to_string(path).unwrap_or_default();
    let is_statement = |line: &str| {
        let word = line.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        let rest = line[word.len()..].trim_start();
        matches!(word, "for" | "while" | "with")
            || (!word.is_empty()
                && !matches!(word, "def" | "class" | "import" | "from" | "if" | "else" | "elif" | "try" | "except")
                && rest.starts_with(['(', '.'])
                && line.contains('('))
    };
    has_main_guard(path) || source.lines().any(is_statement)
}

/// Examples in docstrings, for a project that has nothing else that could run.
fn doctests(context: &Context, considered: &mut Vec<String>) -> Option<Workload> {
    let has_examples = |path: &Path| fs::read_to_string(path).is_ok_and(|source| source.contains(">>> "));
    let is_own = |relative: &str| {
        let first = relative.split('/').next().unwrap_or_default();
        !matches!(first, "docs" | "doc" | "examples" | "setup.py") && !suite::is_test_code(relative)
    };
    let own = context.project.all_files().iter().filter(|file| is_own(&file.relative));
    let places: Vec<String> =
        own.take(DOCTEST_FILES_MAX).filter(|file| has_examples(&file.path)).map(|file| file.relative.clone()).collect();
    if places.is_empty() || !context.interpreter.has_pytest {
        considered
            .push(if places.is_empty() { "no doctests" } else { "doctests, for which pytest is not installed" }.into());
        return None;
    }
    let title = format!("the doctests ({})", shortened(&places));
    let arguments = std::iter::once("--doctest-modules".to_owned()).chain(places).collect();
    Some(of_pytest(context, WorkloadKind::TestSuite, title, arguments, considered))
}

#[cfg(test)]
#[path = "workload_tests.rs"]
mod tests;
