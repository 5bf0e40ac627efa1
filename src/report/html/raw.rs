//! The data block of the page: what programs read, and what the charts are drawn from. It is data to the browser,
//! never a script.

use std::io;

use serde_json::{Value, json};

use crate::model::Dashboard;

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

/// JSON in which nothing can end the element it stands in, nor a line of a script.
fn escaped(value: &Value) -> io::Result<String> {
    let text = serde_json::to_string(value).map_err(io::Error::from)?;
    let text = text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    Ok(text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_element_and_nothing_is_lost() {
        let evil = json!({"</script><!--&": "\u{2028}\u{2029}]]>"});
        let text = escaped(&evil).expect("JSON");
        assert!(!text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("still JSON"), evil);
    }
}
