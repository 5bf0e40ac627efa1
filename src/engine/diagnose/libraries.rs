//! Findings that the profile alone gives: a function whose time goes to a library known to be slow, or slowly used.

use super::reach::Reach;
use crate::model::{Category, CpuProfile, Finding, FindingKind, FunctionCost, Match, Safety};
use crate::support::units;

/// A library finding needs this part of the run's project time; less is not worth a line.
const SHARE_MIN: f64 = 0.05;

/// A use of a library that has a faster way.
struct Habit {
    name: &'static str,
    modules: &'static [&'static str],
    category: Category,
    title: &'static str,
    advice: &'static str,
    /// Rules that mend it: their matches in the function are named under the finding.
    rules: &'static [&'static str],
}

const HABITS: &[Habit] = &[
    Habit {
        name: "json-serialization",
        modules: &["json", "simplejson", "jsonschema", "jsonschema_specifications", "referencing", "fastjsonschema"],
        category: Category::Io,
        title: "Inefficient JSON serialization",
        advice: "encode once, keep the compiled validator, leave out fields nobody reads; orjson encodes 5 to 10 times faster",
        rules: &["json-text", "schema-per-call"],
    },
    Habit {
        name: "yaml-parsing",
        modules: &["yaml", "ruamel"],
        category: Category::Io,
        title: "Slow YAML parsing",
        advice: "parse a file once and keep the result; CSafeLoader is some 10 times faster than SafeLoader",
        rules: &[],
    },
    Habit {
        name: "deep-copies",
        modules: &["copy"],
        category: Category::Memory,
        title: "Deep copies",
        advice: "copy what is changed, not everything below it",
        rules: &["needless-copy"],
    },
    Habit {
        name: "regex-compilation",
        modules: &["re", "sre_compile", "sre_parse"],
        category: Category::Algorithm,
        title: "Regular expressions compiled over and over",
        advice: "compile each pattern once, outside the loop",
        rules: &["regex-in-function"],
    },
    Habit {
        name: "logging-in-hot-code",
        modules: &["logging"],
        category: Category::Io,
        title: "Logging in hot code",
        advice: "log less there, or ask `logger.isEnabledFor` first",
        rules: &[],
    },
];

/// One finding for each function with a habit that costs enough. Marks the matches it names in `is_taken`.
pub(super) fn findings(
    profile: &CpuProfile,
    reach: &Reach<'_>,
    matches: &[Match],
    is_taken: &mut [bool],
) -> Vec<Finding> {
    let mut findings = vec![];
    for function in &profile.functions {
        for habit in HABITS {
            let used: Vec<_> =
                function.libraries.iter().filter(|(name, _)| habit.modules.contains(&name.as_str())).collect();
            let seconds: f64 = used.iter().map(|(_, seconds)| seconds).sum();
            let share = reach.share(seconds);
            if share.value < SHARE_MIN {
                continue;
            }
            let evidence = used
                .iter()
                .map(|(name, seconds)| format!("{} in {name}", units::duration(*seconds)))
                .collect::<Vec<_>>()
                .join(", ");
            findings.push(Finding {
                kind: FindingKind::Library(habit.name.to_owned()),
                category: habit.category,
                title: format!("{} in {}()", habit.title, function.location.symbol),
                location: function.location.clone(),
                seconds: Some(seconds),
                share: Some(share),
                evidence: vec![evidence],
                advice: Some(habit.advice.to_owned()),
                rewrites: rewrites(function, habit, matches, is_taken),
            });
        }
    }
    findings
}

fn rewrites(function: &FunctionCost, habit: &Habit, matches: &[Match], is_taken: &mut [bool]) -> Vec<(String, Safety)> {
    let mut rewrites = vec![];
    for (each, is_taken) in matches.iter().zip(is_taken) {
        let is_here = each.location.path == function.location.path && each.function_line == function.location.line;
        if is_here && habit.rules.contains(&each.rule.as_str()) {
            *is_taken = true;
            if !each.edits.is_empty() && !rewrites.contains(&(each.rule.clone(), each.safety)) {
                rewrites.push((each.rule.clone(), each.safety));
            }
        }
    }
    rewrites
}
