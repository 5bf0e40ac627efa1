//! Scopes and variables of a file: which identifiers name the same thing.

use std::collections::HashMap;

use super::SourceFile;
use super::kind::{Field, Kind};
use super::node::{Node, NodeRecord};

/// What opens a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    /// The file.
    Module,
    /// A class body.
    Class,
    /// A `def`.
    Function,
    /// A `lambda`.
    Lambda,
    /// A comprehension or generator expression.
    Comprehension,
}

#[derive(Debug)]
struct ScopeRecord {
    kind: ScopeKind,
    node: u32,
    parent: u32,
    is_opaque: bool,
}

#[derive(Debug)]
struct VariableRecord {
    scope: u32,
    occurrences: Vec<u32>,
}

/// All scopes of a file.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    all: Vec<ScopeRecord>,
    variables: Vec<VariableRecord>,
    symbols: HashMap<Box<str>, u32>,
    by_name: HashMap<(u32, u32), u32>,
    has_wildcard_import: bool,
}

/// A scope of a file.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    file: &'a SourceFile,
    index: u32,
}

impl PartialEq for Scope<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && std::ptr::eq(self.file, other.file)
    }
}

impl<'a> Scope<'a> {
    pub(super) fn new(file: &'a SourceFile, index: u32) -> Self {
        Self { file, index }
    }

    fn record(self) -> &'a ScopeRecord {
        &self.file.scopes.all[self.index as usize]
    }

    /// What opened it.
    pub fn kind(self) -> ScopeKind {
        self.record().kind
    }

    /// The node that opened it.
    pub fn node(self) -> Node<'a> {
        Node::new(self.file, self.record().node)
    }

    /// The scope around it; `None` for the module.
    pub fn parent(self) -> Option<Self> {
        (self.index != 0).then(|| Self::new(self.file, self.record().parent))
    }

    /// The function, class or module that a comprehension or lambda stands in.
    #[must_use]
    pub fn statement_scope(self) -> Self {
        let mut scope = self;
        while matches!(scope.kind(), ScopeKind::Comprehension | ScopeKind::Lambda) {
            let Some(parent) = scope.parent() else { break };
            scope = parent;
        }
        scope
    }

    /// True when names may be used behind the syntax: `exec`, `eval`, `locals`, `vars`, `globals`.
    pub fn is_opaque(self) -> bool {
        self.record().is_opaque
    }

    /// The variable of this very scope with a name.
    pub fn variable(self, name: &str) -> Option<Variable<'a>> {
        let symbol = self.file.scopes.symbols.get(name)?;
        self.file.scopes.by_name.get(&(self.index, *symbol)).map(|index| Variable::new(self.file, *index))
    }

    /// The variable a name means here.
    pub fn lookup(self, name: &str) -> Option<Variable<'a>> {
        self.file.scopes.resolve(self.index, name).map(|index| Variable::new(self.file, index))
    }

    /// True when `name` means nothing here, in a scope around it or in one inside it.
    pub fn is_free(self, name: &str) -> bool {
        let occurs = |node: Node<'a>| node.is(Kind::Identifier) && node.text() == name;
        self.lookup(name).is_none() && !self.node().descendants().any(occurs)
    }
}

/// A variable of a file.
#[derive(Clone, Copy)]
pub struct Variable<'a> {
    file: &'a SourceFile,
    index: u32,
}

impl PartialEq for Variable<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && std::ptr::eq(self.file, other.file)
    }
}

impl<'a> Variable<'a> {
    pub(super) fn new(file: &'a SourceFile, index: u32) -> Self {
        Self { file, index }
    }

    fn record(self) -> &'a VariableRecord {
        &self.file.scopes.variables[self.index as usize]
    }

    /// The scope it belongs to.
    pub fn scope(self) -> Scope<'a> {
        Scope::new(self.file, self.record().scope)
    }

    /// Every identifier that names it, in the order of the text.
    pub fn occurrences(self) -> impl DoubleEndedIterator<Item = Node<'a>> + 'a {
        let file = self.file;
        self.record().occurrences.iter().map(move |index| Node::new(file, *index))
    }

    /// The identifiers that give it a value.
    pub fn bindings(self) -> impl DoubleEndedIterator<Item = Node<'a>> + 'a {
        self.occurrences().filter(|node| occurrence(*node) == Occurrence::Bind)
    }

    /// The identifiers that read it.
    pub fn uses(self) -> impl DoubleEndedIterator<Item = Node<'a>> + 'a {
        self.occurrences().filter(|node| occurrence(*node) == Occurrence::Load)
    }

    /// The one identifier that gives it a value.
    pub fn only_binding(self) -> Option<Node<'a>> {
        let mut bindings = self.bindings();
        let first = bindings.next()?;
        let has_more =
            bindings.next().is_some() || self.occurrences().any(|node| occurrence(node) == Occurrence::Other);
        (!has_more).then_some(first)
    }

    /// True when a nested function, lambda or class mentions it.
    pub fn is_captured(self) -> bool {
        let home = self.scope().statement_scope();
        self.occurrences().any(|node| {
            let scope = node.scope();
            scope.statement_scope() != home || crossing_lambda(scope, self.scope())
        })
    }
}

