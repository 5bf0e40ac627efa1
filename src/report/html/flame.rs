//! Flame graphs within the page: laid out by `inferno`, drawn without any style, script or fixed id of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use inferno::flamegraph::{self, Direction, Options};
use serde::Serialize;

/// Frames narrower than this part of the picture, in percent, are left out: they cannot be seen, and the page stays small.
const WIDTH_MIN_PERCENT: f64 = 0.1;
/// A narrower frame has no room for two letters, whatever the screen.
const LABEL_MIN_PERCENT: f64 = 2.0;
/// Height of a frame in the page.
const FRAME_HEIGHT: u32 = 20;
/// Frames in the table under the graph.
const N_TABLE_MAX: usize = 50;

/// What a frame's code belongs to; it decides the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A file of the project.
    Project,
    /// An installed package.
    Library,
    /// The standard library, or code without a file.
    Python,
}

/// A graph.
#[derive(Debug, Serialize)]
pub(super) struct Flame {
    pub id: String,
    pub title: String,
    pub summary: String,
    pub total: String,
    pub height: u32,
    pub frames: Vec<FlameFrame>,
    pub table: Vec<FlameRow>,
    pub n_left_out: usize,
    pub is_difference: bool,
}

/// A frame as it is drawn.
#[derive(Debug, Serialize)]
pub(super) struct FlameFrame {
    pub class: String,
    pub x: String,
    pub y: u32,
    pub width: String,
    pub name: String,
    pub cost: String,
    /// The name where some of it can be read; narrower frames get theirs from the script when they are zoomed.
    pub label: Option<String>,
}

/// A function in the table under the graph.
#[derive(Debug, Serialize)]
pub(super) struct FlameRow {
    pub name: String,
    pub own: String,
    pub own_value: u64,
    pub total: String,
    pub total_value: u64,
    pub part: String,
}

/// How to draw one graph.
pub(super) struct Drawing<'a> {
    pub id: &'a str,
    pub title: &'a str,
    /// Folded stacks with their weights; for a difference, before and after.
    pub stacks: &'a BTreeMap<String, (u64, Option<u64>)>,
    pub origins: &'a BTreeMap<String, Origin>,
    /// A weight in words.
    pub unit: &'a dyn Fn(u64) -> String,
    pub part: &'a dyn Fn(f64) -> String,
}

/// Lays the graph out; `None` without a stack.
pub(super) fn draw(drawing: &Drawing) -> io::Result<Option<Flame>> {
    let is_difference = drawing.stacks.values().any(|(_, after)| after.is_some());
    let total: u64 = drawing.stacks.values().map(|(first, after)| after.unwrap_or(*first)).sum();
    if total == 0 {
        return Ok(None);
    }
    let boxes = lay_out(drawing, is_difference)?;
    let depths: BTreeSet<u32> = boxes.iter().map(|each| each.y).collect();
    let n_all = frames_in(drawing.stacks);
    let frames: Vec<_> = boxes.iter().map(|each| frame(drawing, each, &depths, total)).collect();
    let table = table(drawing, total);
    let summary = match table.iter().max_by_key(|row| row.own_value) {
        Some(top) => format!(
            "{} in all. The dearest by itself is {} with {} ({}).",
            (drawing.unit)(total),
            top.name,
            top.own,
            (drawing.part)(top.own_value as f64 / total as f64)
        ),
        None => (drawing.unit)(total),
    };
    Ok(Some(Flame {
        id: drawing.id.to_string(),
        title: drawing.title.to_string(),
        summary,
        total: (drawing.unit)(total),
        height: depths.len() as u32 * FRAME_HEIGHT,
        n_left_out: (n_all + 1).saturating_sub(frames.len()),
        frames,
        table,
        is_difference,
    }))
}

/// Distinct frames of the whole tree.
fn frames_in(stacks: &BTreeMap<String, (u64, Option<u64>)>) -> usize {
    let mut seen = BTreeSet::new();
    for stack in stacks.keys() {
        let ends = stack.match_indices(';').map(|(end, _)| end).chain([stack.len()]);
        seen.extend(ends.map(|end| &stack[..end]));
    }
    seen.len()
}

/// A frame as inferno places it.
struct Placed {
    name: String,
    x: u64,
    y: u32,
    width: u64,
    /// The change of weight, in percent of all, in a difference.
    delta: Option<f64>,
}

