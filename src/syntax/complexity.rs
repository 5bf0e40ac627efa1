//! McCabe's complexity of every function, counted as ruff's C901 counts: branches, loops, handlers and cases, not
//! boolean operators or comprehensions. A function inside another adds its own to it.

use super::kind::{Field, Kind};
use super::node::Node;
use super::place::qualified_name;
use super::source_file::SourceFile;
use crate::model::{FunctionComplexity, Location};

/// The complexity of every `def`, in the order of the text.
pub fn complexity(file: &SourceFile) -> Vec<FunctionComplexity> {
    let mut functions: Vec<(FunctionComplexity, Option<usize>)> = vec![];
    let mut open: Vec<(Node, usize)> = vec![];
    for node in file.root().descendants() {
        while open.last().is_some_and(|(function, _)| !function.contains(node)) {
            open.pop();
        }
        let around = open.last().map(|(_, index)| *index);
        if node.is(Kind::Function) {
            open.push((node, functions.len()));
            functions.push((without_branches(node), around));
        } else if let Some(around) = around.filter(|_| is_branch(node)) {
            functions[around].0.complexity += 1;
        }
    }
    // A function stands after the one around it.
    for index in (0..functions.len()).rev() {
        if let (inner, Some(around)) = (functions[index].0.complexity, functions[index].1) {
            functions[around].0.complexity += inner;
        }
    }
    functions.into_iter().map(|(function, _)| function).collect()
}

fn without_branches(function: Node<'_>) -> FunctionComplexity {
    let symbol = function.field(Field::Body).map(qualified_name).unwrap_or_default();
    FunctionComplexity {
        location: Location::new(function.file().path.clone(), function.line(), symbol),
        end_line: function.last_line(),
        complexity: 1,
    }
}

fn is_branch(node: Node<'_>) -> bool {
    match node.kind() {
        Kind::If | Kind::Elif | Kind::For | Kind::While | Kind::Except | Kind::ExceptGroup => true,
        Kind::Else => node.parent().is_some_and(|parent| parent.is(Kind::Try)),
        Kind::Case => !is_default(node),
        _ => false,
    }
}

/// The last case of a `match`, when it takes everything: what `else` is to an `if`.
fn is_default(case: Node<'_>) -> bool {
    let is_last = case.parent().and_then(|block| block.children().last()) == Some(case);
    let mut patterns = case.children().filter(|child| child.is(Kind::CasePattern));
    let (Some(pattern), None) = (patterns.next(), patterns.next()) else { return false };
    let mut name = pattern.text().split(" as ").next().unwrap_or_default().trim();
    while let Some(inner) = name.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        name = inner.trim();
    }
    let is_name = name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name.chars().all(|each| each.is_alphanumeric() || each == '_')
        && !matches!(name, "True" | "False" | "None");
    let has_comma = case.text()[pattern.end() - case.start()..].trim_start().starts_with(',');
    is_last && is_name && !has_comma && case.field(Field::Guard).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name complexity` of each function.
    fn check(source: &str, expected: &[&str]) {
        let file = SourceFile::parse("a.py", source.as_bytes()).expect("Python");
        let shown: Vec<String> =
            complexity(&file).iter().map(|each| format!("{} {}", each.location.symbol, each.complexity)).collect();
        assert_eq!(shown, expected, "{source}");
    }

    #[test]
    fn branches_loops_and_handlers_count() {
        check("def trivial():\n    pass\n", &["trivial 1"]);
        check(
            "def f(n):\n    if n > 3:\n        a()\n    elif n > 4:\n        b()\n    else:\n        c()\n",
            &["f 3"],
        );
        check("def f(n):\n    for i in n:\n        a()\n    else:\n        b()\n    while n:\n        c()\n", &["f 3"]);
        let handled = "def f():\n    try:\n        a()\n    except A:\n        pass\n    except B:\n        pass\n    \
                       else:\n        b()\n    finally:\n        if c():\n            d()\n";
        check(handled, &["f 5"]);
        check("async def f():\n    async with a() as b:\n        async for c in b:\n            await c\n", &["f 2"]);
    }

    #[test]
    fn expressions_and_assertions_do_not_count() {
        check("def f(n):\n    assert n and n.a or n.b\n    return [i if i else 0 for i in n if i]\n", &["f 1"]);
        check("def f():\n    return lambda n: n if n else 0\n", &["f 1"]);
    }

    #[test]
    fn functions_count_for_those_around_them() {
        let nested =
            "def a():\n    def b():\n        def c():\n            if x:\n                pass\n        c()\n    b()\n";
        check(nested, &["a 4", "a.b 3", "a.b.c 2"]);
        let methods = "class A:\n    if x:\n        y = 1\n    @d\n    def m(self):\n        if x:\n            pass\n";
        check(methods, &["A.m 2"]);
        let local = "def f():\n    class A:\n        if x:\n            y = 1\n        @d\n        def m(self):\n            \
                     if x:\n                pass\n    return A\n";
        check(local, &["f 4", "f.A.m 2"]);
    }

    #[test]
    fn the_case_that_takes_everything_is_an_else() {
        let matching = |last: &str| {
            format!(
                "def f(x):\n    match x:\n        case 1:\n            a()\n        case {last}:\n            b()\n"
            )
        };
        for (last, expected) in [
            ("_", 2),
            ("(_)", 2),
            ("other", 2),
            ("a as b", 2),
            ("1 as b", 3),
            ("2", 3),
            ("_ if c", 3),
            ("None", 3),
            ("a, b", 3),
            ("A()", 3),
            ("a,", 3),
        ] {
            check(&matching(last), &[&format!("f {expected}")]);
        }
    }

    #[test]
    fn deeply_nested_functions_do_no_harm() {
        let mut deep = String::new();
        for depth in 0..300 {
            deep.push_str(&" ".repeat(depth));
            deep.push_str("def f():\n");
        }
        let file = SourceFile::parse("a.py", format!("{deep}{}pass\n", " ".repeat(300)).as_bytes()).expect("Python");
        assert_eq!(complexity(&file)[0].complexity, 300);
    }
}
