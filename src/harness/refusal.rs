//! Interpreters that cannot be sampled: how they are told, and what is said about them.

use std::path::{Path, PathBuf};

use crate::model::Problem;

/// The CPython minor versions whose memory the sampler understands.
const MINORS: std::ops::RangeInclusive<u32> = 6..=15;

/// What a process runs, as far as the names of its executable and libraries tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Runtime {
    /// The executable first, then mapped libraries.
    pub files: Vec<PathBuf>,
}

/// Why a Python process was not sampled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It was gone before it could be read.
    EndedEarly,
    /// Its memory may not be read.
    NoPermission,
    /// A build without the global interpreter lock, `3.14`.
    FreeThreaded(String),
    /// A version that is not known, `3.16`.
    UnknownVersion(String),
    /// Not CPython.
    OtherImplementation(&'static str),
    /// None of these; in the sampler's words.
    Unreadable(String),
}

impl Runtime {
    /// Why this interpreter is not even tried. Reading one that is laid out in another way gives wrong names, not none.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.files.iter().find_map(|file| refusal_of(file))
    }
}

fn refusal_of(file: &Path) -> Option<Refusal> {
    let name = file.file_name()?.to_str()?;
    for (mark, implementation) in [("pypy", "PyPy"), ("graalpy", "GraalPy"), ("pythonvm", "GraalPy")] {
        if name.trim_start_matches("lib").starts_with(mark) {
            return Some(Refusal::OtherImplementation(implementation));
        }
    }
    let version = name.strip_prefix("libpython").or_else(|| name.strip_prefix("python"))?.strip_prefix("3.")?;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    let minor: u32 = version[..digits].parse().ok()?;
    let flags = version[digits..].split('.').next().unwrap_or_default();
    if flags.contains('t') || flags.contains("nogil") {
        return Some(Refusal::FreeThreaded(format!("3.{minor}")));
    }
    (!MINORS.contains(&minor)).then(|| Refusal::UnknownVersion(format!("3.{minor}")))
}

impl Refusal {
    /// What an attempt that failed comes to.
    pub(super) fn of(error: &anyhow::Error) -> Self {
        let reason = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
        let is_denied = error.chain().any(|cause| {
            cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::PermissionDenied)
        });
        if is_denied || reason.contains("Permission denied") || reason.contains("Operation not permitted") {
            return Self::NoPermission;
        }
        match reason.split_once("Unsupported version of Python: ") {
            Some((_, version)) => Self::UnknownVersion(version.split(':').next().unwrap_or(version).to_owned()),
            None => Self::Unreadable(reason),
        }
    }

    /// True when another attempt would fail as well.
    pub(super) fn is_final(&self) -> bool {
        !matches!(self, Self::EndedEarly | Self::Unreadable(_))
    }

    /// What to say about it, with what can be done. `ptrace_scope` is the content of the setting of that name.
    pub(super) fn problem(&self, ptrace_scope: &str) -> Problem {
        let (message, hint) = match self {
            Self::EndedEarly => ("it ended before its interpreter could be read".to_owned(), None),
            Self::NoPermission => ("no permission to read its memory".to_owned(), Some(permission_hint(ptrace_scope))),
            Self::FreeThreaded(version) => (
                format!("CPython {version} without the global interpreter lock cannot be read yet"),
                Some(format!("profile with the usual build of it: `--python python{version}`")),
            ),
            Self::UnknownVersion(version) => (
                format!("CPython {version} is not known to this version of cmdx"),
                Some("profile with CPython 3.8 to 3.15 (`--python`), or update cmdx".to_owned()),
            ),
            Self::OtherImplementation(name) => (
                format!("{name} cannot be read from outside"),
                Some("profile with CPython 3.8 to 3.15: `--python python3`".to_owned()),
            ),
            Self::Unreadable(reason) => (reason.clone(), None),
        };
        Problem { location: None, message: format!("the workload was not sampled: {message}"), hint }
    }
}

fn permission_hint(ptrace_scope: &str) -> String {
    match ptrace_scope.trim() {
        scope @ ("2" | "3") => format!(
            "kernel.yama.ptrace_scope is {scope}: `sudo sysctl kernel.yama.ptrace_scope=1` allows it until the next start"
        ),
        _ => "run cmdx as the user who owns the program; in a container add the capability SYS_PTRACE".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str], expected: Option<&Refusal>) {
        let runtime = Runtime { files: files.iter().map(PathBuf::from).collect() };
        assert_eq!(runtime.refusal().as_ref(), expected, "{files:?}");
    }

    #[test]
    fn interpreters_that_are_laid_out_in_another_way_are_not_tried() {
        check(&["/usr/bin/python3.14t"], Some(&Refusal::FreeThreaded("3.14".into())));
        check(&["/opt/app", "/usr/lib/libpython3.13t.so.1.0"], Some(&Refusal::FreeThreaded("3.13".into())));
        check(&["/usr/bin/python3.13td"], Some(&Refusal::FreeThreaded("3.13".into())));
        check(&["/usr/bin/python3.14-nogil"], Some(&Refusal::FreeThreaded("3.14".into())));
        check(&["/usr/bin/python3.16"], Some(&Refusal::UnknownVersion("3.16".into())));
        check(&["/opt/pypy/bin/pypy3.10"], Some(&Refusal::OtherImplementation("PyPy")));
        check(&["/opt/app", "/opt/pypy/bin/libpypy3.10-c.so"], Some(&Refusal::OtherImplementation("PyPy")));
        check(&["/opt/graalpy/bin/graalpy"], Some(&Refusal::OtherImplementation("GraalPy")));
    }

    #[test]
    fn usual_interpreters_and_programs_that_embed_them_are_tried() {
        check(&["/usr/bin/python3"], None);
        check(&["/usr/bin/python3.8"], None);
        check(&["/usr/bin/python3.15"], None);
        check(&["/usr/bin/python3.13d"], None);
        check(&["/opt/conda/bin/python3.11", "/usr/lib/libpython3.11.so.1.0"], None);
        check(&["/usr/bin/uwsgi", "/usr/lib/libpython3.so", "/usr/lib/libpthread.so.0"], None);
        check(&["/usr/bin/pythonista"], None);
        check(&[], None);
    }

    #[test]
    fn an_unknown_version_and_a_missing_permission_end_the_attempts() {
        let error = anyhow::anyhow!("Unsupported version of Python: 3.16.1").context("Failed to find the interpreter");
        assert_eq!(Refusal::of(&error), Refusal::UnknownVersion("3.16.1".into()));
        assert!(Refusal::of(&error).is_final());
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let error = anyhow::Error::from(denied).context("Failed to copy PyThreadState");
        assert_eq!(Refusal::of(&error), Refusal::NoPermission);
        assert!(!Refusal::of(&anyhow::anyhow!("Failed to find a python interpreter")).is_final());
    }

    #[test]
    fn the_hint_names_what_forbids_it() {
        let hint = |scope: &str| Refusal::NoPermission.problem(scope).hint.expect("a hint");
        assert!(hint("2\n").contains("ptrace_scope is 2"));
        assert!(hint("1\n").contains("SYS_PTRACE"));
        assert!(hint("").contains("SYS_PTRACE"));
        let problem = Refusal::UnknownVersion("3.16".into()).problem("");
        assert_eq!(problem.message, "the workload was not sampled: CPython 3.16 is not known to this version of cmdx");
        assert!(problem.hint.expect("a hint").contains("3.8 to 3.15"));
    }
}