/// True when a lambda or a generator expression stands between the two scopes: its body runs later.
fn crossing_lambda(from: Scope<'_>, to: Scope<'_>) -> bool {
    let mut scope = from;
    while scope != to {
        if scope.kind() == ScopeKind::Lambda {
            return true;
        }
        let Some(parent) = scope.parent() else { return false };
        scope = parent;
    }
    false
}

/// What an identifier does to its variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurrence {
    /// Reads it.
    Load,
    /// Gives it a value.
    Bind,
    /// Deletes it, or names it in `global` or `nonlocal`.
    Other,
    /// Names no variable: an attribute, a keyword, a part of a dotted import.
    Nothing,
}

/// Classifies an identifier by its place.
pub fn occurrence(identifier: Node<'_>) -> Occurrence {
    let Some(parent) = identifier.parent() else { return Occurrence::Nothing };
    let above = parent.parent().map(|node| (node.kind(), parent.role()));
    let is_first = parent.index() + 1 == identifier.index();
    classify(parent.kind(), identifier.role(), above, is_first, || {
        let is_deleted = parent.parent().is_some_and(|node| node.is(Kind::Delete));
        let in_case =
            parent.ancestors().take_while(|node| !node.is(Kind::Block)).any(|node| node.is(Kind::CasePattern));
        (is_deleted, in_case)
    })
}

fn classify(
    parent: Kind,
    role: Field,
    above: Option<(Kind, Field)>,
    is_first: bool,
    rare: impl Fn() -> (bool, bool),
) -> Occurrence {
    use Occurrence::{Bind, Load, Nothing, Other};
    match (parent, role) {
        (Kind::Attribute, Field::Attribute) | (Kind::KeywordArgument, Field::Name) => Nothing,
        (
            Kind::PatternList
            | Kind::TuplePattern
            | Kind::ListPattern
            | Kind::ListSplatPattern
            | Kind::DictionarySplatPattern
            | Kind::AsPatternTarget
            | Kind::Parameters
            | Kind::LambdaParameters,
            _,
        )
        | (Kind::Assignment | Kind::AugmentedAssignment | Kind::For | Kind::ForIn, Field::Left)
        | (
            Kind::Named | Kind::Function | Kind::Class | Kind::DefaultParameter | Kind::TypedDefaultParameter,
            Field::Name,
        )
        | (Kind::AliasedImport | Kind::Except | Kind::ExceptGroup, Field::Alias)
        | (Kind::TypedParameter, Field::Nothing) => Bind,
        (Kind::Global | Kind::Nonlocal | Kind::Delete, _) => Other,
        (Kind::ExpressionList | Kind::Tuple, _) if above.is_some_and(|(kind, _)| kind == Kind::Delete) => Other,
        (Kind::DottedName, _) => match above {
            Some((Kind::Import, _) | (Kind::ImportFrom, Field::Name)) if is_first => Bind,
            Some((
                Kind::Import | Kind::ImportFrom | Kind::AliasedImport | Kind::FutureImport | Kind::RelativeImport,
                _,
            )) => Nothing,
            Some((Kind::Decorator, _)) => Load,
            _ => {
                if rare().1 {
                    Bind
                } else {
                    Load
                }
            }
        },
        (Kind::Other | Kind::CasePattern, _) => {
            if rare().1 {
                Bind
            } else {
                Load
            }
        }
        _ => Load,
    }
}

/// Calls that read or write variables behind the syntax.
const OPAQUE: &[&str] = &["exec", "eval", "locals", "globals", "vars"];

