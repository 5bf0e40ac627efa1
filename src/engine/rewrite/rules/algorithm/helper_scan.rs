//! Finds helpers that walk a collection for the first item with a key, called in a loop, and looks in a dict first.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{
    Change, body, calls_unknown, change, comparison, is_lazy, local_variable, only_statement, suspends,
};
use crate::engine::rewrite::index::is_docstring;
use crate::engine::rewrite::keys::{assume_equal_key, is_repeatable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Type, arguments, enclosing_loop, is_async, is_builtin_call, keywords, method, positional,
    statement_of, string_value,
};

rule! {
    /// ## What it finds
    /// `find(users, order.user_id)` in a loop, where `find` is a function of the project that walks its first argument
    /// and returns the first item whose key equals the second. Keys given as `find_one(users, id=…)` count as well.
    /// ## Why it is slow
    /// Each call walks the collection. A dict of the first items by key is built once; what it lacks goes to the helper
    /// as before, with its error or default.
    /// ## What must hold
    /// - The collection can be walked again and nothing in the loop changes it.
    /// - Keys are hashable, and equal ones have equal hashes. Reading the key of an item does nothing else.
    /// ## Example
    /// ```python before needs-run
    /// def by_id(users, wanted):
    ///     for user in users:
    ///         if user.id == wanted:
    ///             return user
    ///     raise LookupError(wanted)
    ///
    /// def owners(orders, users):
    ///     found = []
    ///     for order in orders:
    ///         found.append(by_id(users, order.user_id))
    ///     return found
    /// ```
    /// ```python after
    /// def by_id(users, wanted):
    ///     for user in users:
    ///         if user.id == wanted:
    ///             return user
    ///     raise LookupError(wanted)
    ///
    /// def owners(orders, users):
    ///     found = []
    ///     users_by_id = {}
    ///     for each in users:
    ///         users_by_id.setdefault(each.id, each)
    ///     for order in orders:
    ///         found.append(users_by_id[order.user_id] if order.user_id in users_by_id else by_id(users, order.user_id))
    ///     return found
    /// ```
    /// ```python before needs-run
    /// def find_one(records, **criteria):
    ///     for record in records:
    ///         if all(record.get(key) == value for key, value in criteria.items()):
    ///             return record
    ///     return None
    ///
    /// def names(trips, stations):
    ///     return [find_one(stations, code=trip["from"])["name"] for trip in trips]
    /// ```
    /// ```python after
    /// def find_one(records, **criteria):
    ///     for record in records:
    ///         if all(record.get(key) == value for key, value in criteria.items()):
    ///             return record
    ///     return None
    ///
    /// def names(trips, stations):
    ///     stations_by_code = {}
    ///     for each in stations:
    ///         stations_by_code.setdefault(each.get("code"), each)
    ///     return [(stations_by_code[trip["from"]] if trip["from"] in stations_by_code else find_one(stations, code=trip["from"]))["name"] for trip in trips]
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def newer(users, wanted):
    ///     for user in users:
    ///         if user.age >= wanted:
    ///             return user
    ///     return None
    ///
    /// def owners(orders, users):
    ///     return [newer(users, order.age) for order in orders]
    /// ```
    /// ```python unchanged
    /// def by_id(users, wanted):
    ///     for user in users:
    ///         if user.id == wanted:
    ///             return user
    ///     return None
    ///
    /// def once(users, order):
    ///     return by_id(users, order.user_id)
    /// ```
    "helper-scan", Algorithm, [Trigger::Kind(Kind::Call)] => find
}

