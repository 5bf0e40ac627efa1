//! The functions and loops of a source file by line: what joins a measured line with its source.

use std::ops::RangeInclusive;

use tree_sitter::{Node, Parser, TreeCursor};

/// Functions and loops of one file, in the order of their first lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Every `def` and `lambda`.
    pub functions: Vec<Function>,
    /// Every `for`, `while` and comprehension.
    pub loops: Vec<Loop>,
    /// True when some part of the file could not be parsed.
    pub has_errors: bool,
}

/// One function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// `load`; `<lambda>` for a lambda, as Python names it.
    pub name: String,
    /// `Reader.load`, `outer.inner`.
    pub qualified_name: String,
    /// Line of its first decorator, or of the `def`: what `co_firstlineno` says since Python 3.8.
    pub code_line: u32,
    /// Line of the `def`.
    pub first_line: u32,
    /// Its last line.
    pub last_line: u32,
}

/// One loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    /// Line of the `for` or `while`.
    pub header_line: u32,
    /// First line that is executed once per iteration.
    pub first_line: u32,
    /// Last line that is executed once per iteration.
    pub last_line: u32,
    /// True for comprehensions and generator expressions.
    pub is_comprehension: bool,
}

impl Loop {
    fn lines(&self) -> RangeInclusive<u32> {
        self.first_line..=self.last_line
    }
}

impl Outline {
    /// Reads `source`; what cannot be parsed is left out and told by `has_errors`.
    pub fn of(source: &[u8]) -> Self {
        let mut parser = Parser::new();
        parser
            .set_language(&tree_sitter_python::LANGUAGE.into())
            .expect("the grammar fits the library it is built with");
        let Some(tree) = parser.parse(source, None) else { return Self::default() };
        let mut outline = Self { has_errors: tree.root_node().has_error(), ..Self::default() };
        outline.collect(&mut tree.walk(), source);
        outline
    }

    /// The innermost function that `line` belongs to.
    pub fn function_at(&self, line: u32) -> Option<&Function> {
        self.functions.iter().rev().find(|function| (function.code_line..=function.last_line).contains(&line))
    }

    /// The innermost function called `name`, as a frame gives it, that `line` belongs to. Comprehensions have frames
    /// of their own before Python 3.12; their names stand for the function around them.
    pub fn function_named(&self, name: &str, line: u32) -> Option<&Function> {
        if name.starts_with('<') && name != "<lambda>" {
            return self.function_at(line).filter(|_| name != "<module>");
        }
        let bare = name.rsplit('.').next().unwrap_or(name);
        let holds = |function: &&Function| (function.code_line..=function.last_line).contains(&line);
        self.functions.iter().rev().filter(holds).find(|function| function.name == bare)
    }

    /// The innermost loop whose repeated part contains `line`, within the innermost function at that line.
    pub fn innermost_loop(&self, line: u32) -> Option<&Loop> {
        let start = self.function_at(line).map_or(0, |function| function.code_line);
        self.loops.iter().rev().find(|each| each.header_line >= start && each.lines().contains(&line))
    }