struct Builder<'a> {
    nodes: &'a mut Vec<NodeRecord>,
    text: &'a str,
    scopes: Scopes,
    /// `global` and `nonlocal` statements: (scope, name) to the kind of statement.
    redirected: HashMap<(u32, &'a str), Kind>,
}

impl Scopes {
    /// Gives every node its scope and every identifier its variable.
    pub(super) fn of(nodes: &mut Vec<NodeRecord>, text: &str) -> Self {
        let mut builder = Builder { nodes, text, scopes: Self::default(), redirected: HashMap::new() };
        let identifiers = builder.place();
        builder.bind(&identifiers);
        builder.link(&identifiers);
        builder.scopes
    }

    fn resolve(&self, scope: u32, name: &str) -> Option<u32> {
        let symbol = *self.symbols.get(name)?;
        let mut at = scope;
        loop {
            let record = &self.all[at as usize];
            // A class body is visible to its own statements and to comprehensions only through their first iterable.
            if (at == scope || record.kind != ScopeKind::Class)
                && let Some(variable) = self.by_name.get(&(at, symbol))
            {
                return Some(*variable);
            }
            if at == 0 {
                return None;
            }
            at = record.parent;
        }
    }

    pub(super) fn has_wildcard_import(&self) -> bool {
        self.has_wildcard_import
    }
}

impl<'a> Builder<'a> {
    /// Opens the scopes and tells every node its scope; returns the identifiers that name variables.
    fn place(&mut self) -> Vec<(u32, Occurrence)> {
        self.scopes.all.push(ScopeRecord { kind: ScopeKind::Module, node: 0, parent: 0, is_opaque: false });
        let mut identifiers = vec![];
        for index in 0..self.nodes.len() as u32 {
            let record = &self.nodes[index as usize];
            let scope = if index == 0 {
                0
            } else if record.scope == u32::MAX {
                self.nodes[record.parent as usize].scope
            } else {
                record.scope
            };
            let kind = record.kind;
            self.nodes[index as usize].scope = scope;
            match kind {
                Kind::Identifier => {
                    let occurrence = self.occurrence(index);
                    if occurrence != Occurrence::Nothing {
                        identifiers.push((index, occurrence));
                    }
                }
                Kind::Function => self.open(index, scope, ScopeKind::Function),
                Kind::Class => self.open(index, scope, ScopeKind::Class),
                Kind::Lambda => self.open(index, scope, ScopeKind::Lambda),
                Kind::ListComprehension
                | Kind::SetComprehension
                | Kind::DictionaryComprehension
                | Kind::GeneratorExpression => self.open(index, scope, ScopeKind::Comprehension),
                Kind::WildcardImport => self.scopes.has_wildcard_import = true,
                Kind::Global | Kind::Nonlocal => {
                    for child in self.children(index) {
                        let name = self.text_of(child);
                        self.redirected.insert((scope, name), kind);
                    }
                }
                Kind::Call => self.note_opaque(index, scope),
                _ => {}
            }
        }
        identifiers
    }

