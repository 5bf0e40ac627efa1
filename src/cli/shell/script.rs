//! Commands from a file and from a pipe: each is a run of cmdx of its own, so that it ends as it would
//! when typed into a shell.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use clap::CommandFactory as _;

use super::args::RunArgs;
use crate::cli::names::slash_free;
use crate::cli::{Cli, exit};
use crate::support::words;

/// `cmdx` alone: commands from standard input; help where there are none.
pub(in crate::cli) fn without_arguments() -> u8 {
    let mut text = String::new();
    if !io::stdin().is_terminal()
        && let Err(error) = io::stdin().read_to_string(&mut text)
    {
        return told(&format!("cannot read standard input: {error}"));
    }
    if lines(&text).is_empty() {
        eprint!("{}", Cli::command().render_help());
        return exit::USAGE;
    }
    run(&text, false)
}

/// `cmdx run FILE`.
pub(in crate::cli) fn run_file(args: &RunArgs) -> u8 {
    let text =
        if args.file == Path::new("-") { io::read_to_string(io::stdin()) } else { fs::read_to_string(&args.file) };
    match text {
        Ok(text) => run(&text, args.keep_going),
        Err(error) => told(&format!("cannot read `{}`: {error}", args.file.display())),
    }
}

/// Runs the lines; the answer is the code of the last one that did not end with 0. All are looked at before the first
/// is run.
fn run(text: &str, is_keeping_going: bool) -> u8 {
    let mut commands = vec![];
    for (number, line) in lines(text) {
        match arguments(&line) {
            Ok(words) => commands.push((number, line, words)),
            Err(reason) => return told(&format!("line {number}: {reason}: {line}")),
        }
    }
    let mut code = 0;
    for (number, line, words) in commands {
        let ended = call(&words);
        if ended != 0 {
            code = ended;
            eprintln!("cmdx: line {number} ended with {ended}: {line}");
            if !is_keeping_going {
                break;
            }
        }
    }
    code
}

/// Lines that say something, with their numbers; continued ones are joined.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = vec![];
    let mut is_continued = false;
    for (index, line) in text.lines().enumerate() {
        let body = line.trim();
        if !is_continued && (body.is_empty() || body.starts_with('#')) {
            continue;
        }
        let (body, goes_on) = match body.strip_suffix('\\') {
            Some(body) => (body.trim_end(), true),
            None => (body, false),
        };
        match found.last_mut().filter(|_| is_continued) {
            Some((_, joined)) => {
                joined.push(' ');
                joined.push_str(body);
            }
            None => found.push((index + 1, body.to_owned())),
        }
        is_continued = goes_on;
    }
    found
}

/// The arguments of a line that is a command of cmdx, `cmdx` itself left out.
fn arguments(line: &str) -> Result<Vec<String>, String> {
    let mut words =
        words::split(without_comment(line)).ok_or("that needs a shell, and is no single command of cmdx")?;
    if words.first().is_some_and(|word| word == "cmdx") {
        words.remove(0);
    }
    let Some(first) = words.first() else { return Err("there is no command".to_owned()) };
    let name = slash_free(first).to_owned();
    let grammar = Cli::command();
    if !name.starts_with('-') && grammar.find_subcommand(&name).is_none() && name != "help" {
        return Err(format!("`{first}` is no command of cmdx"));
    }
    words[0] = name;
    Ok(words)
}

/// The line up to a `#` that begins a word outside of quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (offset, character) in line.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '#') if before.is_whitespace() => return &line[..offset],
            _ => {}
        }
        before = character;
    }
    line
}

/// Runs cmdx with these arguments; the script is not for it to read.
fn call(words: &[String]) -> u8 {
    let Ok(binary) = std::env::current_exe() else { return exit::BUG };
    ended(Command::new(binary).args(words).stdin(Stdio::null()))
}

fn ended(command: &mut Command) -> u8 {
    match command.status() {
        Ok(status) => status.code().map_or(exit::INTERRUPTED, |code| u8::try_from(code).unwrap_or(exit::BUG)),
        Err(error) => told(&format!("cannot be started: {error}")),
    }
}

fn told(message: &str) -> u8 {
    eprintln!("error: {message}");
    exit::USAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_blank_lines_say_nothing_and_a_backslash_continues() {
        let text = "# a\n\n/optimize --profile \\\n  src/\n  cmdx optimize .\n";
        assert_eq!(lines(text), [(3, "/optimize --profile src/".to_owned()), (5, "cmdx optimize .".to_owned())]);
    }

    #[test]
    fn a_line_is_a_command_of_cmdx_or_is_refused() {
        assert_eq!(arguments("/optimize --profile 'my src'").expect("a command"), ["optimize", "--profile", "my src"]);
        assert_eq!(arguments("cmdx /optimize .  # Preview first").expect("a command"), ["optimize", "."]);
        assert_eq!(arguments("--version").expect("a command"), ["--version"]);
        for line in ["cd ~/projects", "git clone x", "optimize . | head", "rm -rf .", "cmdx"] {
            assert!(arguments(line).is_err(), "{line}");
        }
    }
}
