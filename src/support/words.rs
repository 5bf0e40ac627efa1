//! Splits a command line into words as a shell would, without expanding anything.

/// The words, or `None` where only a shell can say what is meant (pipes, variables, an open quote).
pub fn split(line: &str) -> Option<Vec<String>> {
    let mut words = vec![];
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => word.get_or_insert_default().push_str(&quoted(&mut characters, '\'')?),
            '"' => word.get_or_insert_default().push_str(&quoted(&mut characters, '"')?),
            '\\' => word.get_or_insert_default().push(characters.next()?),
            '|' | '&' | ';' | '<' | '>' | '$' | '`' | '*' | '(' | ')' => return None,
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    Some(words)
}

fn quoted(characters: &mut std::str::Chars<'_>, quote: char) -> Option<String> {
    let mut text = String::new();
    loop {
        match characters.next()? {
            character if character == quote => return Some(text),
            '$' | '`' if quote == '"' => return None,
            '\\' if quote == '"' => text.push(characters.next()?),
            character => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn quotes_hold_words_together() {
        let words = split(r#"pytest -k "a or b" 'x y' a\ b ''"#).expect("plain words");
        assert_eq!(words, ["pytest", "-k", "a or b", "x y", "a b", ""]);
    }

    #[test]
    fn what_needs_a_shell_is_left_to_one() {
        for line in ["a | b", "a && b", "echo $HOME", "echo \"$HOME\"", "ls *.py", "open 'quote"] {
            assert_eq!(split(line), None, "{line}");
        }
    }
}
