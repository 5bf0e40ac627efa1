//! Streams, colours, progress.

use std::io::{self, IsTerminal as _, Write as _};

use crate::support::style::Style;

/// The streams of one call of cmdx.
pub struct Ui {
    style: Style,
    quiet: u8,
}

impl Ui {
    /// Decides what the streams can show.
    pub fn new(style: Style, quiet: u8) -> Self {
        Self { style, quiet }
    }

    /// What standard output can show.
    pub fn style(&self) -> &Style {
        &self.style
    }

    /// Something worth knowing.
    pub fn note(&self, text: &str) {
        if self.quiet == 0 {
            eprintln!("note: {text}");
        }
    }

    /// Something that limits the answer.
    pub fn warning(&self, text: &str) {
        if self.quiet < 2 {
            eprintln!("warning: {text}");
        }
    }

    /// What ended the command.
    pub fn error(&self, message: &str, hint: Option<&str>) {
        eprintln!("error: {message}");
        if let Some(hint) = hint {
            eprintln!("  hint: {hint}");
        }
    }

    /// Tells what goes on.
    pub fn progress(&self, title: &str) -> Progress {
        let progress = Progress { is_shown: self.quiet == 0 && io::stderr().is_terminal(), title: title.to_owned() };
        progress.say("");
        progress
    }
}

/// A line that tells what goes on.
pub struct Progress {
    is_shown: bool,
    title: String,
}

impl Progress {
    /// Replaces what is said.
    pub fn say(&self, text: &str) {
        if self.is_shown {
            eprint!("\r\x1b[2K{} {text}", self.title);
            let _nobody_may_look = io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            eprint!("\r\x1b[2K");
        }
    }
}