    fn text_of(&self, index: u32) -> &'a str {
        let record = &self.nodes[index as usize];
        &self.text[record.start as usize..record.end as usize]
    }

    fn children(&self, index: u32) -> Vec<u32> {
        let after = self.nodes[index as usize].after;
        let mut children = vec![];
        let mut child = index + 1;
        while child < after {
            children.push(child);
            child = self.nodes[child as usize].after;
        }
        children
    }

    fn open(&mut self, index: u32, parent: u32, kind: ScopeKind) {
        let scope = self.scopes.all.len() as u32;
        self.scopes.all.push(ScopeRecord { kind, node: index, parent, is_opaque: false });
        let mut is_first_iterable = true;
        for child in self.children(index) {
            let field = self.nodes[child as usize].field;
            match (kind, field) {
                (ScopeKind::Function | ScopeKind::Class | ScopeKind::Lambda, Field::Body) => {
                    self.nodes[child as usize].scope = scope;
                }
                (ScopeKind::Function | ScopeKind::Lambda, Field::Parameters) => {
                    self.place_parameters(child, scope, parent);
                }
                (ScopeKind::Comprehension, _) => {
                    self.nodes[child as usize].scope = scope;
                    if self.nodes[child as usize].kind == Kind::ForIn && std::mem::take(&mut is_first_iterable) {
                        for part in self.children(child) {
                            if self.nodes[part as usize].field == Field::Right {
                                self.nodes[part as usize].scope = parent;
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// The names of parameters belong to the function; defaults and annotations to the scope around it.
    fn place_parameters(&mut self, parameters: u32, scope: u32, parent: u32) {
        self.nodes[parameters as usize].scope = scope;
        let mut pending = self.children(parameters);
        while let Some(index) = pending.pop() {
            let record = &self.nodes[index as usize];
            let is_outer = matches!(record.field, Field::Value | Field::Type);
            self.nodes[index as usize].scope = if is_outer { parent } else { scope };
            if !is_outer {
                pending.extend(self.children(index));
            }
        }
    }

    fn note_opaque(&mut self, index: u32, scope: u32) {
        let callee = index + 1;
        if self.nodes[callee as usize].kind != Kind::Identifier || !OPAQUE.contains(&self.text_of(callee)) {
            return;
        }
        let mut at = scope;
        loop {
            self.scopes.all[at as usize].is_opaque = true;
            if at == 0 {
                return;
            }
            at = self.scopes.all[at as usize].parent;
        }
    }

    fn occurrence(&self, index: u32) -> Occurrence {
        let record = &self.nodes[index as usize];
        let parent = &self.nodes[record.parent as usize];
        let above = (record.parent != 0).then(|| (self.nodes[parent.parent as usize].kind, parent.field));
        classify(parent.kind, record.field, above, record.parent + 1 == index, || {
            let mut at = record.parent;
            while at != 0 && self.nodes[at as usize].kind != Kind::Block {
                if self.nodes[at as usize].kind == Kind::CasePattern {
                    return (false, true);
                }
                at = self.nodes[at as usize].parent;
            }
            (false, false)
        })
    }

    /// Makes a variable for every name that is given a value.
    fn bind(&mut self, identifiers: &[(u32, Occurrence)]) {
        for (index, occurrence) in identifiers {
            if *occurrence != Occurrence::Bind {
                continue;
            }
            let name = self.text_of(*index);
            let scope = self.binding_scope(*index, name);
            let symbol = self.symbol(name);
            let next = self.scopes.variables.len() as u32;
            let variable = *self.scopes.by_name.entry((scope, symbol)).or_insert(next);
            if variable == next {
                self.scopes.variables.push(VariableRecord { scope, occurrences: vec![] });
            }
            self.nodes[*index as usize].variable = variable;
        }
    }

    fn symbol(&mut self, name: &str) -> u32 {
        if let Some(symbol) = self.scopes.symbols.get(name) {
            return *symbol;
        }
        let symbol = self.scopes.symbols.len() as u32;
        self.scopes.symbols.insert(name.into(), symbol);
        symbol
    }

    fn binding_scope(&self, index: u32, name: &'a str) -> u32 {
        let record = &self.nodes[index as usize];
        let mut scope = record.scope;
        if self.nodes[record.parent as usize].kind == Kind::Named {
            while self.scopes.all[scope as usize].kind == ScopeKind::Comprehension {
                scope = self.scopes.all[scope as usize].parent;
            }
        }
        match self.redirected.get(&(scope, name)) {
            Some(Kind::Global) => 0,
            Some(_) => {
                let mut at = self.scopes.all[scope as usize].parent;
                while at != 0 {
                    let symbol = self.scopes.symbols.get(name);
                    if symbol.is_some_and(|symbol| self.scopes.by_name.contains_key(&(at, *symbol)))
                        && self.scopes.all[at as usize].kind != ScopeKind::Class
                    {
                        return at;
                    }
                    at = self.scopes.all[at as usize].parent;
                }
                scope
            }
            None => scope,
        }
    }

    /// Gives the identifiers that read a variable its number and every variable its occurrences.
    fn link(&mut self, identifiers: &[(u32, Occurrence)]) {
        for (index, occurrence) in identifiers {
            if *occurrence != Occurrence::Bind {
                let name = self.text_of(*index);
                let scope = self.nodes[*index as usize].scope;
                let from = if self.redirected.get(&(scope, name)) == Some(&Kind::Global) { 0 } else { scope };
                let from = if self.redirected.get(&(scope, name)) == Some(&Kind::Nonlocal) {
                    self.scopes.all[scope as usize].parent
                } else {
                    from
                };
                let Some(variable) = self.scopes.resolve(from, name) else { continue };
                self.nodes[*index as usize].variable = variable;
            }
            let variable = self.nodes[*index as usize].variable;
            self.scopes.variables[variable as usize].occurrences.push(*index);
        }
    }
}
