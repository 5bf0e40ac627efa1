//! What a rule sees besides the node it is tried at: the options, the project, and names it may use.

use crate::syntax::{Field, Kind, Node, Scope, SourceFile, Typed, Variable, binding_value, import_path};

use super::index::Index;
use super::rule::Rewrite;
use super::scan::ScanOptions;

/// Classes with more bases above each other are followed no further.
const BASES_MAX: u32 = 5;

/// What every rule is given.
pub(crate) struct Context<'a> {
    pub(crate) file: &'a SourceFile,
    pub(crate) index: &'a Index,
    pub(crate) options: &'a ScanOptions,
}

impl<'a> Context<'a> {
    /// How `module.name` is written in this file; adds the import to the rewrite when there is none yet.
    /// `None` when every way to write it would take a name that is used for something else.
    pub(crate) fn import(&self, rewrite: &mut Rewrite<'a>, module: &str, name: &str) -> Option<String> {
        let module_scope = self.file.root().scope();
        let wanted = format!("{module}.{name}");
        if let Some(alias) = self.imported(module_scope, &wanted) {
            return Some(alias);
        }
        if let Some(alias) = self.imported(module_scope, module) {
            return Some(format!("{alias}.{name}"));
        }
        if !self.is_mentioned(name) {
            rewrite.imports.push(format!("from {module} import {name}"));
            return Some(name.to_owned());
        }
        self.import_module(rewrite, module).map(|alias| format!("{alias}.{name}"))
    }

    /// How `module` is written in this file, as [`Context::import`] does.
    pub(crate) fn import_module(&self, rewrite: &mut Rewrite<'a>, module: &str) -> Option<String> {
        if let Some(alias) = self.imported(self.file.root().scope(), module) {
            return Some(alias);
        }
        if module.contains('.') || self.is_mentioned(module) {
            return None;
        }
        rewrite.imports.push(format!("import {module}"));
        Some(module.to_owned())
    }

    /// The name under which the module scope has imported a path, when nothing else in the file has that name.
    fn imported(&self, module_scope: Scope<'a>, path: &str) -> Option<String> {
        for import in self.file.root().children().filter(|node| matches!(node.kind(), Kind::Import | Kind::ImportFrom))
        {
            for identifier in import.descendants().filter(|node| node.is(Kind::Identifier)) {
                let Some(variable) = identifier.variable().filter(|variable| variable.scope() == module_scope) else {
                    continue;
                };
                let is_it =
                    variable.only_binding() == Some(identifier) && import_path(identifier).as_deref() == Some(path);
                if is_it && self.is_only(identifier.text(), module_scope) {
                    return Some(identifier.text().to_owned());
                }
            }
        }
        None
    }

    /// True when no scope but the module's gives the name a meaning.
    fn is_only(&self, name: &str, module_scope: Scope<'a>) -> bool {
        self.file
            .root()
            .descendants()
            .filter(|node| node.is(Kind::Identifier) && node.text() == name)
            .all(|node| node.variable().is_none_or(|variable| variable.scope() == module_scope))
    }

    /// True when any identifier of the file has this name.
    fn is_mentioned(&self, name: &str) -> bool {
        // Attributes share no namespace with variables; they are counted all the same, which costs only a longer name.
        self.file
            .root()
            .descendants()
            .any(|node| node.is(Kind::Identifier) && node.text() == name && node.role() != Field::Attribute)
    }

    /// The type of an expression; what a function or class of the project declares counts as its annotation says.
    pub(crate) fn typed(&self, node: Node<'a>) -> Typed {
        super::inferred::typed(self, node)
    }