fn lay_out(drawing: &Drawing, is_difference: bool) -> io::Result<Vec<Placed>> {
    let mut options = Options::default();
    options.direction = Direction::Inverted;
    options.min_width = WIDTH_MIN_PERCENT;
    options.deterministic = true;
    options.no_javascript = true;
    options.count_name = String::new();
    let line = |(stack, (first, after)): (&String, &(u64, Option<u64>))| match after {
        _ if !is_difference => format!("{stack} {first}"),
        after => format!("{stack} {first} {}", after.unwrap_or(0)),
    };
    let lines: Vec<String> = drawing.stacks.iter().map(line).collect();
    let mut picture = vec![];
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut picture)?;
    Ok(placed(&String::from_utf8_lossy(&picture)))
}

/// Reads the frames back: `<title>…</title><rect … y="…" … fg:x="…" fg:w="…"/>`. All else is thrown away.
fn placed(picture: &str) -> Vec<Placed> {
    let Some((_, frames)) = picture.split_once("id=\"frames\"") else { return vec![] };
    let read = |part: &str| {
        let (title, rest) = part.split_once("</title>")?;
        let (rectangle, _) = rest.split_once('>')?;
        let title = unescaped(title);
        let (name, figures) = title.rsplit_once(" (")?;
        let delta = figures.rsplit_once("; ").and_then(|(_, delta)| delta.trim_end_matches(['%', ')']).parse().ok());
        Some(Placed {
            name: name.to_string(),
            x: attribute(rectangle, "fg:x")?.parse().ok()?,
            y: attribute(rectangle, "y")?.parse().ok()?,
            width: attribute(rectangle, "fg:w")?.parse().ok()?,
            delta,
        })
    };
    let mut placed: Vec<Placed> = frames.split("<title>").skip(1).filter_map(read).collect();
    // The root first, then as one reads: the script and screen readers rely on it.
    placed.sort_by_key(|each| (each.y, each.x));
    placed
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&amp;", "&")
}

fn frame(drawing: &Drawing, placed: &Placed, depths: &BTreeSet<u32>, total: u64) -> FlameFrame {
    let percent = |value: u64| 100.0 * value as f64 / total as f64;
    let part = (drawing.part)(placed.width as f64 / total as f64);
    let change = placed.delta.map(|delta| format!(", {delta:+.1} points")).unwrap_or_default();
    FlameFrame {
        class: class(drawing, placed),
        x: short(percent(placed.x)),
        y: depths.range(..placed.y).count() as u32 * FRAME_HEIGHT,
        width: short(percent(placed.width)),
        name: placed.name.clone(),
        label: (percent(placed.width) >= LABEL_MIN_PERCENT).then(|| placed.name.clone()),
        cost: format!("{}, {part}{change}", (drawing.unit)(placed.width)),
    }
}

/// A number of the layout, as short as it stays exact to a tenth of a pixel.
fn short(percent: f64) -> String {
    let text = format!("{percent:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// `p1`: whose code it is, and one of three shades by its name. In a difference, how much it grew or shrank.
fn class(drawing: &Drawing, placed: &Placed) -> String {
    if let Some(delta) = placed.delta {
        let step = match delta.abs() {
            change if change < 0.05 => 0,
            change if change < 1.0 => 1,
            change if change < 5.0 => 2,
            change if change < 20.0 => 3,
            _ => 4,
        };
        return format!("d{}{step}", if delta < 0.0 { "m" } else { "p" });
    }
    let origin = match drawing.origins.get(&placed.name) {
        _ if placed.name == "all" => 'a',
        Some(Origin::Project) => 'p',
        Some(Origin::Library) => 'l',
        Some(Origin::Python) | None => 's',
    };
    let shade = placed.name.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte))) % 3;
    format!("{origin}{shade}")
}

/// Functions by what they cost themselves.
fn table(drawing: &Drawing, total: u64) -> Vec<FlameRow> {
    let mut costs = BTreeMap::<&str, (u64, u64)>::new();
    for (stack, (first, after)) in drawing.stacks {
        let weight = after.unwrap_or(*first);
        let names: Vec<&str> = stack.split(';').collect();
        for name in names.iter().collect::<BTreeSet<_>>() {
            costs.entry(name).or_default().1 += weight;
        }
        if let Some(leaf) = names.last() {
            costs.entry(leaf).or_default().0 += weight;
        }
    }
    let mut rows: Vec<_> = costs.into_iter().collect();
    rows.sort_by_key(|(name, (own, all))| (std::cmp::Reverse((*own, *all)), *name));
    let row = |(name, (own, all)): (&str, (u64, u64))| FlameRow {
        name: name.to_string(),
        own: (drawing.unit)(own),
        own_value: own,
        total: (drawing.unit)(all),
        total_value: all,
        part: (drawing.part)(own as f64 / total as f64),
    };
    rows.into_iter().take(N_TABLE_MAX).map(row).collect()
}
