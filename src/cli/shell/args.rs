//! The arguments of the commands that belong to the shell.

use std::path::PathBuf;

use clap::ValueEnum;

/// Print code that makes `/optimize …` run as typed in your shell
///
/// Put one line into the file your shell reads when it starts: `eval "$(cmdx shell-init bash)"` into ~/.bashrc, the same
/// with zsh into ~/.zshrc, `cmdx shell-init fish | source` into ~/.config/fish/config.fish. A file that has such a name,
/// `/optimize`, is what runs then.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct InitArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: InitShell,
}

/// Shells that can be taught the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum InitShell {
    /// Functions and completion
    Bash,
    /// Functions and completion
    Zsh,
    /// Abbreviations and completion
    Fish,
    /// Aliases: dash, busybox, any other
    Sh,
}

/// Make links of the commands' names, for containers and build servers
///
/// A real file `/optimize` works everywhere: in scripts, in `sh -c`, in steps of a build. Nothing that is not such a
/// link is touched. The root directory belongs to root.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct InstallArgs {
    /// Make links that are named after the commands
    #[arg(long, required = true)]
    pub slash: bool,
    /// Where the links are made
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub dir: PathBuf,
    /// Remove the links
    #[arg(long)]
    pub uninstall: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// Print completions for a shell
///
/// `cmdx shell-init` has them too, and makes the names with a slash work.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// Print the manual page
///
/// To read it: `cmdx man | man -l -`. With --dir, one page a command is written.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ManArgs {
    /// Write cmdx.1, cmdx-optimize.1 and so on into DIR
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Run commands from a file
///
/// One command a line, with or without a slash; `#` begins a comment, `\` at the end continues the line. Stops at the
/// first command that does not end with 0.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RunArgs {
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Go on after a command that does not end with 0; the exit code is the last such one
    #[arg(long)]
    pub keep_going: bool,
}
