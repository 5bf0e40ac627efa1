//! What the rules know of the project beyond one file: modules, definitions, who mentions a function, ORM models.

pub(crate) mod orm;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::syntax::{Field, Kind, Node, SourceFile, binding_value, import_path, string_value};

use orm::Model;

/// Facts of all files scanned.
#[derive(Default)]
pub(crate) struct Index {
    sources: Vec<Arc<SourceFile>>,
    /// Last part of a module's dotted path, with the files of that name.
    modules: HashMap<String, Vec<usize>>,
    models: HashMap<String, Vec<Model>>,
    /// Identifiers, attributes and string literals with the name of a function that callers matter for.
    mentions: HashMap<String, Vec<(u32, u32)>>,
}

/// Longer chains of re-exports are followed no further.
const REEXPORTS_MAX: u32 = 4;

impl Index {
    pub(crate) fn of(sources: &[Arc<SourceFile>]) -> Self {
        let mut index = Self { sources: sources.to_vec(), ..Self::default() };
        for (number, source) in sources.iter().enumerate() {
            let module = module_path(&source.path);
            let last = module.rsplit('.').next().unwrap_or_default().to_owned();
            index.modules.entry(last).or_default().push(number);
        }
        index.models = orm::models(&index.sources);
        index.mentions = mentions(&index.sources);
        index
    }

    /// The function or class that a name or attribute chain means, in whatever file.
    pub(crate) fn definition<'a>(&'a self, name: Node<'a>) -> Option<Node<'a>> {
        let name = name.unwrapped();
        match name.kind() {
            Kind::Identifier => {
                let binding = name.variable()?.only_binding()?;
                self.definition_of_binding(binding, REEXPORTS_MAX)
            }
            Kind::Attribute => {
                let path = crate::syntax::qualified(name)?;
                let (module, member) = path.rsplit_once('.')?;
                let file = self.module(module, name.file())?;
                self.member(file, member, REEXPORTS_MAX)
            }
            _ => None,
        }
    }

    /// The function or class that a binding of a name gives it, in whatever file.
    pub(crate) fn definition_bound_by<'a>(&'a self, binding: Node<'a>) -> Option<Node<'a>> {
        self.definition_of_binding(binding, REEXPORTS_MAX)
    }

