//! ORM models of the project, read from class bodies: `SQLAlchemy` (classic and 2.0), Flask-SQLAlchemy, Django, peewee.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::syntax::{Field, Kind, Node, SourceFile, callee_name, keyword, string_value};

/// Which library a model belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    SqlAlchemy,
    Django,
    Peewee,
}

/// A model class.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) line: u32,
    pub(crate) library: Library,
    pub(crate) table: Option<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) relations: Vec<Relation>,
    /// True when it has a base class that is a model too, or several bases: its columns are not all here.
    pub(crate) is_partial: bool,
    /// True when instances or queries do more than the library's own.
    pub(crate) has_custom_query: bool,
    /// True when its queries are ordered without being asked to: Django's `Meta.ordering`.
    pub(crate) has_ordering: bool,
    /// Names of the methods it defines.
    pub(crate) methods: Vec<String>,
}

/// A column of a model.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the declaration on its own")]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Last name of the type: `String`, `TextField`, `str`.
    pub(crate) kind: String,
    pub(crate) is_primary: bool,
    pub(crate) is_indexed: bool,
    pub(crate) is_unique: bool,
    /// True when it may be NULL, as far as its declaration tells.
    pub(crate) is_nullable: bool,
    /// The name under which the rows that refer to one are found there, when the declaration gives one.
    pub(crate) back_name: Option<String>,
    /// `table.column` for `SQLAlchemy`, the model's name for Django and peewee.
    pub(crate) foreign_key: Option<String>,
}

/// A relationship attribute of a `SQLAlchemy` model.
#[derive(Clone, Debug)]
pub(crate) struct Relation {
    pub(crate) name: String,
    pub(crate) target: String,
    /// True when nothing but `back_populates`, `backref`, `cascade` and the default loading is asked for.
    pub(crate) is_plain: bool,
    /// True when it leads to several rows, as far as its declaration tells.
    pub(crate) is_many: bool,
    /// True when related rows are loaded when they are read.
    pub(crate) is_lazy: bool,
    /// The column it orders by, when that is one.
    pub(crate) order_by: Option<String>,
}

impl Model {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Its one primary key column.
    pub(crate) fn primary_key(&self) -> Option<&str> {
        let mut keys = self.columns.iter().filter(|column| column.is_primary);
        match (keys.next(), keys.next()) {
            (Some(key), None) => Some(&key.name),
            (None, None) if self.library != Library::SqlAlchemy => Some("id"),
            _ => None,
        }
    }

    /// The table's name as a foreign key names it.
    pub(crate) fn table_name(&self) -> String {
        self.table.clone().unwrap_or_else(|| snake_case(&self.name))
    }
}

impl Column {
    /// True when a look-up by it uses an index.
    pub(crate) fn has_index(&self) -> bool {
        self.is_indexed || self.is_unique || self.is_primary
    }

    /// True for texts and blobs of any length.
    pub(crate) fn is_large(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "Text"
                | "UnicodeText"
                | "LargeBinary"
                | "BLOB"
                | "Blob"
                | "TEXT"
                | "JSON"
                | "JSONB"
                | "PickleType"
                | "TextField"
                | "BinaryField"
                | "BlobField"
                | "JSONField"
        )
    }
}

/// `UserGroup` as Flask-SQLAlchemy names its table: `user_group`.
fn snake_case(name: &str) -> String {
    let mut text = String::new();
    let mut previous = '_';
    for c in name.chars() {
        if c.is_uppercase() && previous.is_lowercase() {
            text.push('_');
        }
        text.extend(c.to_lowercase());
        previous = c;
    }
    text
}

/// Words without which a file defines no model.
const HINTS: &[&str] = &["Model", "Column(", "mapped_column", "DeclarativeBase", "declarative_base"];

/// All models of the project by class name.
pub(crate) fn models(sources: &[Arc<SourceFile>]) -> HashMap<String, Vec<Model>> {
    let mut classes = vec![];
    for source in sources {
        if HINTS.iter().any(|hint| source.text.contains(hint)) {
            classes.extend(source.root().descendants().filter(|node| node.is(Kind::Class)));
        }
    }
    let bases = base_libraries(sources, &classes);
    let mut models: HashMap<String, Vec<Model>> = HashMap::new();
    for class in classes {
        if let Some(model) = model_of(class, &bases) {
            models.entry(model.name.clone()).or_default().push(model);
        }
    }
    models
}