/// A call of a helper that looks for an item by key.
struct LookUp<'a> {
    call: Node<'a>,
    collection: Node<'a>,
    wanted: Node<'a>,
    /// What follows an item to give its key: `.id`, `["id"]`, `.get("id")`.
    key: String,
    /// The word of the key.
    word: String,
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let looping = enclosing_loop(node)?;
    let first = look_up(context, node)?;
    let variable = local_variable(first.collection)?;
    let mut outer = looping;
    while let Some(next) = enclosing_loop(outer).filter(|next| is_left_alone(*next, variable)) {
        outer = next;
    }
    let statement = statement_of(outer);
    if !is_left_alone(outer, variable)
        || !is_alone(statement)
        || is_lazy(node)
        || suspends(outer) && outer.has(Kind::Await)
    {
        return None;
    }
    let same = |call: Node<'a>| {
        let other = look_up(context, call)?;
        (other.key == first.key && other.collection.variable() == Some(variable)).then_some(other)
    };
    let all: Vec<LookUp<'a>> = outer
        .descendants()
        .filter(|each| each.is(Kind::Call) && crate::syntax::repeats(outer, *each))
        .filter_map(same)
        .collect();
    if all.first()?.call != node {
        return None;
    }
    let message = format!("`{}` is walked in full by every call", first.collection.text());
    let mut rewrite = Rewrite::new(node, message);
    let typed = context.typed(first.collection);
    if !matches!(typed.of, Type::List(_) | Type::Tuple(_)) || !typed.is_proved() {
        let text = first.collection.text().into();
        rewrite.assume(Assumption::Type(text, "a collection that can be iterated again"));
    }
    rewrite.assume(Assumption::Hashable(format!("the keys of `{}`", first.collection.text())));
    rewrite.assume(Assumption::Pure(format!("the key of an item of {}", first.collection.text())));
    if calls_unknown(outer) {
        rewrite.assume(Assumption::Unchanged(first.collection.text().into()));
    }
    let name = context.fresh_name(&format!("{}_by_{}", first.collection.text(), first.word));
    let each = context.fresh_name("each");
    let unit = indentation_unit(node.file());
    rewrite.edits.insert_before(
        statement,
        &[
            format!("{name} = {{}}"),
            format!("for {each} in {}:", first.collection.text()),
            format!("{unit}{name}.setdefault({each}{}, {each})", first.key),
        ],
    );
    for one in all {
        assume_equal_key(context, one.wanted, &mut rewrite)?;
        let text = format!("{name}[{0}] if {0} in {name} else {1}", one.wanted.text(), one.call.text());
        let is_enclosed = one.call.parent().is_some_and(|parent| {
            matches!(parent.kind(), Kind::ArgumentList | Kind::Assignment | Kind::Tuple | Kind::List | Kind::Return)
        });
        rewrite.edits.replace(one.call, if is_enclosed { text } else { format!("({text})") });
    }
    Some(rewrite)
}

fn is_left_alone<'a>(looping: Node<'a>, variable: crate::syntax::Variable<'a>) -> bool {
    change(looping, variable) != Change::Surely && !variable.bindings().any(|each| looping.contains(each))
}

/// Reads a call of a helper; `None` for the one that a dict has been asked before.
fn look_up<'a>(context: &Context<'a>, call: Node<'a>) -> Option<LookUp<'a>> {
    let all = arguments(call);
    if all.len() != 2 || call.text().contains('\n') || call.parent()?.is(Kind::Conditional) {
        return None;
    }
    let function = context.callee(call).filter(|function| function.is(Kind::Function) && !is_async(*function))?;
    if function.parent()?.is(Kind::Decorated) {
        return None;
    }
    let parameters = function.field(Field::Parameters)?.child_nodes();
    let [holder, wanted] = parameters[..] else { return None };
    let holder = name_of(holder)?;
    let (test, item) = scanned(function, holder)?;
    let collection = all[0];
    if !collection.is(Kind::Identifier) {
        return None;
    }
    if wanted.is(Kind::DictionarySplatPattern) {
        let [(name, value)] = keywords(call)[..] else { return None };
        let key = criteria(test, item, wanted.only_child()?)?.replace("key", &format!("\"{name}\""));
        return is_repeatable(value).then(|| LookUp { call, collection, wanted: value, key, word: name.to_owned() });
    }
    let value = if all[1].is(Kind::KeywordArgument) { all[1].field(Field::Value)? } else { all[1] };
    let wanted = name_of(wanted)?;
    let (left, "==", right) = comparison(test)? else { return None };
    let key = if right.text() == wanted.text() && right.is(Kind::Identifier) { left } else { right };
    if (if key == left { right } else { left }).text() != wanted.text() || !is_repeatable(value) {
        return None;
    }
    let (suffix, word) = suffix(key, item)?;
    Some(LookUp { call, collection, wanted: value, key: suffix, word })
}

