//! A few words on what a line does with memory, from its text alone.

/// `Loads entire dataset into memory`, `Builds a list`; the line itself where nothing better can be said.
pub(super) fn of(line: &str) -> String {
    let text = line.trim();
    let called = names_called(text);
    if let Some(name) = called.iter().find(|name| is_loading(name)) {
        return match subject(name) {
            Some(subject) => format!("Loads {subject} into memory"),
            None => format!("Loads what {name}() gives into memory"),
        };
    }
    let after_equals = text.split_once('=').map_or(text, |(_, right)| right.trim_start_matches('='));
    let value = after_equals.trim().trim_start_matches("return ").trim();
    let has_loop = value.contains(" for ");
    match value.chars().next() {
        Some('[') if has_loop => return "Builds a whole list".to_owned(),
        Some('{') if has_loop && value.contains(':') => return "Builds a whole dictionary".to_owned(),
        Some('{') if has_loop => return "Builds a whole set".to_owned(),
        _ => {}
    }
    for (ending, phrase) in [(".append", "Appends to a list"), (".extend", "Extends a list"), (".copy", "Makes a copy")]
    {
        if called.iter().any(|name| name.ends_with(ending)) {
            return phrase.to_owned();
        }
    }
    if let Some(name) = called.iter().find(|name| ["list", "sorted", "tuple", "dict", "set"].contains(&name.as_str())) {
        return format!("Builds a whole {}", if name == "sorted" { "sorted list" } else { name });
    }
    shortened(text)
}

/// Longest line that is quoted.
const QUOTE_MAX: usize = 60;

fn shortened(text: &str) -> String {
    if text.chars().count() <= QUOTE_MAX {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(QUOTE_MAX - 1).collect();
    cut.push('…');
    cut
}

/// Names in front of a parenthesis, dotted as they stand, the outermost call first.
fn names_called(text: &str) -> Vec<String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let mut names = vec![];
    for (at, _) in text.match_indices('(') {
        let name: String = text[..at].chars().rev().take_while(|c| is_name(*c)).collect();
        if !name.is_empty() {
            names.push(name.chars().rev().collect());
        }
    }
    names
}

fn is_loading(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let words: Vec<&str> = last.split('_').collect();
    let loads = ["load", "loads", "read", "readlines", "fetchall", "fetch", "read_text", "read_bytes"];
    words.first().is_some_and(|word| loads.contains(word)) || last == "readlines"
}

/// `entire dataset` of `load_entire_dataset`.
fn subject(name: &str) -> Option<String> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let (_, rest) = last.split_once('_')?;
    Some(rest.replace('_', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_by_what_it_does() {
        let check = |line: &str, expected: &str| assert_eq!(of(line), expected, "{line}");
        check("    data = load_entire_dataset()  # Loads 1.2GB", "Loads entire dataset into memory");
        check("rows = json.load(handle)", "Loads what json.load() gives into memory");
        check("return [parse(line) for line in lines]", "Builds a whole list");
        check("index = {row.id: row for row in rows}", "Builds a whole dictionary");
        check("results.append(transform(item))", "Appends to a list");
        check("rows = list(reader)", "Builds a whole list");
        check("matrix = np.ones((1000, 1000))", "matrix = np.ones((1000, 1000))");
        check(&format!("x = {}", "y".repeat(80)), &format!("x = {}…", "y".repeat(55)));
    }
}