/// Names of classes that models inherit from, with their library: those of the libraries and those of the project.
fn base_libraries(sources: &[Arc<SourceFile>], classes: &[Node<'_>]) -> HashMap<String, Library> {
    let mut bases: HashMap<String, Library> = [
        ("DeclarativeBase".to_owned(), Library::SqlAlchemy),
        ("DeclarativeBaseNoMeta".to_owned(), Library::SqlAlchemy),
    ]
    .into();
    for source in sources.iter().filter(|source| source.text.contains("declarative_base")) {
        let calls = source.root().descendants().filter(|node| node.is(Kind::Call));
        for call in calls.filter(|call| callee_name(*call) == Some("declarative_base")) {
            let target =
                call.parent().filter(|parent| parent.is(Kind::Assignment)).and_then(|parent| parent.field(Field::Left));
            bases.extend(target.map(|target| (target.text().to_owned(), Library::SqlAlchemy)));
        }
    }
    let mut is_growing = true;
    let mut seen = HashSet::new();
    while is_growing {
        is_growing = false;
        for class in classes {
            let name = crate::syntax::function_name(*class);
            if seen.contains(name) {
                continue;
            }
            if let Some(library) = base_names(*class).find_map(|base| library_of(base, &bases)) {
                bases.entry(name.to_owned()).or_insert(library);
                seen.insert(name);
                is_growing = true;
            }
        }
    }
    bases
}

fn base_names(class: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    let list = class.field(Field::Superclasses);
    list.into_iter().flat_map(Node::children).filter(|base| matches!(base.kind(), Kind::Identifier | Kind::Attribute))
}

fn library_of(base: Node<'_>, bases: &HashMap<String, Library>) -> Option<Library> {
    if base.is(Kind::Attribute) {
        let object = base.field(Field::Object)?.text();
        let name = base.field(Field::Attribute)?.text();
        return match (object, name) {
            ("models", "Model") => Some(Library::Django),
            ("peewee" | "pw", "Model") => Some(Library::Peewee),
            (_, "Model" | "Base") => Some(Library::SqlAlchemy),
            _ => bases.get(name).copied(),
        };
    }
    if base.text() == "Model" {
        let binding = base.variable()?.only_binding()?;
        return match crate::syntax::import_path(binding)?.as_str() {
            "peewee.Model" => Some(Library::Peewee),
            "django.db.models.Model" => Some(Library::Django),
            _ => None,
        };
    }
    bases.get(base.text()).copied()
}

fn model_of(class: Node<'_>, bases: &HashMap<String, Library>) -> Option<Model> {
    let library = base_names(class).find_map(|base| library_of(base, bases))?;
    let mut model = Model {
        name: crate::syntax::function_name(class).to_owned(),
        path: class.file().path.clone(),
        line: class.line(),
        library,
        table: None,
        columns: vec![],
        relations: vec![],
        is_partial: base_names(class).count() > 1,
        has_custom_query: false,
        has_ordering: false,
        methods: vec![],
    };
    for statement in super::super::facts::body(class) {
        let is_meta = statement.is(Kind::Class) && crate::syntax::function_name(statement) == "Meta";
        model.has_ordering |= is_meta && statement.text().contains("ordering");
        if statement.is(Kind::Function) {
            model.methods.push(crate::syntax::function_name(statement).to_owned());
        }
        read_statement(statement, &mut model);
    }
    (!model.columns.is_empty() || model.table.is_some()).then_some(model)
}

fn read_statement(statement: Node<'_>, model: &mut Model) {
    let assignment = super::super::facts::unstated(statement);
    if !assignment.is(Kind::Assignment) {
        return;
    }
    let Some(name) = assignment.field(Field::Left).filter(|left| left.is(Kind::Identifier)).map(Node::text) else {
        return;
    };
    let value = assignment.field(Field::Right);
    match name {
        "__tablename__" => model.table = value.and_then(string_value).map(str::to_owned),
        "query_class" | "objects" | "__mapper_args__" => model.has_custom_query = true,
        _ => {}
    }
    let annotation = assignment.field(Field::Type).map(Node::text).unwrap_or_default();
    let call = value.filter(|value| value.is(Kind::Call));
    match (call.and_then(callee_name), model.library) {
        (Some("relationship"), Library::SqlAlchemy) => model.relations.extend(relation(name, annotation, call)),
        (Some("Column" | "mapped_column"), Library::SqlAlchemy) => {
            model.columns.extend(call.map(|call| sql_column(name, annotation, call)));
        }
        (None, Library::SqlAlchemy) if annotation.starts_with("Mapped[") && value.is_none() => {
            model.columns.push(plain_column(name, annotation));
        }
        (Some("ManyToManyField"), Library::Django) => {
            let target = call.and_then(|call| crate::syntax::arguments(call).first().copied());
            let target = target.map_or("", |target| string_value(target).unwrap_or(target.text()));
            let target = target.rsplit('.').next().unwrap_or_default().to_owned();
            let name = name.to_owned();
            model.relations.push(Relation {
                name,
                target,
                is_plain: false,
                is_many: true,
                is_lazy: true,
                order_by: None,
            });
        }
        (Some(field), Library::Django | Library::Peewee) if field.ends_with("Field") || field == "ForeignKey" => {
            model.columns.extend(call.map(|call| field_column(name, field, call)));
        }
        _ => {}
    }
}

fn plain_column(name: &str, annotation: &str) -> Column {
    let kind = annotation.trim_start_matches("Mapped[").trim_end_matches(']').to_owned();
    let is_nullable = annotation.is_empty() || annotation.contains("Optional") || annotation.contains("None");
    Column {
        name: name.into(),
        kind,
        is_primary: false,
        is_indexed: false,
        is_unique: false,
        is_nullable,
        back_name: None,
        foreign_key: None,
    }
}

fn is_true(call: Node<'_>, name: &str) -> bool {
    keyword(call, name).is_some_and(|value| value.is(Kind::True))
}

fn sql_column(name: &str, annotation: &str, call: Node<'_>) -> Column {
    let mut column = plain_column(name, annotation);
    for argument in crate::syntax::arguments(call) {
        if argument.is(Kind::Call) && callee_name(argument) == Some("ForeignKey") {
            let target = crate::syntax::arguments(argument).first().copied();
            column.foreign_key = target.map(|target| string_value(target).unwrap_or(target.text()).to_owned());
            continue;
        }
        let kind = if argument.is(Kind::Call) { argument.field(Field::Function).unwrap_or(argument) } else { argument };
        if matches!(kind.kind(), Kind::Identifier | Kind::Attribute) {
            kind.text().rsplit('.').next().unwrap_or_default().clone_into(&mut column.kind);
        }
    }
    column.is_primary = is_true(call, "primary_key");
    column.is_indexed = is_true(call, "index");
    column.is_unique = is_true(call, "unique");
    match keyword(call, "nullable") {
        Some(value) => column.is_nullable = !value.is(Kind::False),
        None => column.is_nullable &= !column.is_primary,
    }
    column
}

fn field_column(name: &str, field: &str, call: Node<'_>) -> Column {
    let is_key = matches!(field, "ForeignKey" | "ForeignKeyField" | "OneToOneField");
    let target = crate::syntax::arguments(call).first().copied().filter(|_| is_key);
    Column {
        name: name.into(),
        kind: field.into(),
        is_primary: is_true(call, "primary_key"),
        is_indexed: is_true(call, "db_index") || is_true(call, "index") || is_key,
        is_unique: is_true(call, "unique") || field == "OneToOneField",
        is_nullable: is_true(call, "null"),
        back_name: keyword(call, "related_name").or(keyword(call, "backref")).and_then(string_value).map(str::to_owned),
        foreign_key: target.map(|target| {
            let text = string_value(target).unwrap_or(target.text());
            text.rsplit('.').next().unwrap_or_default().to_owned()
        }),
    }
}

fn relation(name: &str, annotation: &str, call: Option<Node<'_>>) -> Option<Relation> {
    let call = call?;
    let first = crate::syntax::arguments(call).first().copied().filter(|first| !first.is(Kind::KeywordArgument));
    let target = match first {
        Some(first) => string_value(first).unwrap_or(first.text()).to_owned(),
        None => annotation.trim_start_matches("Mapped[").trim_matches(|c: char| !c.is_alphanumeric()).to_owned(),
    };
    let target = target.rsplit(['.', '[', '"', '\'']).next().unwrap_or_default().to_owned();
    let is_plain = crate::syntax::keywords(call).iter().all(|(name, value)| match *name {
        "back_populates" | "backref" | "cascade" | "passive_deletes" => value.is(Kind::String) || value.is(Kind::True),
        "lazy" => matches!(string_value(*value), Some("select")) || value.is(Kind::True),
        _ => false,
    });
    let lazy = keyword(call, "lazy");
    let is_lazy = lazy.is_none_or(|value| value.is(Kind::True) || string_value(value) == Some("select"));
    let is_single = keyword(call, "uselist").is_some_and(|value| value.is(Kind::False));
    let is_list = ["list[", "List[", "set[", "Set["].iter().any(|word| annotation.contains(word));
    let is_many = !is_single && (is_list || keyword(call, "secondary").is_some());
    let order = keyword(call, "order_by").map(|value| string_value(value).unwrap_or(value.text()));
    let order_by = order.and_then(|order| order.rsplit('.').next()).map(str::to_owned);
    Some(Relation { name: name.into(), target, is_plain, is_many, is_lazy, order_by })
}
