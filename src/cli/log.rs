//! What cmdx does, for `-v` and `--log-file`; and what is left of it when it fails by its own fault.

use std::fs::File;
use std::io;
use std::path::Path;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sends the log to standard error as far as `-v` asks, and all of it to `file`.
pub(super) fn start(verbose: u8, file: Option<&Path>, has_colour: bool) -> io::Result<()> {
    let level = match verbose {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let to_terminal = layer().with_writer(io::stderr).with_ansi(has_colour).with_target(false).without_time();
    let to_file = match file {
        Some(path) => Some(layer().with_writer(File::create(path)?).with_ansi(false).with_filter(LevelFilter::DEBUG)),
        None => None,
    };
    tracing_subscriber::registry().with(to_terminal.with_filter(level)).with(to_file).init();
    Ok(())
}

/// Replaces the default report of a panic: what failed goes to a file that can be sent along, its path to the user.
/// Threads whose names start with `caught` deal with their panics themselves.
pub(super) fn report_panics(caught: &'static str) {
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name().is_some_and(|name| name.starts_with(caught)) {
            return;
        }
        let text = format!(
            "cmdx {} ({} {}, {})\n{panic}\n\n{}\n",
            env!("CARGO_PKG_VERSION"),
            env!("CMDX_COMMIT"),
            env!("CMDX_TARGET"),
            env!("CMDX_RUSTC"),
            std::backtrace::Backtrace::force_capture()
        );
        let name = format!("cmdx-bug-{}.txt", std::process::id());
        let path = std::env::temp_dir().join(name);
        match crate::support::atomic_file::write(&path, text.as_bytes()) {
            Ok(()) => eprintln!("error: this is a bug in cmdx; its report lies in {}", path.display()),
            Err(_) => eprintln!("error: this is a bug in cmdx\n{text}"),
        }
    }));
}
