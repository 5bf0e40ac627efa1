//! Questions on the terminal.

use std::io::{self, BufRead, Write};

use crate::support::interrupt;

/// Asks until one of the letters is typed; `None` at the end of input or after Ctrl-C.
pub(super) fn answer(question: &str, letters: &[char]) -> Option<char> {
    let mut stderr = io::stderr();
    loop {
        if interrupt::is_requested() || write!(stderr, "{question}").and_then(|()| stderr.flush()).is_err() {
            return None;
        }
        let mut line = String::new();
        match io::stdin().lock().read_line(&mut line) {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
        let typed = line.trim().chars().next().map(|letter| letter.to_ascii_lowercase());
        if let Some(letter) = typed.filter(|letter| letters.contains(letter)) {
            return Some(letter);
        }
    }
}