    /// The return annotation of the project function that a call means.
    pub(crate) fn promised(&self, call: Node<'a>) -> Option<Node<'a>> {
        let function = self.callee(call)?;
        (function.is(Kind::Function) && !crate::syntax::is_async(function))
            .then(|| function.field(Field::ReturnType))
            .flatten()
    }

    /// The definition of what is called: a function or class by its name, or a method of a value whose class is known.
    pub(crate) fn callee(&self, call: Node<'a>) -> Option<Node<'a>> {
        let callee = call.is(Kind::Call).then(|| call.field(Field::Function)).flatten()?;
        if let Some(definition) = self.index.definition(callee) {
            return Some(definition);
        }
        let (receiver, name) = crate::syntax::method(call)?;
        self.method_of(self.class_of(receiver)?, name)
    }

    /// The method that instances of a class have, its own or inherited from a class of the project.
    pub(crate) fn method_of(&self, class: Node<'a>, name: &str) -> Option<Node<'a>> {
        let mut class = class;
        for _ in 0..BASES_MAX {
            let own = super::facts::body(class).into_iter().find(|member| {
                let function = if member.is(Kind::Decorated) { member.field(Field::Definition) } else { Some(*member) };
                function.is_some_and(|function| crate::syntax::function_name(function) == name)
            });
            if let Some(own) = own {
                let function = if own.is(Kind::Decorated) { own.field(Field::Definition)? } else { own };
                return function.is(Kind::Function).then_some(function);
            }
            class = self.base_of(class)?;
        }
        None
    }

    /// The one base class of a class, when the project has it.
    fn base_of(&self, class: Node<'a>) -> Option<Node<'a>> {
        let base = class.field(Field::Superclasses)?.only_child()?;
        self.index.definition(base).filter(|base| base.is(Kind::Class))
    }

    /// How this file names the module of another file in its imports.
    pub(crate) fn module_of(&self, file: &SourceFile) -> Option<String> {
        let imports = self.file.root().children().filter(|node| node.is(Kind::ImportFrom));
        for name in imports.flat_map(Node::descendants).filter(|node| node.is(Kind::Identifier)) {
            let is_there = || {
                let definition = self.index.definition(name)?;
                Some(std::ptr::eq(definition.file(), file))
            };
            if name.variable().is_none() || is_there() != Some(true) {
                continue;
            }
            let path = import_path(name.variable()?.only_binding()?)?;
            let dot = path.rfind('.')?;
            return Some(if path[..dot].chars().all(|c| c == '.') { &path[..=dot] } else { &path[..dot] }.to_owned());
        }
        None
    }

    /// How a class of the project is written in this file; adds the import to the rewrite when there is none yet.
    pub(crate) fn name_of(&self, rewrite: &mut Rewrite<'a>, class: Node<'a>) -> Option<String> {
        let name = crate::syntax::function_name(class);
        let here = self.file.root().scope().variable(name).and_then(Variable::only_binding);
        if here.is_some_and(|binding| self.index.definition(binding) == Some(class)) {
            return Some(name.to_owned());
        }
        let module = self.module_of(class.file()).filter(|_| !std::ptr::eq(class.file(), self.file))?;
        self.import(rewrite, &module, name)
    }

    /// True when a class of the project inherits from the method's class, or something replaces the method.
    pub(crate) fn is_overridden(&self, function: Node<'a>) -> bool {
        let Some(class) = function.ancestor(Kind::Class) else { return false };
        let (name, method) = (crate::syntax::function_name(class), crate::syntax::function_name(function));
        let is_heir = |each: Node<'_>| {
            each.is(Kind::Class) && each.field(Field::Superclasses).is_some_and(|bases| bases.text().contains(name))
        };
        let is_replaced = |each: Node<'_>| {
            each.is(Kind::Attribute)
                && each.role() == Field::Left
                && each.field(Field::Attribute).is_some_and(|field| field.text() == method)
        };
        let mut files = self.index.files().filter(|file| file.text.contains(name));
        files.any(|file| file.root().descendants().any(|each| is_heir(each) || is_replaced(each)))
    }

    /// True when a mention is a call of the function: by its name, or as a method of `self`.
    pub(crate) fn callee_is(&self, mention: Node<'a>, function: Node<'a>) -> bool {
        let callee = if mention.role() == Field::Attribute { mention.parent().unwrap_or(mention) } else { mention };
        callee.parent().filter(|call| call.is(Kind::Call)).and_then(|call| self.callee(call)) == Some(function)
    }

    /// The class of the project that a value is an instance of, by `self`, an annotation or its construction.
    pub(crate) fn class_of(&self, value: Node<'a>) -> Option<Node<'a>> {
        if value.is(Kind::Attribute) {
            return self.class_of_member(value);
        }
        if value.is(Kind::Call) {
            return self.index.definition(value.field(Field::Function)?).filter(|class| class.is(Kind::Class));
        }
        let name = value.is(Kind::Identifier).then_some(value)?;
        let variable = name.variable()?;
        let binding = variable.only_binding()?;
        let parent = binding.parent()?;
        match parent.kind() {
            Kind::Parameters => {
                let function = parent.parent()?;
                let class = function.parent()?.parent().filter(|class| class.is(Kind::Class))?;
                (parent.children().next() == Some(binding)).then_some(class)
            }
            Kind::TypedParameter | Kind::TypedDefaultParameter => {
                let named = parent.field(Field::Type)?.descendants().find(|node| node.is(Kind::Identifier))?;
                (named.text() == parent.field(Field::Type)?.text()).then(|| self.index.definition(named)).flatten()
            }
            _ => {
                let value = binding_value(binding).filter(|value| value.is(Kind::Call))?;
                self.index.definition(value.field(Field::Function)?)
            }
        }
        .filter(|class| class.is(Kind::Class))
    }

    /// A name for something that lives only in the statements from `first` to `last`, which are written anew: free in
    /// the rest of the function.
    pub(crate) fn fresh_name_between(&self, first: Node<'a>, last: Node<'a>, wanted: &str) -> String {
        let holder = crate::syntax::enclosing_function(first).unwrap_or(self.file.root());
        let is_outside = |each: Node<'a>| each.start() < first.start() || each.end() > last.end();
        let is_same = |each: Node<'a>, name: &str| {
            each.is(Kind::Identifier) && each.text() == name && each.role() != Field::Attribute
        };
        let is_global = self.file.root().scope().variable(wanted).is_some();
        let is_taken = is_global || holder.descendants().any(|each| is_same(each, wanted) && is_outside(each));
        if is_taken { self.fresh_name(wanted) } else { wanted.to_owned() }
    }

    /// The class of `self.beds` when the class assigns it in one place: from a construction, or from an annotated
    /// parameter.
    fn class_of_member(&self, attribute: Node<'a>) -> Option<Node<'a>> {
        let class = self.class_of(attribute.field(Field::Object)?)?;
        let (_, value) = self.member_value(class, attribute.field(Field::Attribute)?.text())?;
        let value = value.unwrapped();
        matches!(value.kind(), Kind::Call | Kind::Identifier).then(|| self.class_of(value)).flatten()
    }

    /// The one assignment `self.name = value` in the methods of a class or its bases.
    pub(crate) fn member_value(&self, class: Node<'a>, name: &str) -> Option<(Node<'a>, Node<'a>)> {
        let mut class = class;
        for _ in 0..BASES_MAX {
            let mut stores = class.descendants().filter(|node| node.is(Kind::Assignment)).filter_map(|assignment| {
                let (left, right) = super::facts::assignment(assignment)?;
                let is_it = left.is(Kind::Attribute)
                    && left.field(Field::Object).is_some_and(|object| object.text() == "self")
                    && left.field(Field::Attribute).is_some_and(|attribute| attribute.text() == name);
                is_it.then_some((left, right))
            });
            if let Some(first) = stores.next() {
                return stores.next().is_none().then_some(first);
            }
            class = self.base_of(class)?;
        }
        None
    }

    /// A name that nothing in the file has: `wanted`, else with a number.
    pub(crate) fn fresh_name(&self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 2;
        while self.is_mentioned(&name) || is_keyword(&name) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        name
    }
}

/// A statement of the module's top level before which a new constant can stand: the one that holds `node`, when it
/// begins its line.
pub(crate) fn constant_place(node: Node<'_>) -> Option<usize> {
    let holder = super::facts::top_statement(node)?;
    if !super::edits::is_alone(holder) {
        return None;
    }
    let file = node.file();
    let place = file.line_start(holder.start());
    // Comments right above belong to the statement; those at the top of the file belong to the file.
    let mut above = place;
    while above > 0 {
        let start = file.line_start(above - 1);
        if !file.text[start..above].starts_with('#') {
            return Some(above);
        }
        if start == 0 || start == above {
            break;
        }
        above = start;
    }
    Some(place)
}

/// True when a name is bound by an import at the module's top level, above a place.
pub(crate) fn is_imported_above(name: Node<'_>, place: usize) -> bool {
    let Some(variable) = name.variable() else { return false };
    variable.scope().kind() == crate::syntax::ScopeKind::Module
        && variable.bindings().all(|binding| {
            let statement = crate::syntax::statement_of(binding);
            statement.parent().is_some_and(|parent| parent.is(Kind::Module)) && statement.end() <= place
        })
}

/// Python's words that no variable can have.
fn is_keyword(name: &str) -> bool {
    const KEYWORDS: &[&str] = &[
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
        "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
        "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
    ];
    KEYWORDS.contains(&name)
}
