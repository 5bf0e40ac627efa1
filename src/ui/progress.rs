//! Shows that work goes on: a moving line in a terminal, a plain line now and then where lines are kept.

use std::io::Write;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::stdout::{Pipe, lock};
use super::{Style, Surroundings};

/// Continuous integration ends jobs that stay silent for minutes; more lines than this hide the answer.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);
/// Smooth to the eye, and nothing to a processor.
const TICK_INTERVAL: Duration = Duration::from_millis(120);

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// A line that is redrawn.
    Moving,
    /// A new line every so often.
    Plain(Duration),
    /// Not at all.
    Silent,
}

impl Manner {
    pub(super) fn of(quiet: u8, around: &Surroundings) -> Self {
        let keeps_lines = around.is_on("CI") || (around.is_stderr_terminal && around.is_dumb());
        match quiet {
            0 if keeps_lines => Self::Plain(PLAIN_INTERVAL),
            0 if around.is_stderr_terminal => Self::Moving,
            _ => Self::Silent,
        }
    }
}

/// A handle on what is shown; dropping it takes the line away.
pub struct Progress {
    shown: Shown,
    has_unicode: bool,
}

enum Shown {
    Bar(ProgressBar, MultiProgress),
    Lines(Lines),
    Nothing,
}

impl Progress {
    pub(super) fn start(
        manner: Manner,
        style: &Style,
        bars: &MultiProgress,
        stderr: &Arc<Mutex<Pipe>>,
        message: &str,
    ) -> Self {
        let message = style.text(message).into_owned();
        let shown = match manner {
            Manner::Moving => {
                let bar = bars.add(ProgressBar::new_spinner());
                bar.set_style(bar_style("{spinner} {elapsed} {wide_msg}", style.unicode));
                bar.set_message(message);
                bar.enable_steady_tick(TICK_INTERVAL);
                Shown::Bar(bar, bars.clone())
            }
            Manner::Plain(interval) => Shown::Lines(Lines::start(interval, stderr, message)),
            Manner::Silent => Shown::Nothing,
        };
        Self { shown, has_unicode: style.unicode }
    }

    /// Says what is done now.
    pub fn message(&self, message: &str) {
        let message = crate::support::printable::printable(message).into_owned();
        match &self.shown {
            Shown::Bar(bar, _) => bar.set_message(message),
            Shown::Lines(lines) => lines.state().message = message,
            Shown::Nothing => {}
        }
    }

    /// Says how much is done of how much.
    pub fn position(&self, done: u64, all: u64) {
        match &self.shown {
            Shown::Bar(bar, _) => {
                if bar.length() != Some(all) {
                    bar.set_style(bar_style("{spinner} {elapsed} {pos}/{len} {wide_msg}", self.has_unicode));
                    bar.set_length(all);
                }
                bar.set_position(done);
            }
            Shown::Lines(lines) => lines.state().position = Some((done, all)),
            Shown::Nothing => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar, bars) = &self.shown {
            bar.finish_and_clear();
            bars.remove(bar);
        }
    }
}

fn bar_style(template: &str, has_unicode: bool) -> ProgressStyle {
    let ticks = if has_unicode { "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ " } else { "-\\|/ " };
    ProgressStyle::with_template(template).expect("the template is a constant").tick_chars(ticks)
}

/// What the next plain line says.
struct LineState {
    message: String,
    position: Option<(u64, u64)>,
}

/// Plain lines, written by a thread of their own: whoever works may be silent for minutes.
struct Lines {
    state: Arc<Mutex<LineState>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Lines {
    fn start(interval: Duration, stderr: &Arc<Mutex<Pipe>>, message: String) -> Self {
        let state = Arc::new(Mutex::new(LineState { message, position: None }));
        let (stop, stopped) = mpsc::channel::<()>();
        let (shared, stderr) = (Arc::clone(&state), Arc::clone(stderr));
        let thread = std::thread::spawn(move || {
            let start = Instant::now();
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let line = line(&shared.lock().unwrap_or_else(PoisonError::into_inner), start.elapsed());
                drop(lock(&stderr).write_all(line.as_bytes()));
            }
        });
        Self { state, stop: Some(stop), thread: Some(thread) }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, LineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// `scanning 120/1200 (20s)`.
fn line(state: &LineState, elapsed: Duration) -> String {
    let position = state.position.map(|(done, all)| format!(" {done}/{all}")).unwrap_or_default();
    format!("{}{position} ({}s)\n", state.message, elapsed.as_secs())
}