    /// Walks without recursion: generated code nests deeper than a thread's stack.
    fn collect(&mut self, cursor: &mut TreeCursor<'_>, source: &[u8]) {
        let mut scopes: Vec<(usize, String)> = vec![];
        loop {
            let node = cursor.node();
            while scopes
                .last()
                .is_some_and(|(end, _)| *end <= node.start_byte() && node.start_byte() != node.end_byte())
            {
                scopes.pop();
            }
            self.visit(node, source, &mut scopes);
            if cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    self.functions.sort_by_key(|function| (function.code_line, std::cmp::Reverse(function.last_line)));
                    self.loops.sort_by_key(|each| (each.header_line, std::cmp::Reverse(each.last_line)));
                    return;
                }
            }
        }
    }

    fn visit(&mut self, node: Node<'_>, source: &[u8], scopes: &mut Vec<(usize, String)>) {
        match node.kind() {
            "function_definition" | "class_definition" => {
                let name =
                    node.child_by_field_name("name").and_then(|name| name.utf8_text(source).ok()).unwrap_or_default();
                if node.kind() == "function_definition" {
                    self.add_function(node, name, scopes);
                }
                scopes.push((node.end_byte(), name.to_owned()));
            }
            "lambda" => self.add_function(node, "<lambda>", scopes),
            "for_statement" | "while_statement" => {
                let Some(body) = node.child_by_field_name("body") else { return };
                let header_line = first_line(node);
                let first = if node.kind() == "while_statement" { header_line } else { first_line(body) };
                self.loops.push(Loop {
                    header_line,
                    first_line: first,
                    last_line: last_line(body),
                    is_comprehension: false,
                });
            }
            "list_comprehension" | "set_comprehension" | "dictionary_comprehension" | "generator_expression" => {
                let (first_line, last_line) = (first_line(node), last_line(node));
                self.loops.push(Loop { header_line: first_line, first_line, last_line, is_comprehension: true });
            }
            _ => {}
        }
    }

    fn add_function(&mut self, node: Node<'_>, name: &str, scopes: &[(usize, String)]) {
        let mut qualified_name = String::new();
        for (_, scope) in scopes {
            qualified_name.push_str(scope);
            qualified_name.push('.');
        }
        qualified_name.push_str(name);
        let decorated = node.parent().filter(|parent| parent.kind() == "decorated_definition");
        self.functions.push(Function {
            name: name.to_owned(),
            qualified_name,
            code_line: first_line(decorated.unwrap_or(node)),
            first_line: first_line(node),
            last_line: last_line(node),
        });
    }
}

fn first_line(node: Node<'_>) -> u32 {
    node.start_position().row as u32 + 1
}

/// The grammar ends a block after its line break in some places; a node that ends in column 0 ended a line earlier.
fn last_line(node: Node<'_>) -> u32 {
    let end = node.end_position();
    if end.column == 0 && end.row > node.start_position().row { end.row as u32 } else { end.row as u32 + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
class Reader:
    @cached
    def load(self, keys):
        for key in keys:
            rows = [self.fetch(key, part)
                    for part in key]
            yield rows
        return None

def top():
    while pending():
        step()
    after = 1
    return lambda: after
";

    #[test]
    fn functions_are_found_by_line_with_their_qualified_names() {
        let outline = Outline::of(SOURCE.as_bytes());
        let names: Vec<_> =
            [2, 3, 5, 8, 11].map(|line| outline.function_at(line).map(|f| f.qualified_name.as_str())).into();
        assert_eq!(
            names,
            [Some("Reader.load"), Some("Reader.load"), Some("Reader.load"), Some("Reader.load"), Some("top")]
        );
        assert_eq!(outline.function_at(3).map(|f| (f.code_line, f.first_line, f.last_line)), Some((2, 3, 8)));
        assert_eq!(outline.function_at(1), None);
        assert_eq!(outline.function_at(14).map(|f| f.qualified_name.as_str()), Some("top.<lambda>"));
        assert_eq!(outline.function_named("<listcomp>", 6).map(|f| f.name.as_str()), Some("load"));
        assert_eq!(outline.function_named("Reader.load", 5).map(|f| f.name.as_str()), Some("load"));
        assert_eq!(outline.function_named("top", 14).map(|f| f.name.as_str()), Some("top"));
    }

    #[test]
    fn the_innermost_loop_is_the_one_that_repeats_the_line() {
        let outline = Outline::of(SOURCE.as_bytes());
        let header = |line| outline.innermost_loop(line).map(|each| each.header_line);
        assert_eq!(header(7), Some(4));
        assert_eq!(header(6), Some(5));
        assert_eq!(header(4), None, "the iterable is evaluated once");
        assert_eq!(header(8), None);
        assert_eq!(header(11), Some(11), "a while condition is evaluated every time");
        assert_eq!(header(13), None);
    }

    #[test]
    fn broken_and_deeply_nested_source_does_no_harm() {
        assert!(Outline::of(b"def f(:\n  for x in\n").has_errors);
        let deep = format!("x = {}1{}\n", "(".repeat(50_000), ")".repeat(50_000));
        assert!(Outline::of(deep.as_bytes()).functions.is_empty());
    }
}
