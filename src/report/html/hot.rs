//! The bottlenecks: functions with their intervals, the heatmap of files by functions, and the source lines behind it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{Dashboard, FunctionCost, LineCost, Report, SourceExcerpt};
use crate::report::bottlenecks;
use crate::report::places::Places;
use crate::report::ranks;
use crate::report::{facts, words};
use crate::support::units;

/// Steps of the heat scale above nothing.
const HEAT_MAX: f64 = 15.0;
/// A row of the heatmap with more functions would be a wall of names; the rest is summed up.
const N_CELLS_MAX: usize = 12;
/// Functions in the table; more do not help a reader, and the data block has them all.
const N_FUNCTIONS_MAX: usize = 500;
/// Libraries and callers named with a function.
const N_NAMED_MAX: usize = 3;

/// The section.
#[derive(Serialize)]
pub(super) struct Hot {
    why_nothing: Option<String>,
    functions: Vec<FunctionRow>,
    n_functions_left_out: usize,
    legend: Option<&'static str>,
    is_cpu_measured: bool,
    files: Vec<FileRow>,
    sources: Vec<Source>,
    changed: bool,
}

#[derive(Serialize)]
struct FunctionRow {
    rank: String,
    name: String,
    place: String,
    link: Option<String>,
    waits: bool,
    heat: u32,
    time: String,
    seconds: f64,
    part: String,
    margin: String,
    bar: Bar,
    total: String,
    total_seconds: f64,
    cpu: String,
    cpu_seconds: f64,
    libraries: String,
    callers: String,
}

/// A share as lengths in percent.
#[derive(Serialize)]
struct Bar {
    value: String,
    low: String,
    high: String,
}

#[derive(Serialize)]
struct FileRow {
    path: String,
    link: Option<String>,
    heat: u32,
    part: String,
    time: String,
    seconds: f64,
    cells: Vec<Cell>,
    rest: Option<String>,
}

#[derive(Serialize)]
struct Cell {
    name: String,
    part: String,
    heat: u32,
    line: u32,
    link: Option<String>,
    time: String,
}

#[derive(Serialize)]
struct Source {
    id: String,
    path: String,
    time: String,
    part: String,
    n_lines: String,
    is_open: bool,
    lines: Vec<SourceRow>,
}

#[derive(Serialize)]
struct SourceRow {
    id: String,
    number: u32,
    text: String,
    heat: u32,
    time: String,
    part: String,
    /// True when lines are left out before this one.
    after_gap: bool,
    is_hot: bool,
}

impl Hot {
    pub(super) fn of(dashboard: &Dashboard, places: &Places) -> Self {
        let report = &dashboard.report;
        let functions: Vec<_> = report.profile.iter().flat_map(|profile| &profile.cpu.functions).collect();
        let functions: Vec<_> = functions.into_iter().filter(|function| function.n_samples > 0).collect();
        let ranks = ranks::joint(&functions);
        let links = Links::of(&dashboard.sources);
        let rows = functions.iter().zip(&ranks).take(N_FUNCTIONS_MAX);
        let rows = rows.map(|(function, rank)| {
            let rank = format!("{}{}", rank.number, if rank.is_joint { "=" } else { "" });
            function_row(report, function, rank, &links, places)
        });
        let files = files(&functions);
        Self {
            why_nothing: functions.is_empty().then(|| why_nothing(report)),
            functions: rows.collect(),
            n_functions_left_out: functions.len().saturating_sub(N_FUNCTIONS_MAX),
            legend: ranks.iter().any(|rank| rank.is_joint).then_some(words::JOINT_RANKS),
            is_cpu_measured: bottlenecks::is_cpu_measured(report),
            files: files.iter().map(|file| file_row(file, &links, places)).collect(),
            sources: sources(dashboard, places),
            changed: dashboard.sources.iter().any(|source| source.is_changed),
        }
    }
}

fn why_nothing(report: &Report) -> String {
    if report.profile.is_none() {
        return facts::why_no_times(report);
    }
    words::none_in_project(&facts::looked_at(report))
}

/// 0 for nothing, 15 for all. The square root keeps small parts apart.
fn heat(part: f64) -> u32 {
    if part <= 0.0 { 0 } else { (part.clamp(0.0, 1.0).sqrt() * HEAT_MAX).ceil() as u32 }
}

fn percent(part: f64) -> String {
    format!("{:.2}", part.clamp(0.0, 1.0) * 100.0)
}

fn function_row(report: &Report, function: &FunctionCost, rank: String, links: &Links, places: &Places) -> FunctionRow {
    let is_measured = bottlenecks::is_cpu_measured(report);
    let share = &function.share;
    let libraries = function.libraries.iter().take(N_NAMED_MAX);
    let libraries = libraries.map(|(name, seconds)| format!("{name} {}", units::duration(*seconds)));
    let callers = function.callers.iter().take(N_NAMED_MAX);
    let callers = callers.map(|(caller, _)| match words::symbol(caller) {
        name if name.is_empty() => places.place(caller),
        name => format!("{name} ({})", places.place(caller)),
    });
    FunctionRow {
        rank,
        name: name(function),
        place: places.place(&function.location),
        link: links.line(&function.location.path, function.dearest_line),
        waits: bottlenecks::is_waiting(report, function),
        heat: heat(share.value),
        time: units::duration(function.wall_seconds),
        seconds: function.wall_seconds,
        part: words::part(share.value),
        margin: words::margin(share),
        bar: Bar { value: percent(share.value), low: percent(share.low), high: percent(share.high) },
        total: units::duration(function.total_wall_seconds),
        total_seconds: function.total_wall_seconds,
        cpu: if is_measured { units::duration(function.cpu_seconds) } else { "not measured".to_string() },
        // Sorted below everything that was measured.
        cpu_seconds: if is_measured { function.cpu_seconds } else { -1.0 },
        libraries: libraries.collect::<Vec<_>>().join(", "),
        callers: callers.collect::<Vec<_>>().join(", "),
    }
}