    /// The one class of the project with this name.
    pub(crate) fn only_class<'a>(&'a self, name: &str) -> Option<Node<'a>> {
        let mut found = self.sources.iter().filter(|source| source.text.contains(name)).filter_map(|source| {
            let binding = source.root().scope().variable(name)?.only_binding()?;
            binding.parent().filter(|parent| parent.is(Kind::Class))
        });
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    fn definition_of_binding<'a>(&'a self, binding: Node<'a>, depth: u32) -> Option<Node<'a>> {
        let parent = binding.parent()?;
        if matches!(parent.kind(), Kind::Function | Kind::Class) && binding.role() == Field::Name {
            return Some(parent);
        }
        let path = import_path(binding)?;
        let (module, member) = path.rsplit_once('.')?;
        let module = if module.is_empty() || module.ends_with('.') { format!("{module}.") } else { module.to_owned() };
        let file = self.module(&module, binding.file())?;
        self.member(file, member, depth.checked_sub(1)?)
    }

    fn member<'a>(&'a self, file: &'a SourceFile, name: &str, depth: u32) -> Option<Node<'a>> {
        let binding = file.root().scope().variable(name)?.only_binding()?;
        self.definition_of_binding(binding, depth)
    }

    /// The module-level binding that an imported name stands for, when that is no function or class.
    pub(crate) fn variable<'a>(&'a self, import: Node<'a>) -> Option<Node<'a>> {
        let path = import_path(import)?;
        let (module, member) = path.rsplit_once('.')?;
        let module = if module.is_empty() || module.ends_with('.') { format!("{module}.") } else { module.to_owned() };
        self.module(&module, import.file())?.root().scope().variable(member)?.only_binding()
    }

    /// The file of a module as `importer` names it.
    fn module(&self, path: &str, importer: &SourceFile) -> Option<&SourceFile> {
        let absolute = absolute_module(path, &importer.path)?;
        let last = absolute.rsplit('.').next()?;
        let fits = |number: &&usize| {
            let module = module_path(&self.sources[**number].path);
            module == absolute || module.ends_with(&format!(".{absolute}"))
        };
        let mut found = self.modules.get(last)?.iter().filter(fits);
        let first = *found.next()?;
        found.next().is_none().then(|| self.sources[first].as_ref())
    }

    /// The ORM model that a name means; by name alone when it is given as a string.
    pub(crate) fn model<'a>(&'a self, name: Node<'a>) -> Option<&'a Model> {
        if let Some(text) = string_value(name) {
            return self.model_named(text);
        }
        let last = match name.kind() {
            Kind::Identifier => name.text(),
            Kind::Attribute => name.field(Field::Attribute)?.text(),
            _ => return None,
        };
        let candidates = self.models.get(last)?;
        if let Some(class) = self.definition(name) {
            return candidates.iter().find(|model| model.path == class.file().path && model.line == class.line());
        }
        None
    }

    /// All models.
    pub(crate) fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.values().flatten()
    }

    /// The class statement of a model.
    pub(crate) fn class_of_model(&self, model: &Model) -> Option<Node<'_>> {
        let source = self.sources.iter().find(|source| source.path == model.path)?;
        source.root().descendants().find(|node| node.is(Kind::Class) && node.line() == model.line)
    }

    /// True when any file has the word.
    pub(crate) fn mention_of_text(&self, word: &str) -> bool {
        self.sources.iter().any(|source| source.text.contains(word))
    }

    /// True when the project has any model.
    pub(crate) fn has_models(&self) -> bool {
        !self.models.is_empty()
    }

    /// The one model with this class name.
    pub(crate) fn model_named(&self, name: &str) -> Option<&Model> {
        match self.models.get(name.rsplit('.').next()?)?.as_slice() {
            [model] => Some(model),
            _ => None,
        }
    }

    /// Every place of the project that has the function's name, its definition excluded; `None` when that was not
    /// recorded for this name.
    pub(crate) fn mentions_of<'a>(&'a self, function: Node<'a>) -> Option<Vec<Node<'a>>> {
        let name = function.field(Field::Name)?;
        let places = self.mentions.get(name.text())?;
        let nodes = places.iter().map(|(file, node)| Node::at(&self.sources[*file as usize], *node));
        Some(nodes.filter(|node| *node != name).collect())
    }

    /// True when another file may reach a module-level name: it mentions it or imports all.
    pub(crate) fn is_mentioned_elsewhere(&self, binding: Node<'_>) -> bool {
        let name = binding.text();
        let is_here = |source: &Arc<SourceFile>| std::ptr::eq(source.as_ref(), binding.file());
        self.sources.iter().filter(|source| !is_here(source)).any(|source| {
            // Most files lack the word altogether; only the others are looked at closely.
            source.text.contains(name)
                && source.root().descendants().any(|node| match node.kind() {
                    Kind::Identifier => {
                        node.text() == name
                            && (node.role() == Field::Attribute
                                || node.parent().is_some_and(|parent| parent.is(Kind::DottedName)))
                    }
                    Kind::String => string_value(node).is_some_and(|text| text.rsplit('.').next() == Some(name)),
                    _ => false,
                })
        })
    }

    /// True when the project has an attribute of this name, or a string or class variable, besides those that `is_own`
    /// says are known.
    pub(crate) fn has_attribute(&self, name: &str, is_own: impl Fn(Node<'_>) -> bool) -> bool {
        let is_foreign = |node: Node<'_>| match node.kind() {
            Kind::Identifier if node.text() == name => {
                let is_class_variable =
                    || node.variable().is_some_and(|each| each.scope().kind() == crate::syntax::ScopeKind::Class);
                node.role() == Field::Attribute && !is_own(node) || is_class_variable()
            }
            Kind::String => string_value(node).is_some_and(|text| text == name),
            _ => false,
        };
        let sources = self.sources.iter().filter(|source| source.text.contains(name));
        sources.into_iter().any(|source| source.root().descendants().any(is_foreign))
    }

    /// True when code of the project outside `__init__` gives any object an attribute, or item, of this name.
    pub(crate) fn stores_attribute(&self, name: &str) -> bool {
        let is_store = |node: Node<'_>| {
            let place = node.parent().filter(|place| {
                matches!(place.kind(), Kind::Attribute | Kind::Subscript) && place.field(Field::Value) != Some(node)
            });
            let is_target = |place: Node<'_>| {
                place.role() == Field::Left
                    || place.parent().is_some_and(|parent| {
                        matches!(parent.kind(), Kind::PatternList | Kind::TuplePattern | Kind::Delete)
                    })
            };
            place.is_some_and(|place| {
                is_target(place)
                    && crate::syntax::enclosing_function(place)
                        .is_none_or(|function| crate::syntax::function_name(function) != "__init__")
            })
        };
        let sources = self.sources.iter().filter(|source| source.text.contains(name));
        sources.into_iter().any(|source| {
            source.text.contains("setattr(")
                || source.root().descendants().any(|node| {
                    matches!(node.kind(), Kind::Identifier | Kind::String) && node.text() == name && is_store(node)
                })
        })
    }

    /// Every identifier of the project with a name, in the order of the files.
    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Node<'a>> + 'a {
        let sources = self.sources.iter().filter(move |source| source.text.contains(name));
        sources
            .flat_map(|source| source.root().descendants())
            .filter(move |node| node.is(Kind::Identifier) && node.text() == name)
    }

    /// True when the text of any file has one of the words.
    pub(crate) fn mentions_any(&self, words: &[&str]) -> bool {
        self.sources.iter().any(|source| words.iter().any(|word| source.text.contains(word)))
    }

    /// True when an attribute, class variable or string of this name stands anywhere outside the node.
    pub(crate) fn is_named_outside(&self, name: &str, holder: Node<'_>) -> bool {
        let is_foreign = |node: Node<'_>| match node.kind() {
            Kind::Identifier if node.text() == name => {
                let is_class_variable =
                    || node.variable().is_some_and(|each| each.scope().kind() == crate::syntax::ScopeKind::Class);
                (node.role() == Field::Attribute || is_class_variable()) && !is_within(holder, node)
            }
            Kind::String => string_value(node).is_some_and(|text| text == name) && !is_within(holder, node),
            _ => false,
        };
        let mut sources = self.sources.iter().filter(|source| source.text.contains(name));
        sources.any(|source| source.root().descendants().any(is_foreign))
    }

    /// Every file of the project.
    pub(crate) fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.sources.iter().map(AsRef::as_ref)
    }

    /// The expression that a call of a project function gives, when its body is one `return` with no arguments used,
    /// or the call itself.
    pub(crate) fn resolved<'a>(&'a self, expression: Node<'a>) -> Node<'a> {
        let mut at = expression.unwrapped();
        for _ in 0..REEXPORTS_MAX {
            let next = match at.kind() {
                Kind::Call => self.returned(at),
                Kind::Identifier => super::facts::local_variable(at)
                    .and_then(crate::syntax::Variable::only_binding)
                    .and_then(binding_value),
                _ => None,
            };
            let Some(next) = next else { break };
            at = next.unwrapped();
        }
        at
    }

    fn returned<'a>(&'a self, call: Node<'a>) -> Option<Node<'a>> {
        if !crate::syntax::arguments(call).is_empty() {
            return None;
        }
        let function = self.definition(call.field(Field::Function)?)?;
        if !function.is(Kind::Function) || function.parent()?.is(Kind::Decorated) || crate::syntax::is_async(function) {
            return None;
        }
        let mut body = super::facts::body(function);
        body.retain(|statement| !is_docstring(*statement));
        match body[..] {
            [statement] if statement.is(Kind::Return) => statement.only_child(),
            _ => None,
        }
    }
}

