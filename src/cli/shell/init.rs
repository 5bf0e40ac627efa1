//! The code that `shell-init` prints. What each shell can do differs: bash and zsh take functions with a slash in their
//! names, fish expands abbreviations, a plain shell has aliases.

use std::path::Path;

use super::args::InitShell;
use super::manual::completion_script;
use crate::cli::names::COMMANDS;

/// The text for a shell; every call goes to the binary at `binary`.
pub(in crate::cli) fn init(shell: InitShell, binary: &Path) -> String {
    let binary = quoted(&binary.to_string_lossy(), shell);
    let slashed = COMMANDS.iter().map(|name| format!("/{name}")).collect::<Vec<_>>().join(" ");
    let (template, one, completions): (_, fn(&str, &str) -> String, _) = match shell {
        InitShell::Bash => {
            (include_str!("../../../templates/shell/bash.sh"), function, completion_script(clap_complete::Shell::Bash))
        }
        InitShell::Zsh => {
            (include_str!("../../../templates/shell/zsh.zsh"), function, completion_script(clap_complete::Shell::Zsh))
        }
        InitShell::Fish => (
            include_str!("../../../templates/shell/fish.fish"),
            function,
            completion_script(clap_complete::Shell::Fish),
        ),
        InitShell::Sh => (include_str!("../../../templates/shell/sh.sh"), alias, String::new()),
    };
    let functions = COMMANDS.iter().map(|name| one(name, &binary)).collect::<Vec<_>>().join("\n");
    template
        .replace("@FUNCTIONS@", &functions)
        .replace("@COMPLETIONS@", completions.trim_end())
        .replace("@SLASHED@", &slashed)
        .replace("@NAMES@", &COMMANDS.join("|"))
        .replace("@FIRST@", COMMANDS.first().copied().unwrap_or_default())
        .replace("@BINARY@", &binary)
}

/// A function of bash or zsh. A file of the same path is looked for at every call: it may come later.
fn function(name: &str, binary: &str) -> String {
    format!("function /{name} {{ if [[ -e /{name} ]]; then command /{name} \"$@\"; else {binary} {name} \"$@\"; fi; }}")
}

/// An alias cannot look; where there is such a file when the shell starts, there is none.
fn alias(name: &str, binary: &str) -> String {
    let call = format!("{binary} {name}");
    format!("[ -e /{name} ] || alias /{name}='{}'", call.replace('\'', r"'\''"))
}

/// The path as one word of the shell.
fn quoted(path: &str, shell: InitShell) -> String {
    match shell {
        InitShell::Fish => format!("'{}'", path.replace('\\', r"\\").replace('\'', r"\'")),
        _ => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_there_and_calls_this_binary_whatever_it_is_called() {
        let binary = Path::new("/opt/it's here/cmdx");
        for shell in [InitShell::Bash, InitShell::Zsh, InitShell::Fish, InitShell::Sh] {
            let text = init(shell, binary);
            for name in COMMANDS {
                assert!(text.contains(name), "{name} in {shell:?}");
            }
            for mark in ["@FUNCTIONS@", "@COMPLETIONS@", "@SLASHED@", "@NAMES@", "@FIRST@", "@BINARY@"] {
                assert!(!text.contains(mark), "{mark} in {shell:?}");
            }
        }
        assert!(init(InitShell::Bash, binary).contains(r"'/opt/it'\''s here/cmdx' optimize"));
        assert!(init(InitShell::Fish, binary).contains(r"'/opt/it\'s here/cmdx'"));
    }
}
