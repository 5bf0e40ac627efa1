//! How a program is started with the agent: by environment variables, or by `boot.py` where Python ignores those.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Where things are, for [`environment`].
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// Where `install` wrote the agent.
    pub agent_directory: &'a Path,
    /// An existing directory for the event files; one per run.
    pub events_directory: &'a Path,
    /// The project root: frames below it are the project's.
    pub project_root: &'a Path,
    /// Directories below the root that are not the project's.
    pub excludes: &'a [PathBuf],
    /// `PYTHONPATH` as the program would have got it.
    pub python_path: Option<&'a OsStr>,
}

/// Separates the entries of path lists.
const LIST_SEPARATOR: &str = if cfg!(windows) { ";" } else { ":" };

/// Variables to set for the program; its children inherit them.
pub fn environment(settings: &Settings<'_>) -> Vec<(String, OsString)> {
    let mut python_path = settings.agent_directory.as_os_str().to_owned();
    if let Some(inherited) = settings.python_path.filter(|inherited| !inherited.is_empty()) {
        python_path.push(LIST_SEPARATOR);
        python_path.push(inherited);
    }
    let mut excludes = OsString::new();
    for directory in settings.excludes {
        if !excludes.is_empty() {
            excludes.push(LIST_SEPARATOR);
        }
        excludes.push(directory);
    }
    vec![
        ("PYTHONPATH".into(), python_path),
        ("CMDX_EVENTS".into(), settings.events_directory.into()),
        ("CMDX_ROOT".into(), settings.project_root.into()),
        ("CMDX_EXCLUDES".into(), excludes),
    ]
}

/// `argv` with `boot.py` put in front of the script, when the interpreter's options make it ignore `PYTHONPATH` or
/// leave out `site` (-I, -E, -S). `None` when nothing has to change. `argv[0]` must be a Python interpreter.
pub fn boot_argv(agent_directory: &Path, argv: &[String]) -> Option<Vec<String>> {
    let name = Path::new(argv.first()?).file_name()?.to_str()?;
    if !name.starts_with("python") {
        return None;
    }
    let mut is_needed = false;
    let mut at = 1;
    while let Some(word) = argv.get(at) {
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else { break };
        if letters.starts_with('-') {
            at += if letters == "-check-hash-based-pycs" { 2 } else { 1 };
            continue;
        }
        let Some(end) = letters.find(['c', 'm', 'W', 'X']) else {
            is_needed |= letters.contains(['I', 'E', 'S']);
            at += 1;
            continue;
        };
        is_needed |= letters[..end].contains(['I', 'E', 'S']);
        if matches!(letters.as_bytes()[end], b'c' | b'm') {
            return is_needed.then(|| booted(agent_directory, argv, at, end));
        }
        // -W and -X take the rest of the word, or the next word.
        at += if end + 1 == letters.len() { 2 } else { 1 };
    }
    (is_needed && at < argv.len()).then(|| {
        let mut words = argv[..at].to_vec();
        words.push(boot_file(agent_directory));
        words.extend_from_slice(&argv[at..]);
        words
    })
}

/// Splits `-Im module` into `-I boot.py -m module`.
fn booted(agent_directory: &Path, argv: &[String], at: usize, end: usize) -> Vec<String> {
    let letters = &argv[at][1..];
    let mut words = argv[..at].to_vec();
    if end > 0 {
        words.push(format!("-{}", &letters[..end]));
    }
    words.push(boot_file(agent_directory));
    words.push(format!("-{}", &letters[end..=end]));
    if end + 1 < letters.len() {
        words.push(letters[end + 1..].to_owned());
    }
    words.extend_from_slice(&argv[at + 1..]);
    words
}

fn boot_file(agent_directory: &Path) -> String {
    agent_directory.join("boot.py").to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(argv: &str, expected: Option<&str>) {
        let argv: Vec<String> = argv.split(' ').map(str::to_owned).collect();
        let booted = boot_argv(Path::new("/a"), &argv).map(|words| words.join(" "));
        assert_eq!(booted.as_deref(), expected, "{argv:?}");
    }

    #[test]
    fn isolated_interpreters_are_started_through_boot() {
        check("python3 -I run.py -S", Some("python3 -I /a/boot.py run.py -S"));
        check("python -W error -ES -X dev run.py", Some("python -W error -ES -X dev /a/boot.py run.py"));
        check("/usr/bin/python3.11 -Im app --x", Some("/usr/bin/python3.11 -I /a/boot.py -m app --x"));
        check("python -E -c 1", Some("python -E /a/boot.py -c 1"));
        check("python -Imapp", Some("python -I /a/boot.py -m app"));
    }

    #[test]
    fn other_commands_stay_as_they_are() {
        check("python3 run.py -I", None);
        check("python3 -m app -S", None);
        check("python3 -XIES run.py", None);
        check("python3 -WI run.py", None);
        check("pytest -I", None);
        check("python3 -I", None);
    }

    #[test]
    fn the_agent_comes_first_and_the_inherited_path_stays() {
        let settings = Settings {
            agent_directory: Path::new("/agent"),
            events_directory: Path::new("/events"),
            project_root: Path::new("/project"),
            excludes: &["/project/a".into(), "/project/b".into()],
            python_path: Some(OsStr::new("lib:src")),
        };
        let variables = environment(&settings);
        assert_eq!(variables[0], ("PYTHONPATH".into(), "/agent:lib:src".into()));
        assert_eq!(variables[3], ("CMDX_EXCLUDES".into(), "/project/a:/project/b".into()));
        let variables = environment(&Settings { python_path: Some(OsStr::new("")), ..settings });
        assert_eq!(variables[0].1, "/agent");
    }
}
