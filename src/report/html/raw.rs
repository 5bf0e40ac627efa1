//! The data block of the page: what programs read, and what the charts are drawn from. It is data to the browser,
//! never a script.

use std::fmt::Write;
use std::io;

use serde_json::{Value, json};

use super::memory::thinned;
use super::trends::{N_FIGURES, kept};
use crate::model::{Dashboard, TrendPoint, Trends};
use crate::support::printable::is_steering;

/// The report without its stacks: the flame graph has those, and they would be most of the page.
pub(super) fn data(dashboard: &Dashboard) -> io::Result<String> {
    let mut report = dashboard.report.clone();
    if let Some(profile) = &mut report.profile {
        profile.cpu.stacks.clear();
        profile.cpu.frames.clear();
        if let Some(memory) = &mut profile.memory {
            memory.stacks.clear();
            memory.timeline = thinned(&memory.timeline);
        }
    }
    let value = json!({
        "generator": report.generator,
        "measured_at": dashboard.measured_at,
        "command": dashboard.command,
        "surroundings": dashboard.surroundings,
        "report": report,
        "trends": lines(&dashboard.trends),
        "compared": dashboard.trends.compared,
    });
    escaped(&value)
}

/// Points of a line that is shown at once.
const N_POINTS_MAX: usize = 300;
/// Points of all lines that are drawn on demand.
const N_POINTS_ON_DEMAND: usize = 12_000;
/// Fewer points hide too much of a line.
const N_POINTS_MIN: usize = 8;

/// The lines as the charts want them: columns, as many points as can be told apart.
fn lines(trends: &Trends) -> Value {
    let runs = trends.runs.iter();
    let runs = runs.map(|run| json!([run.started, run.commit, run.environment, u8::from(run.is_rewritten)]));
    let n_shown = 3 * N_FIGURES;
    let n_others = trends.lines.len().saturating_sub(n_shown).max(1);
    let n_on_demand = (N_POINTS_ON_DEMAND / n_others).clamp(N_POINTS_MIN, N_POINTS_MAX);
    let line = |(index, trend): (usize, &crate::model::Trend)| {
        let is_shown = index < n_shown;
        let points = kept(&trend.points, if is_shown { N_POINTS_MAX } else { n_on_demand });
        let column =
            |value: fn(&TrendPoint) -> f64| points.iter().map(|point| rounded(value(point))).collect::<Vec<_>>();
        let shifts = trend.shifts.iter().filter_map(|shift| trend.points.get(*shift as usize));
        let mut columns = json!({
            "m": trend.metric.name(),
            "r": points.iter().map(|point| point.run).collect::<Vec<_>>(),
            "v": column(|point| point.value),
        });
        let shifts: Vec<u32> = shifts.map(|point| point.run).collect();
        if !shifts.is_empty() {
            columns["s"] = json!(shifts);
        }
        if points.iter().any(|point| point.low < point.high) && (is_shown || n_others < N_POINTS_MAX) {
            columns["l"] = json!(column(|point| point.low));
            columns["h"] = json!(column(|point| point.high));
        }
        columns
    };
    json!({
        "runs": runs.collect::<Vec<_>>(),
        "n_environments": trends.environments.len(),
        "lines": trends.lines.iter().enumerate().map(line).collect::<Vec<_>>(),
    })
}

/// Four digits: more than a pixel can show.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
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
