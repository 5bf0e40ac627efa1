//! What a program kept open and what it kept adding to, from what its agents counted.

use std::collections::BTreeMap;

use crate::agent::wire::{Container, ProcessEvents};
use crate::model::{GrowingCache, HandleKind, Location, UnclosedHandle};

/// Fewer items are nobody's leak.
const ITEMS_MIN: u64 = 100;
/// In the second half of the time a container that goes on growing gets this much larger at least.
const GROWTH_MIN: f64 = 1.1;

/// Handles that were open when last looked at, by the line that opened them, most first. `is_charged` tells which
/// files count.
pub fn handles(processes: &[ProcessEvents], is_charged: &dyn Fn(&str) -> bool) -> Vec<UnclosedHandle> {
    let mut found: BTreeMap<(Location, HandleKind, String), UnclosedHandle> = BTreeMap::new();
    for process in processes {
        for handle in process.handles.iter().filter(|handle| handle.n_open > 0) {
            let (Some(kind), Some(code)) = (kind_of(handle.kind), process.codes.get(&handle.code)) else { continue };
            if !is_charged(&code.path) {
                continue;
            }
            let location = Location::new(&code.path, handle.line, &code.name);
            let type_name = process.texts.get(&handle.type_name).cloned().unwrap_or_default();
            let key = (location.clone(), kind, type_name.clone());
            let sum = found.entry(key).or_insert_with(|| UnclosedHandle {
                location,
                kind,
                type_name,
                n_opened: 0,
                n_open: 0,
                oldest_seconds: 0.0,
            });
            sum.n_opened += handle.n_opened;
            sum.n_open += handle.n_open;
            sum.oldest_seconds = sum.oldest_seconds.max(handle.oldest_ns as f64 * 1e-9);
        }
    }
    let mut handles: Vec<UnclosedHandle> = found.into_values().collect();
    handles.sort_by(|left, right| right.n_open.cmp(&left.n_open).then(left.location.cmp(&right.location)));
    handles
}

fn kind_of(number: u8) -> Option<HandleKind> {
    Some(match number {
        1 => HandleKind::File,
        2 => HandleKind::Socket,
        3 => HandleKind::Connection,
        4 => HandleKind::Cursor,
        5 => HandleKind::Session,
        6 => HandleKind::TemporaryFile,
        7 => HandleKind::Executor,
        8 => HandleKind::Task,
        _ => return None,
    })
}

/// Containers of modules and classes that only grew, and went on to the end, largest first. `text` gives a file of the
/// project.
pub fn caches(processes: &[ProcessEvents], text: &dyn Fn(&str) -> Option<String>) -> Vec<GrowingCache> {
    let mut found: BTreeMap<String, GrowingCache> = BTreeMap::new();
    for process in processes {
        for container in process.containers.iter().filter(|container| only_grows(container)) {
            let named = |number: u32| process.texts.get(&number).cloned().unwrap_or_default();
            let (name, path) = (named(container.name), named(container.file));
            let cache = GrowingCache {
                location: place(&path, &name, text),
                name: name.clone(),
                kind: named(container.kind),
                start_items: container.first_items,
                end_items: container.last_items,
                keys: named(container.keys),
                bytes: (container.bytes > 0).then_some(container.bytes),
            };
            let is_larger = found.get(&name).is_none_or(|known| known.end_items < cache.end_items);
            if is_larger {
                found.insert(name, cache);
            }
        }
    }
    let mut caches: Vec<GrowingCache> = found.into_values().collect();
    caches.sort_by(|left, right| right.end_items.cmp(&left.end_items).then(left.name.cmp(&right.name)));
    caches
}

fn only_grows(container: &Container) -> bool {
    let grew_late = container.last_items as f64 >= GROWTH_MIN * container.half_items as f64;
    container.n_shrinks == 0 && grew_late && container.last_items >= container.first_items + ITEMS_MIN
}

/// The first line that adds to a container by its name; its first mention when there is none.
fn place(path: &str, name: &str, text: &dyn Fn(&str) -> Option<String>) -> Location {
    let short = name.rsplit('.').next().unwrap_or(name);
    let Some(text) = text(path) else { return Location::new(path, 0, "") };
    let numbered = || (1_u32..).zip(text.lines());
    let adding = numbered().find(|(_, line)| adds_to(line, short));
    let line = adding.or_else(|| numbered().find(|(_, line)| mentions(line, short).is_some()));
    Location::new(path, line.map_or(0, |(number, _)| number), "")
}

/// What follows a name that stands by itself.
fn mentions<'line>(line: &'line str, name: &str) -> Option<&'line str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).find_map(|(at, _)| {
        let rest = &line[at + name.len()..];
        let stands_alone = !line[..at].ends_with(is_word) && !rest.starts_with(is_word);
        stands_alone.then_some(rest)
    })
}

fn adds_to(line: &str, name: &str) -> bool {
    const METHODS: [&str; 7] =
        [".append(", ".add(", ".setdefault(", ".extend(", ".insert(", ".update(", ".appendleft("];
    let Some(rest) = mentions(line, name) else { return false };
    if METHODS.iter().any(|method| rest.starts_with(method)) {
        return true;
    }
    let Some((_, after)) = rest.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')) else { return false };
    let after = after.trim_start();
    (after.starts_with('=') && !after.starts_with("==")) || after.starts_with("+=") || after.starts_with(".append(")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_adds_to_a_container_is_told_from_those_that_read_it() {
        let text = "cache = {}\ndef get(key):\n    if key in cache:\n        return cache[key]\n    my_cache[key] = 1\n    \
                    cache[key] = value\n";
        let line_of = |name: &str| place("a.py", name, &|_| Some(text.to_owned())).line;
        assert_eq!(line_of("app.cache"), 6);
        assert_eq!(line_of("app.my_cache"), 5);
        assert_eq!(line_of("app.absent"), 0);
        assert!(adds_to("    _opened.append(conn)", "_opened"));
        assert!(!adds_to("if cache[key] == value:", "cache"));
    }

    #[test]
    fn a_table_that_was_filled_once_and_a_container_that_shrinks_are_no_caches() {
        let container = Container {
            first_items: 0,
            half_items: 500,
            last_items: 1000,
            bytes: 0,
            n_shrinks: 0,
            name: 1,
            file: 2,
            kind: 3,
            keys: 4,
        };
        assert!(only_grows(&container));
        assert!(!only_grows(&Container { half_items: 1000, ..container }));
        assert!(!only_grows(&Container { n_shrinks: 1, ..container }));
        assert!(!only_grows(&Container { half_items: 40, last_items: 60, ..container }));
    }
}
