//! Reads `[gates]`. An unknown key, unit or metric is an error that names the nearest one: a gate that is not
//! understood must not pass for one that holds.

use toml::{Table, Value};

use super::rules::{Rule, Waiver};
use super::{Gates, Limit, LimitKind, Policy};
use crate::support::units;

/// What is wrong with the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("[gates]: {message}")]
pub struct GateError {
    /// One sentence without a final dot.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

const KEYS: &[&str] =
    &["confidence", "on_missing", "on_inconclusive", "confirm", "absolute", "relative", "min_effect", "rule", "waive"];
const ABSOLUTE: &[&str] = &["response_time", "memory", "queries", "traced_peak"];
const RELATIVE: &[&str] = &["time", "memory", "queries", "traced_peak"];
const RULE: &[&str] = &["match", "response_time", "memory", "queries", "traced_peak", "absolute", "relative"];
const WAIVER: &[&str] = &["match", "until", "reason"];

type Read<T> = Result<T, GateError>;

impl Gates {
    /// Reads the table.
    ///
    /// # Errors
    /// At the first key or value that is not understood.
    pub fn read(table: &Table) -> Read<Self> {
        let mut gates = Self::default();
        for (key, value) in table {
            match key.as_str() {
                "confidence" => gates.confidence = confidence(value)?,
                "on_missing" => gates.on_missing = policy(key, value)?,
                "on_inconclusive" => gates.on_inconclusive = policy(key, value)?,
                "confirm" => gates.confirms = value.as_bool().ok_or_else(|| wrong(key, "true or false"))?,
                "absolute" => gates.limits.extend(limits(inner(key, value)?, ABSOLUTE, absolute)?),
                "relative" => gates.limits.extend(limits(inner(key, value)?, RELATIVE, relative)?),
                "min_effect" => gates.min_effect_seconds = min_effect(inner(key, value)?)?,
                "rule" => gates.rules = each(key, value)?.into_iter().map(rule).collect::<Read<_>>()?,
                "waive" => gates.waivers = each(key, value)?.into_iter().map(waiver).collect::<Read<_>>()?,
                _ => return Err(unknown(key, KEYS)),
            }
        }
        Ok(gates)
    }
}

/// Reads a limit on time, `250 ms` or `p95: 250 ms`.
///
/// # Errors
/// When it is no such limit.
pub fn response_time(text: &str) -> Read<Limit> {
    let (part, rest) = match text.split_once(':') {
        Some((name, rest)) => (percentile(name.trim())?, rest),
        None => (0.5, text),
    };
    let value = units::parse_duration(&rest.replace(' ', "")).map_err(|message| GateError { message, hint: None })?;
    Ok(Limit { kind: LimitKind::ResponseTime(part), value })
}

/// Reads a limit on memory, `600 MB`.
///
/// # Errors
/// When it is no such limit.
pub fn memory(text: &str) -> Read<Limit> {
    Ok(Limit { kind: LimitKind::Memory, value: bytes(text)? })
}

fn percentile(name: &str) -> Read<f64> {
    let number = name.strip_prefix('p').and_then(|number| number.parse::<f64>().ok());
    match number {
        Some(number) if number > 0.0 && number < 100.0 => Ok(number / 100.0),
        _ => Err(GateError {
            message: format!("`{name}` is no percentile"),
            hint: Some("write it like `p95: 250 ms`".to_owned()),
        }),
    }
}

fn bytes(text: &str) -> Read<f64> {
    let clean = text.replace(['_', ','], "");
    let split = clean.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(clean.len());
    let (number, unit) = clean.split_at(split);
    let factor = match unit.trim() {
        "B" | "bytes" => 1.0,
        "KB" | "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        _ => {
            return Err(GateError {
                message: format!("`{text}` has no unit of memory"),
                hint: Some("use B, KB, MB, GB, KiB, MiB or GiB".to_owned()),
            });
        }
    };
    match number.trim().parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value * factor),
        _ => Err(GateError { message: format!("`{text}` is no amount of memory"), hint: None }),
    }
}

fn part(text: &str) -> Read<f64> {
    let number = text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match number {
        Some(number) if number.is_finite() && number >= 0.0 => Ok(number / 100.0),
        _ => Err(GateError { message: format!("`{text}` is no share"), hint: Some("write it like \"5%\"".to_owned()) }),
    }
}

fn count(key: &str, value: &Value) -> Read<f64> {
    match value.as_integer() {
        Some(number) if number >= 0 => Ok(number as f64),
        _ => Err(wrong(key, "a whole number")),
    }
}

fn text<'a>(key: &str, value: &'a Value) -> Read<&'a str> {
    value.as_str().ok_or_else(|| wrong(key, "a string with its unit, like \"250 ms\", \"600 MB\" or \"5%\""))
}