/// True when a node lies in another of the same file.
fn is_within(holder: Node<'_>, node: Node<'_>) -> bool {
    std::ptr::eq(holder.file(), node.file()) && (holder.start()..holder.end()).contains(&node.start())
}

/// True for a string that stands alone as a statement.
pub(crate) fn is_docstring(statement: Node<'_>) -> bool {
    statement.is(Kind::ExpressionStatement) && statement.only_child().is_some_and(|only| only.is(Kind::String))
}

/// `pkg/mod.py` as `pkg.mod`, `pkg/__init__.py` as `pkg`.
fn module_path(path: &str) -> String {
    let path = path.trim_end_matches(".py");
    let path = path.strip_suffix("/__init__").unwrap_or(path);
    path.replace('/', ".")
}

/// Turns `..models` as written in `pkg/sub/views.py` into `pkg.models`.
fn absolute_module(path: &str, importer: &str) -> Option<String> {
    let dots = path.len() - path.trim_start_matches('.').len();
    if dots == 0 {
        return Some(path.to_owned());
    }
    let mut parts: Vec<&str> = importer.split('/').collect();
    for _ in 0..dots {
        parts.pop()?;
    }
    let rest = path[dots..].trim_end_matches('.');
    if !rest.is_empty() {
        parts.push(rest);
    }
    (!parts.is_empty()).then(|| parts.join("."))
}

/// Where the names stand that a rule may have to know all callers of: functions that return a list they build.
fn mentions(sources: &[Arc<SourceFile>]) -> HashMap<String, Vec<(u32, u32)>> {
    let names: HashSet<&str> = sources
        .par_iter()
        .flat_map_iter(|source| {
            source
                .root()
                .descendants()
                .filter(|node| {
                    node.is(Kind::Function)
                        && (super::facts::returns_new_list(*node) || super::facts::passed_on(*node).is_some())
                })
                .map(crate::syntax::function_name)
        })
        .collect();
    if names.is_empty() {
        return HashMap::new();
    }
    let per_file: Vec<Vec<(&str, u32, u32)>> = sources
        .par_iter()
        .enumerate()
        .map(|(number, source)| {
            let mut found = vec![];
            for node in source.root().descendants() {
                let name = match node.kind() {
                    Kind::Identifier => node.text(),
                    Kind::String => match string_value(node) {
                        Some(text) => text.rsplit(['.', ':']).next().unwrap_or(text),
                        None => continue,
                    },
                    _ => continue,
                };
                if let Some(name) = names.get(name) {
                    found.push((*name, number as u32, node.index()));
                }
            }
            found
        })
        .collect();
    let mut mentions: HashMap<String, Vec<(u32, u32)>> = HashMap::new();
    for (name, file, node) in per_file.into_iter().flatten() {
        mentions.entry(name.to_owned()).or_default().push((file, node));
    }
    mentions
}
