//! The data block of the page: what programs read, and what the charts are drawn from. It is data to the browser,
//! never a script.

use std::fmt::Write;
use std::io;

use serde_json::{Value, json};

use crate::model::Dashboard;
use crate::support::printable::is_steering;

/// The report without its stacks: the flame graph has those, and they would be most of the page.
pub(super) fn data(dashboard: &Dashboard) -> io::Result<String> {
    let mut report = dashboard.report.clone();
    if let Some(profile) = &mut report.profile {
        profile.cpu.stacks.clear();
        profile.cpu.frames.clear();
    }
    let value = json!({
        "generator": report.generator,
        "measured_at": dashboard.measured_at,
        "command": dashboard.command,
        "surroundings": dashboard.surroundings,
        "report": report,
    });
    escaped(&value)
}

/// JSON in which nothing can end the element it stands in, nor turn the direction of what an editor shows of it.
fn escaped(value: &Value) -> io::Result<String> {
    let text = serde_json::to_string(value).map_err(io::Error::from)?;
    let mut clean = String::with_capacity(text.len() + text.len() / 16);
    for character in text.chars() {
        if matches!(character, '<' | '>' | '&') || is_steering(character) {
            write!(clean, "\\u{:04x}", u32::from(character)).expect("a string takes every text");
        } else {
            clean.push(character);
        }
    }
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_element_and_nothing_is_lost() {
        let evil = json!({"</script><!--&": "\u{2028}\u{202e}\u{85}]]>"});
        let text = escaped(&evil).expect("JSON");
        assert!(!text.contains(['<', '>', '&', '\u{2028}', '\u{202e}', '\u{85}']), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("still JSON"), evil);
    }
}
