//! A run as Markdown, for the summary of a job and the comment on a pull request.

use std::io::{self, Write};

use super::words;
use crate::model::{Benchmark, RunRecord, Series};

/// Rows before the table is folded.
const ROWS_SHOWN: usize = 50;

/// Writes the run.
pub(super) fn write(run: &RunRecord, out: &mut dyn Write) -> io::Result<()> {
    if !run.tests.is_empty() {
        writeln!(out, "### Tests\n\n{}\n", words::outcomes(run))?;
        let failures: Vec<_> = run.tests.iter().filter(|test| test.outcome.is_failure()).collect();
        for test in failures.iter().take(ROWS_SHOWN) {
            let place = test.location.as_ref().map(|location| format!(" ({location})")).unwrap_or_default();
            writeln!(out, "- {}{}: {}", code(&test.name), escaped(&place), escaped(&test.message))?;
        }
        if failures.len() > ROWS_SHOWN {
            writeln!(out, "- and {} more", failures.len() - ROWS_SHOWN)?;
        }
        if !failures.is_empty() {
            writeln!(out)?;
        }
    }
    if run.benchmarks.is_empty() {
        return Ok(());
    }
    writeln!(out, "### Performance\n")?;
    if let Some(before) = &run.before {
        writeln!(out, "Before: {}\n", escaped(&before.title))?;
    }
    let rows: Vec<(&Benchmark, &Series)> =
        run.benchmarks.iter().flat_map(|each| each.series.iter().map(move |series| (each, series))).collect();
    let is_folded = rows.len() > ROWS_SHOWN;
    if is_folded {
        writeln!(out, "<details><summary>{} figures</summary>\n", rows.len())?;
    }
    writeln!(out, "| | metric | before | after | change | interval |\n|---|---|---|---|---|---|")?;
    for (benchmark, series) in rows {
        row(benchmark, series, out)?;
    }
    if is_folded {
        writeln!(out, "\n</details>")?;
    }
    for problem in &run.problems {
        writeln!(out, "\n> {}", escaped(problem))?;
    }
    Ok(())
}

fn row(benchmark: &Benchmark, series: &Series, out: &mut dyn Write) -> io::Result<()> {
    let (name, metric) = (code(&benchmark.name), words::metric(series.metric));
    let Some(comparison) = &series.comparison else {
        let now = words::figure(series.metric, words::median(&series.after));
        return writeln!(out, "| {name} | {metric} | | {now} | | |");
    };
    let interval = if series.metric.is_exact() { Some("exact".to_owned()) } else { words::interval(comparison) };
    writeln!(
        out,
        "| {name} | {metric} | {} | {} | {} | {} |",
        words::figure(series.metric, comparison.before),
        words::figure(series.metric, comparison.after),
        words::change(series.metric, comparison),
        interval.unwrap_or_default()
    )
}

/// A name as code: what could end the code or the cell of a table is taken out of it.
fn code(text: &str) -> String {
    let clean = crate::support::printable::printable(text).replace('`', "'").replace('|', "\\|");
    format!("`{clean}`")
}

fn escaped(text: &str) -> String {
    let clean = crate::support::printable::printable(text);
    let mut safe = String::with_capacity(clean.len());
    for character in clean.chars() {
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '@' | '#' => {
                safe.push('\\');
                safe.push(character);
            }
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::run::sample;

    fn written(run: &RunRecord) -> String {
        let mut out = vec![];
        write(run, &mut out).expect("a vector takes all");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn figures_stand_in_a_table() {
        insta::assert_snapshot!(written(&sample::compared()));
    }

    #[test]
    fn hostile_names_stay_names() {
        let text = written(&sample::tested());
        assert!(text.contains("`tests/test_a.py::test_no[</script>\\x1b[31m]`"), "{text}");
        assert_eq!(escaped("<b>@all</b>"), "&lt;b&gt;\\@all&lt;/b&gt;");
    }
}
