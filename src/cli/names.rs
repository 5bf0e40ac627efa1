//! The names a command answers to: `cmdx optimize`, `cmdx /optimize`, and a link named `optimize` or `/optimize`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The commands that links may be named after.
pub(super) const COMMANDS: &[&str] = &["optimize", "check-code-quality", "run-all-tests", "double-check", "ci-setup"];

/// Rewrites an argument vector so that the command stands plainly in second place.
pub(super) fn normalise(mut argv: Vec<OsString>) -> Vec<OsString> {
    let link = argv.first().and_then(|program| Path::new(program).file_stem()).and_then(OsStr::to_str);
    if let Some(command) = link.and_then(known) {
        argv.insert(1, command.into());
        return argv;
    }
    // The first word that is no option is the command; options that take a value are written with `=` before it.
    if let Some(word) = argv.iter_mut().skip(1).find(|word| !word.as_encoded_bytes().starts_with(b"-"))
        && let Some(text) = word.to_str()
        && let Some(name) = text.strip_prefix('/')
        && !name.contains('/')
        && !Path::new(text).exists()
    {
        *word = name.to_owned().into();
    }
    argv
}

/// A word without the slash that a command may be typed with.
pub(super) fn slash_free(word: &str) -> &str {
    word.strip_prefix('/').filter(|name| !name.contains('/')).unwrap_or(word)
}

fn known(name: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|command| **command == name.trim_start_matches('/')).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(argv: &[&str], expected: &[&str]) {
        let normal = normalise(argv.iter().map(OsString::from).collect());
        assert_eq!(normal, expected.iter().map(OsString::from).collect::<Vec<_>>());
    }

    #[test]
    fn a_slash_before_the_command_is_taken_off() {
        check(&["cmdx", "/optimize", "src/"], &["cmdx", "optimize", "src/"]);
        check(&["cmdx", "-v", "/optimize", "/tmp"], &["cmdx", "-v", "optimize", "/tmp"]);
        check(&["cmdx", "/optmize"], &["cmdx", "optmize"]);
        check(&["cmdx", "/tmp"], &["cmdx", "/tmp"]);
    }

    #[test]
    fn a_link_named_after_a_command_is_that_command() {
        check(&["/usr/local/bin/optimize", "src/"], &["/usr/local/bin/optimize", "optimize", "src/"]);
        check(&["/optimize", "--help"], &["/optimize", "optimize", "--help"]);
        check(&["target/debug/cmdx", "optimize"], &["target/debug/cmdx", "optimize"]);
    }
}