fn name(function: &FunctionCost) -> String {
    match words::symbol(&function.location) {
        name if name.is_empty() => "unknown function".to_string(),
        name => name,
    }
}

struct File<'a> {
    path: &'a str,
    seconds: f64,
    part: f64,
    functions: Vec<&'a FunctionCost>,
}

/// Files, dearest first; their functions in the order of the source.
fn files<'a>(functions: &[&'a FunctionCost]) -> Vec<File<'a>> {
    let mut by_path = BTreeMap::<&str, Vec<&FunctionCost>>::new();
    for function in functions {
        by_path.entry(&function.location.path).or_default().push(function);
    }
    let mut files: Vec<_> = by_path
        .into_iter()
        .map(|(path, functions)| File {
            path,
            seconds: functions.iter().map(|function| function.wall_seconds).sum(),
            part: functions.iter().map(|function| function.share.value).sum(),
            functions,
        })
        .collect();
    files.sort_by(|one, other| other.seconds.total_cmp(&one.seconds).then(one.path.cmp(other.path)));
    files
}

fn file_row(file: &File, links: &Links, places: &Places) -> FileRow {
    let mut shown: Vec<_> = file.functions.iter().take(N_CELLS_MAX).collect();
    shown.sort_by_key(|function| function.location.line);
    let hidden = file.functions.iter().skip(N_CELLS_MAX);
    let (n_hidden, hidden_part) = (hidden.clone().count(), hidden.map(|function| function.share.value).sum::<f64>());
    let cell = |function: &&&FunctionCost| Cell {
        name: name(function),
        part: words::part(function.share.value),
        heat: heat(function.share.value),
        line: function.location.line,
        link: links.line(file.path, function.dearest_line),
        time: units::duration(function.wall_seconds),
    };
    FileRow {
        path: places.path(file.path).to_string(),
        link: links.file(file.path),
        heat: heat(file.part),
        part: words::part(file.part),
        time: units::duration(file.seconds),
        seconds: file.seconds,
        cells: shown.iter().map(cell).collect(),
        rest: (n_hidden > 0).then(|| format!("{n_hidden} more, {}", words::part(hidden_part))),
    }
}

/// Where in the page a line of the source stands.
struct Links<'a>(BTreeMap<&'a str, (usize, Vec<u32>)>);

impl<'a> Links<'a> {
    fn of(sources: &'a [SourceExcerpt]) -> Self {
        let numbers = |source: &SourceExcerpt| source.lines.iter().map(|line| line.number).collect();
        Self(
            sources
                .iter()
                .enumerate()
                .map(|(index, source)| (source.path.as_str(), (index, numbers(source))))
                .collect(),
        )
    }

    fn file(&self, path: &str) -> Option<String> {
        self.0.get(path).map(|(index, _)| format!("source-{index}"))
    }

    fn line(&self, path: &str, line: u32) -> Option<String> {
        let (index, numbers) = self.0.get(path)?;
        if numbers.contains(&line) { Some(line_id(*index, line)) } else { self.file(path) }
    }
}

fn line_id(source: usize, line: u32) -> String {
    format!("s{source}-{line}")
}

fn sources(dashboard: &Dashboard, places: &Places) -> Vec<Source> {
    let costs = dashboard.report.profile.iter().flat_map(|profile| &profile.cpu.lines);
    let mut by_line = BTreeMap::<(&str, u32), &LineCost>::new();
    let mut by_path = BTreeMap::<&str, (f64, f64)>::new();
    for cost in costs {
        by_line.insert((&cost.location.path, cost.location.line), cost);
        let sum = by_path.entry(&cost.location.path).or_default();
        sum.0 += cost.wall_seconds;
        sum.1 += cost.share.value;
    }
    let source = |(index, excerpt): (usize, &SourceExcerpt)| {
        let (seconds, part) = by_path.get(excerpt.path.as_str()).copied().unwrap_or_default();
        let mut before = 0;
        let row = |line: &crate::model::SourceLine| {
            let cost = by_line.get(&(excerpt.path.as_str(), line.number));
            let after_gap = line.number > before + 1;
            before = line.number;
            SourceRow {
                id: line_id(index, line.number),
                number: line.number,
                text: line.text.replace('\t', "    "),
                heat: cost.map_or(0, |cost| heat(cost.share.value)),
                time: cost.map(|cost| units::duration(cost.wall_seconds)).unwrap_or_default(),
                part: cost.map(|cost| words::part(cost.share.value)).unwrap_or_default(),
                after_gap,
                is_hot: cost.is_some(),
            }
        };
        Source {
            id: format!("source-{index}"),
            path: places.path(&excerpt.path).to_string(),
            time: units::duration(seconds),
            part: words::part(part),
            n_lines: units::counted(u64::from(excerpt.n_lines), "line", "lines"),
            is_open: index == 0,
            lines: excerpt.lines.iter().map(row).collect(),
        }
    };
    dashboard.sources.iter().enumerate().map(source).collect()
}