fn absolute(key: &str, value: &Value) -> Read<Limit> {
    match key {
        "response_time" => response_time(text(key, value)?),
        "memory" => memory(text(key, value)?),
        "queries" => Ok(Limit { kind: LimitKind::Queries, value: count(key, value)? }),
        _ => Ok(Limit { kind: LimitKind::TracedPeak, value: bytes(text(key, value)?)? }),
    }
}

fn relative(key: &str, value: &Value) -> Read<Limit> {
    let kind = match key {
        "queries" => return Ok(Limit { kind: LimitKind::RelativeQueries, value: count(key, value)? }),
        "time" => LimitKind::RelativeTime,
        "memory" => LimitKind::RelativeMemory,
        _ => LimitKind::RelativeTracedPeak,
    };
    Ok(Limit { kind, value: part(text(key, value)?)? })
}

fn limits(table: &Table, known: &[&str], read: fn(&str, &Value) -> Read<Limit>) -> Read<Vec<Limit>> {
    let one = |(key, value): (&String, &Value)| {
        if known.contains(&key.as_str()) { read(key, value) } else { Err(unknown(key, known)) }
    };
    table.iter().map(one).collect()
}

fn min_effect(table: &Table) -> Read<f64> {
    let mut seconds = Gates::default().min_effect_seconds;
    for (key, value) in table {
        if key != "time" {
            return Err(unknown(key, &["time"]));
        }
        let text = text(key, value)?.replace(' ', "");
        seconds = units::parse_duration(&text).map_err(|message| GateError { message, hint: None })?;
    }
    Ok(seconds)
}

fn rule(table: &Table) -> Read<Rule> {
    let mut rule = Rule { pattern: pattern(table)?, limits: vec![] };
    for (key, value) in table {
        match key.as_str() {
            "match" => {}
            "absolute" => rule.limits.extend(limits(inner(key, value)?, ABSOLUTE, absolute)?),
            "relative" => rule.limits.extend(limits(inner(key, value)?, RELATIVE, relative)?),
            name if ABSOLUTE.contains(&name) => rule.limits.push(absolute(key, value)?),
            _ => return Err(unknown(key, RULE)),
        }
    }
    Ok(rule)
}

fn waiver(table: &Table) -> Read<Waiver> {
    if let Some(key) = table.keys().find(|key| !WAIVER.contains(&key.as_str())) {
        return Err(unknown(key, WAIVER));
    }
    let day = |value: &Value| match value {
        Value::Datetime(day) => day.date.map(|date| date.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    };
    let until = table.get("until").and_then(day).filter(|day| is_day(day));
    let until = until.ok_or_else(|| wrong("until", "a day, like 2026-12-31"))?;
    let reason = table.get("reason").and_then(Value::as_str).filter(|reason| !reason.trim().is_empty());
    let reason = reason.ok_or_else(|| wrong("reason", "a sentence: a waiver needs one"))?.to_owned();
    Ok(Waiver { pattern: pattern(table)?, until, reason })
}

fn is_day(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
}

fn pattern(table: &Table) -> Read<String> {
    let pattern = table.get("match").and_then(Value::as_str);
    pattern
        .map(str::to_owned)
        .ok_or_else(|| wrong("match", "a name of a benchmark, in which * stands for any characters"))
}

fn confidence(value: &Value) -> Read<f64> {
    match value.as_float() {
        Some(number) if number > 0.5 && number < 1.0 => Ok(number),
        _ => Err(wrong("confidence", "a number between 0.5 and 1, like 0.99")),
    }
}

fn policy(key: &str, value: &Value) -> Read<Policy> {
    match value.as_str() {
        Some("fail") => Ok(Policy::Fail),
        Some("warn") => Ok(Policy::Warn),
        Some("pass") => Ok(Policy::Pass),
        _ => Err(wrong(key, "\"fail\", \"warn\" or \"pass\"")),
    }
}

fn inner<'a>(key: &str, value: &'a Value) -> Read<&'a Table> {
    value.as_table().ok_or_else(|| wrong(key, "a table"))
}

fn each<'a>(key: &str, value: &'a Value) -> Read<Vec<&'a Table>> {
    let list = value.as_array().ok_or_else(|| wrong(key, &format!("tables `[[gates.{key}]]`")))?;
    list.iter().map(|item| inner(key, item)).collect()
}

fn wrong(key: &str, expected: &str) -> GateError {
    GateError { message: format!("`{key}` must be {expected}"), hint: None }
}

fn unknown(key: &str, known: &[&str]) -> GateError {
    let likeness = |name: &&&str| (strsim::jaro_winkler(key, name) * 1e6) as u64;
    let near = known.iter().max_by_key(likeness).filter(|name| strsim::jaro_winkler(key, name) > 0.6);
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known keys: {}", known.join(", ")),
    };
    GateError { message: format!("unknown key `{key}`"), hint: Some(hint) }
}
