//! What names and calls mean: builtins, imports, receivers, arguments.

use super::kind::{Field, Kind};
use super::node::Node;
use super::place::binding_value;
use super::scope::ScopeKind;

/// True when the identifier is the builtin `name`: nothing in the file gives that name another meaning.
pub fn is_builtin(node: Node<'_>, name: &str) -> bool {
    node.is(Kind::Identifier)
        && node.text() == name
        && node.variable().is_none()
        && !node.file().scopes.has_wildcard_import()
}

/// True for a call of the builtin `name`.
pub fn is_builtin_call(node: Node<'_>, name: &str) -> bool {
    node.is(Kind::Call) && node.field(Field::Function).is_some_and(|callee| is_builtin(callee, name))
}

/// The last name of what is called: `append` of `out.append(x)`, `open` of `open(p)`.
pub fn callee_name(call: Node<'_>) -> Option<&str> {
    let callee = call.field(Field::Function)?;
    match callee.kind() {
        Kind::Identifier => Some(callee.text()),
        Kind::Attribute => callee.field(Field::Attribute).map(Node::text),
        _ => None,
    }
}

/// Receiver and name of a method call.
pub fn method(call: Node<'_>) -> Option<(Node<'_>, &str)> {
    if !call.is(Kind::Call) {
        return None;
    }
    let callee = call.field(Field::Function).filter(|callee| callee.is(Kind::Attribute))?;
    Some((callee.field(Field::Object)?, callee.field(Field::Attribute)?.text()))
}

/// All arguments as they stand; a bare generator expression is the one argument.
pub fn arguments(call: Node<'_>) -> Vec<Node<'_>> {
    match call.field(Field::Arguments) {
        Some(list) if list.is(Kind::ArgumentList) => list.children().collect(),
        Some(generator) => vec![generator],
        None => vec![],
    }
}

/// The positional arguments; `None` when stars or keywords make part of the call unknown.
pub fn positional<'a>(call: Node<'a>) -> Option<Vec<Node<'a>>> {
    let all = arguments(call);
    let is_plain = |node: &Node<'a>| {
        !matches!(
            node.kind(),
            Kind::ListSplat | Kind::DictionarySplat | Kind::KeywordArgument | Kind::ParenthesizedListSplat
        )
    };
    all.iter().all(is_plain).then_some(all)
}

/// Names and values of the keyword arguments.
pub fn keywords<'a>(call: Node<'a>) -> Vec<(&'a str, Node<'a>)> {
    let pair = |node: Node<'a>| Some((node.field(Field::Name)?.text(), node.field(Field::Value)?));
    arguments(call).into_iter().filter(|node| node.is(Kind::KeywordArgument)).filter_map(pair).collect()
}

/// The value of a keyword argument.
pub fn keyword<'a>(call: Node<'a>, name: &str) -> Option<Node<'a>> {
    keywords(call).into_iter().find(|(each, _)| *each == name).map(|(_, value)| value)
}

/// True when the call has the keyword argument.
pub fn has_keyword(call: Node<'_>, name: &str) -> bool {
    keyword(call, name).is_some()
}

/// The dotted path that an imported name stands for: `collections.deque`; `None` when it is no import or is bound
/// again. The dots of relative imports stay.
pub fn import_path(binding: Node<'_>) -> Option<String> {
    let parent = binding.parent()?;
    match parent.kind() {
        Kind::AliasedImport => {
            let name = parent.field(Field::Name)?.text();
            imported(parent.parent()?, name)
        }
        Kind::DottedName => {
            let statement = parent.parent()?;
            match statement.kind() {
                Kind::Import => Some(binding.text().to_owned()),
                Kind::ImportFrom => imported(statement, parent.text()),
                _ => None,
            }
        }
        _ => None,
    }
}

fn imported(statement: Node<'_>, name: &str) -> Option<String> {
    if statement.is(Kind::Import) {
        return Some(name.to_owned());
    }
    let module = statement.field(Field::ModuleName)?.text();
    let dot = if module.ends_with('.') { "" } else { "." };
    Some(format!("{module}{dot}{name}"))
}

/// Longer chains of attributes name nothing that a rule knows.
const CHAIN_MAX: u32 = 12;

/// The dotted path of a name or attribute chain: `numpy.append` for `np.append`, `builtins.len` for `len`,
/// `<module>.f` for what the file itself defines at its top.
pub fn qualified(node: Node<'_>) -> Option<String> {
    qualified_within(node, CHAIN_MAX)
}

fn qualified_within(node: Node<'_>, depth: u32) -> Option<String> {
    let node = node.unwrapped();
    let depth = depth.checked_sub(1)?;
    match node.kind() {
        Kind::Attribute => {
            let object = qualified_within(node.field(Field::Object)?, depth)?;
            Some(format!("{object}.{}", node.field(Field::Attribute)?.text()))
        }
        Kind::Identifier => {
            let Some(variable) = node.variable() else {
                return (!node.file().scopes.has_wildcard_import()).then(|| format!("builtins.{}", node.text()));
            };
            let paths: Vec<Option<String>> = variable.bindings().map(import_path).collect();
            // The usual fallback of two imports under `try` counts as the first.
            if let Some(Some(first)) = paths.first()
                && paths.iter().all(|path| path.as_deref().is_some_and(|path| path == first))
            {
                return Some(first.clone());
            }
            let binding = variable.only_binding()?;
            if variable.scope().kind() != ScopeKind::Module {
                return None;
            }
            match binding.parent()?.kind() {
                Kind::Function | Kind::Class => Some(format!("<module>.{}", node.text())),
                _ => {
                    // `loads = json.loads` at module level is an import by another name.
                    let value = binding_value(binding)?;
                    value.is(Kind::Attribute).then(|| qualified_within(value, depth)).flatten()
                }
            }
        }
        _ => None,
    }
}

/// The value of a plain string literal without escapes, prefixes or interpolation.
pub fn string_value(node: Node<'_>) -> Option<&str> {
    if !node.is(Kind::String) {
        return None;
    }
    let text = node.text();
    let prefix = text.len() - text.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
    if !text[..prefix].eq_ignore_ascii_case("r") && !text[..prefix].is_empty() {
        return None;
    }
    let body = &text[prefix..];
    let quote = if body.starts_with("\"\"\"") || body.starts_with("'''") { 3 } else { 1 };
    let value = body.get(quote..body.len() - quote)?;
    (prefix == 1 || !value.contains('\\')).then_some(value)
}
