//! Ctrl-C, SIGTERM and SIGHUP: the first asks the command to end in good order, the second ends it at once.

use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::exit;
use crate::support::interrupt;

/// Takes over the signals of this process.
pub(super) fn listen() -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for _ in signals.forever() {
            if interrupt::is_requested() {
                std::process::exit(i32::from(exit::INTERRUPTED));
            }
            interrupt::request();
        }
    })?;
    Ok(())
}
