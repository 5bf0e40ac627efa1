//! The one object through which a command speaks: the answer on standard output, all else on standard error.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use indicatif::MultiProgress;

use super::progress::Manner;
use super::stdout::{Pipe, lock};
use super::{ColourChoice, Progress, Stdout, Style, Surroundings, abilities};

/// What the command line says about output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `--color`.
    pub colour: ColourChoice,
    /// `--ascii`.
    pub is_ascii: bool,
    /// How often `-q` was given: one hides notes and progress, two leave errors alone.
    pub quiet: u8,
}

/// The streams of a command and what they can show.
pub struct Ui {
    quiet: u8,
    stdout: Mutex<Pipe>,
    stdout_style: Style,
    stderr: Arc<Mutex<Pipe>>,
    stderr_style: Style,
    manner: Manner,
    /// Bars are lifted out of the way of messages.
    bars: MultiProgress,
}

impl Ui {
    /// On the streams of this process.
    pub fn new(options: Options) -> Self {
        Self::on(options, &Surroundings::of_process(), Box::new(io::stdout()), Box::new(io::stderr()))
    }

    /// On other streams, in other surroundings.
    pub fn on(
        options: Options,
        around: &Surroundings,
        stdout: Box<dyn Write + Send>,
        stderr: Box<dyn Write + Send>,
    ) -> Self {
        let style = |is_terminal| abilities::style(options.colour, options.is_ascii, is_terminal, around);
        Self {
            quiet: options.quiet,
            stdout: Mutex::new(Pipe::new(stdout)),
            stdout_style: style(around.is_stdout_terminal),
            stderr: Arc::new(Mutex::new(Pipe::new(stderr))),
            stderr_style: style(around.is_stderr_terminal),
            manner: Manner::of(options.quiet, around),
            bars: MultiProgress::new(),
        }
    }

    /// What standard output can show.
    pub fn style(&self) -> &Style {
        &self.stdout_style
    }

    /// Where the answer goes. A reader that has gone away is no error.
    pub fn stdout(&self) -> Stdout<'_> {
        Stdout::of(&self.stdout)
    }

    /// True once the reader of standard output has gone away: the command then ends with 0.
    pub fn is_stdout_closed(&self) -> bool {
        lock(&self.stdout).is_closed()
    }

    /// True when standard output is a terminal: binary formats are refused there.
    pub fn is_stdout_terminal(&self) -> bool {
        self.stdout_style.is_fitted
    }

    /// Says what is being done or was found; hidden by `-q`.
    pub fn note(&self, message: &str) {
        if self.quiet < 1 {
            self.say(&self.stderr_style.secondary("note:"), message);
        }
    }

    /// Says what limits the answer; hidden by `-qq`.
    pub fn warning(&self, message: &str) {
        if self.quiet < 2 {
            self.say(&self.stderr_style.warning("warning:"), message);
        }
    }

    /// Says what ended the command, why, and what to do about it; never hidden.
    pub fn error(&self, message: &str, cause: Option<&str>, hint: Option<&str>) {
        let style = &self.stderr_style;
        self.say(&style.error("error:"), message);
        if let Some(cause) = cause {
            self.say(&style.secondary("  cause:"), cause);
        }
        if let Some(hint) = hint {
            self.say(&style.secondary("  hint:"), hint);
        }
    }

    /// Shows that something goes on until the handle is dropped.
    pub fn progress(&self, message: &str) -> Progress {
        Progress::start(self.manner, &self.stderr_style, &self.bars, &self.stderr, message)
    }

    /// Every line of the text, the first behind its label, the others indented. Nobody is left to hear of a message
    /// that cannot be written.
    fn say(&self, label: &str, text: &str) {
        let mut message = String::new();
        for (index, line) in text.trim_end().lines().enumerate() {
            let line = self.stderr_style.text(line);
            let start = if index == 0 { label } else { "   " };
            message.push_str(format!("{start} {line}").trim_end());
            message.push('\n');
        }
        self.bars.suspend(|| drop(lock(&self.stderr).write_all(message.as_bytes())));
    }
}