/// The name of a parameter.
fn name_of(parameter: Node<'_>) -> Option<Node<'_>> {
    match parameter.kind() {
        Kind::TypedParameter => parameter.children().find(|child| child.is(Kind::Identifier)),
        Kind::Identifier | Kind::DictionarySplatPattern => Some(parameter),
        _ => None,
    }
}

/// The test and the item's name of a function that does nothing but return the first item that passes.
fn scanned<'a>(function: Node<'a>, holder: Node<'a>) -> Option<(Node<'a>, Node<'a>)> {
    let mut statements = body(function);
    statements.retain(|statement| !is_docstring(*statement));
    let is_it = |node: Node<'a>| node.is(Kind::Identifier) && node.variable() == holder.variable();
    match statements[..] {
        [looping, end] if looping.is(Kind::For) && matches!(end.kind(), Kind::Return | Kind::Raise) => {
            walked(looping, is_it)
        }
        [looping] if looping.is(Kind::For) => walked(looping, is_it),
        [only] if only.is(Kind::Return) => {
            let next = only.only_child().filter(|value| is_builtin_call(*value, "next"))?;
            let generator = *arguments(next).first().filter(|first| first.is(Kind::GeneratorExpression))?;
            let parts = generator.child_nodes();
            let [item, clause, test] = parts[..] else { return None };
            let left = clause.field(Field::Left)?;
            let is_plain = clause.is(Kind::ForIn) && test.is(Kind::IfClause) && item.text() == left.text();
            (is_plain && is_it(clause.field(Field::Right)?)).then_some((test.only_child()?, left))
        }
        _ => None,
    }
}

fn walked<'a>(looping: Node<'a>, is_it: impl Fn(Node<'a>) -> bool) -> Option<(Node<'a>, Node<'a>)> {
    let item = looping.field(Field::Left).filter(|left| left.is(Kind::Identifier))?;
    let test = only_statement(looping).filter(|only| only.is(Kind::If) && only.field(Field::Alternative).is_none())?;
    let found = only_statement(test).filter(|found| found.is(Kind::Return))?.only_child()?;
    let is_plain =
        is_it(looping.field(Field::Right)?) && looping.field(Field::Alternative).is_none() && !is_async(looping);
    (is_plain && found.variable() == item.variable() && found.is(Kind::Identifier))
        .then_some((test.field(Field::Condition)?, item))
}

/// `.get(key)` of `all(record.get(key) == value for key, value in criteria.items())`, with `key` for the key.
fn criteria<'a>(test: Node<'a>, item: Node<'a>, criteria: Node<'a>) -> Option<String> {
    if !is_builtin_call(test, "all") {
        return None;
    }
    let generator = *arguments(test).first().filter(|first| first.is(Kind::GeneratorExpression))?;
    let [compared, clause] = generator.child_nodes()[..] else { return None };
    let pair = clause.field(Field::Left)?.child_nodes();
    let [key, value] = pair[..] else { return None };
    let (receiver, "items") = method(clause.field(Field::Right)?)? else { return None };
    let (left, "==", right) = comparison(compared)? else { return None };
    let read = if right.text() == value.text() { left } else { right };
    let other = if right.text() == value.text() { right } else { left };
    if receiver.text() != criteria.text() || other.text() != value.text() {
        return None;
    }
    let is_item = |node: Option<Node<'a>>| node.is_some_and(|node| node.text() == item.text());
    match read.kind() {
        Kind::Call => {
            let (receiver, "get") = method(read)? else { return None };
            let [only] = positional(read)?[..] else { return None };
            (is_item(Some(receiver)) && only.text() == key.text()).then(|| ".get(key)".to_owned())
        }
        Kind::Subscript => {
            let is_it = is_item(read.field(Field::Value)) && read.field(Field::Subscript)?.text() == key.text();
            is_it.then(|| "[key]".to_owned())
        }
        _ => None,
    }
}

/// What follows the item in an expression of its key, and the key's word.
fn suffix<'a>(key: Node<'a>, item: Node<'a>) -> Option<(String, String)> {
    let object = match key.kind() {
        Kind::Attribute => key.field(Field::Object)?,
        Kind::Subscript => key.field(Field::Value)?,
        Kind::Call => method(key).filter(|(_, name)| *name == "get")?.0,
        _ => return None,
    };
    if object.text() != item.text() || !object.is(Kind::Identifier) {
        return None;
    }
    let word = match key.kind() {
        Kind::Attribute => key.field(Field::Attribute)?.text(),
        Kind::Subscript => string_value(key.field(Field::Subscript)?)?,
        _ => string_value(*positional(key)?.first()?)?,
    };
    let name: String = word.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    Some((key.text()[object.text().len()..].to_owned(), name.trim_matches('_').to_lowercase()))
}
