//! Finds loops in loops that look for the items with a given key, and builds an index by that key.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{clause, is_alone};
use crate::engine::rewrite::facts::{
    Change, calls_unknown, change, changes_chain, comparison, depends_on, is_chain, is_invariant, is_lazy,
    only_statement, root_name, suspends, used_only_in,
};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, Type, enclosing_loop, is_async, is_loop, repeats, statement_of};

rule! {
    /// ## What it finds
    /// A loop or comprehension inside another loop that walks a whole collection for the items whose key equals a value.
    /// ## Why it is slow
    /// The work is rounds times items; with an index by key it is rounds plus items.
    /// ## What must hold
    /// - The inner collection can be iterated again and is not changed by the outer loop.
    /// - The test is `item.key == value` (or begins so), and nothing in the inner loop depends on items that fail it.
    /// - Keys are hashable and equal ones have equal hashes. The test itself stays, so order and matches are the same.
    /// ## Example
    /// ```python before needs-run
    /// def pairs(orders, users: list):
    ///     found = []
    ///     for order in orders:
    ///         for user in users:
    ///             if user.id == order.user_id:
    ///                 found.append((order, user))
    ///                 break
    ///     return found
    /// ```
    /// ```python after
    /// def pairs(orders, users: list):
    ///     found = []
    ///     users_by_id = {}
    ///     for user in users:
    ///         users_by_id.setdefault(user.id, []).append(user)
    ///     for order in orders:
    ///         for user in users_by_id.get(order.user_id, ()):
    ///             if user.id == order.user_id:
    ///                 found.append((order, user))
    ///                 break
    ///     return found
    /// ```
    /// ```python before needs-run
    /// def sums(names, rows: list[dict]):
    ///     return {name: sum(row["n"] for row in rows if row["name"] == name and row["n"]) for name in names}
    /// ```
    /// ```python after
    /// def sums(names, rows: list[dict]):
    ///     rows_by_name = {}
    ///     for row in rows:
    ///         rows_by_name.setdefault(row["name"], []).append(row)
    ///     return {name: sum(row["n"] for row in rows_by_name.get(name, ()) if row["name"] == name and row["n"]) for name in names}
    /// ```
    /// ```python before needs-run
    /// class Shop:
    ///     def owners(self, orders):
    ///         return [next((u for u in self.users if u.id == order.user_id), None) for order in orders]
    /// ```
    /// ```python after
    /// class Shop:
    ///     def owners(self, orders):
    ///         users_by_id = {}
    ///         for u in self.users:
    ///             users_by_id.setdefault(u.id, []).append(u)
    ///         return [next((u for u in users_by_id.get(order.user_id, ()) if u.id == order.user_id), None) for order in orders]
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Shop:
    ///     def drain(self, orders):
    ///         for order in orders:
    ///             self.users.pop()
    ///             for user in self.users:
    ///                 if user.id == order.user_id:
    ///                     yield user
    /// ```
    /// ```python unchanged
    /// def drain(orders, users):
    ///     for order in orders:
    ///         for user in users:
    ///             if user.id == order.user_id:
    ///                 users.remove(user)
    /// ```
    /// ```python unchanged
    /// def tolerant(orders, users: list):
    ///     for order in orders:
    ///         for user in users:
    ///             if user.id >= order.user_id:
    ///                 yield user
    /// ```
    /// ```python unchanged
    /// def once(user_id, users: list):
    ///     for user in users:
    ///         if user.id == user_id:
    ///             return user
    /// ```
    "nested-scan", Algorithm, [Trigger::Kind(Kind::For), Trigger::Kind(Kind::ForIn)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let target = node.field(Field::Left)?;
    let iterable = node.field(Field::Right)?;
    let item = target.variable()?;
    if !is_chain(iterable) {
        return None;
    }
    let inner = if node.is(Kind::For) { node } else { node.parent()? };
    let test = first_test(condition(node)?);
    let (left, "==", right) = comparison(test)? else { return None };
    let (key, value) = if depends_on(left, item) { (left, right) } else { (right, left) };
    if is_async(node)
        || is_lazy(node)
        || !is_chain(key)
        || key.is(Kind::Identifier)
        || root_name(key)?.variable() != Some(item)
    {
        return None;
    }
    if depends_on(value, item) || !is_chain(value) && !value.is(Kind::Identifier) || !used_only_in(target, inner) {
        return None;
    }
    let outer = outer_loop(node, inner, iterable)?;
    let statement = statement_of(outer);
    // The value must change from round to round, else this is one search that the whole loop shares.
    if is_invariant(value, outer) || !is_alone(statement) || suspends(outer) && is_async_outer(outer) {
        return None;
    }
    let mut rewrite =
        Rewrite::new(node, format!("`{}` is walked in full for every `{}`", iterable.text(), value.text()));
    assume(context, iterable, key, value, outer, &mut rewrite)?;
    let name = context.fresh_name(&format!("{}_by_{}", word(iterable), key_name(key)?));
    let each = target.text();
    let index = [
        format!("{name} = {{}}"),
        format!("for {each} in {}:", iterable.text()),
        format!("    {name}.setdefault({}, []).append({each})", key.text()),
    ];
    let is_target_free = item.scope() == statement.scope() || statement.scope().lookup(each).is_none();
    if !is_target_free {
        return None;
    }
    rewrite.edits.insert_before(statement, &with_unit(&index, statement));
    rewrite.edits.replace(iterable, format!("{name}.get({}, ())", clause(value)));
    Some(rewrite)
}

/// Uses the file's own step of indentation inside the inserted lines.
fn with_unit(lines: &[String], statement: Node<'_>) -> Vec<String> {
    let unit = crate::engine::rewrite::edits::indentation_unit(statement.file());
    lines.iter().map(|line| line.replacen("    ", &unit, usize::from(line.starts_with("    ")))).collect()
}

fn is_async_outer(outer: Node<'_>) -> bool {
    outer.descendants().any(|each| each.is(Kind::Await))
}

/// The condition that every use of the item stands under.
fn condition(node: Node<'_>) -> Option<Node<'_>> {
    if node.is(Kind::For) {
        let test = only_statement(node).filter(|only| only.is(Kind::If) && only.field(Field::Alternative).is_none())?;
        return test.field(Field::Condition);
    }
    let siblings = node.parent()?.child_nodes();
    let at = siblings.iter().position(|each| *each == node)?;
    siblings.get(at + 1).filter(|next| next.is(Kind::IfClause))?.only_child()
}

/// The first operand of a chain of `and`.
fn first_test(condition: Node<'_>) -> Node<'_> {
    let mut test = condition.unwrapped();
    while test.is(Kind::BooleanOperator) && test.field(Field::Operator).is_some_and(|operator| operator.text() == "and")
    {
        let Some(left) = test.field(Field::Left) else { break };
        test = left.unwrapped();
    }
    test
}

/// True when a region does nothing to a collection that it could be seen by: `users`, `self.users`.
fn leaves_alone<'a>(region: Node<'a>, collection: Node<'a>) -> bool {
    let Some(variable) = root_name(collection).and_then(Node::variable) else { return false };
    let is_bound = variable.bindings().any(|each| region.contains(each));
    let is_changed = match collection.kind() {
        Kind::Identifier => change(region, variable) != Change::Never,
        _ => changes_chain(region, collection),
    };
    !is_bound && !is_changed
}

/// The last word of a collection's name.
fn word(collection: Node<'_>) -> String {
    let text = collection.text().trim_end_matches(['"', '\'', ']']);
    let word = text.rsplit(|c: char| !c.is_alphanumeric() && c != '_').find(|word| !word.is_empty()).unwrap_or("items");
    if collection.is(Kind::Identifier) { word.to_owned() } else { word.trim_matches('_').to_lowercase() }
}

/// The outermost loop around that leaves the collection alone.
fn outer_loop<'a>(node: Node<'a>, inner: Node<'a>, collection: Node<'a>) -> Option<Node<'a>> {
    let mut outer = None;
    let mut at = if node.is(Kind::For) || !is_first_clause(node) { node } else { inner };
    // A later clause of a comprehension repeats within the earlier ones of the same comprehension.
    if node.is(Kind::ForIn) && !is_first_clause(node) {
        let own = node.parent().filter(|own| is_loop(*own))?;
        if !leaves_alone(own, collection) {
            return None;
        }
        outer = Some(own);
        at = own;
    }
    for ancestor in at.ancestors() {
        if matches!(ancestor.kind(), Kind::Function | Kind::Lambda | Kind::Class) {
            break;
        }
        if is_loop(ancestor) && repeats(ancestor, at) {
            if !leaves_alone(ancestor, collection) {
                break;
            }
            outer = Some(ancestor);
        }
    }
    outer.filter(|outer| enclosing_loop(*outer).is_none() || *outer != inner)
}

fn is_first_clause(node: Node<'_>) -> bool {
    node.parent().and_then(|parent| parent.children().find(|child| child.is(Kind::ForIn))) == Some(node)
}

fn assume<'a>(
    context: &Context<'a>,
    iterable: Node<'a>,
    key: Node<'a>,
    value: Node<'a>,
    outer: Node<'a>,
    rewrite: &mut Rewrite<'a>,
) -> Option<()> {
    let typed = context.typed(iterable);
    match typed.of {
        Type::List(_) | Type::Tuple(_) if typed.is_proved() => {}
        Type::List(_) | Type::Tuple(_) | Type::Unknown | Type::Iterable(_) => {
            rewrite.assume(Assumption::Type(iterable.text().into(), "a collection that can be iterated again"));
        }
        _ => return None,
    }
    rewrite.assume(Assumption::Hashable(format!("the values of `{}` and `{}`", key.text(), value.text())));
    rewrite.assume(Assumption::Pure(key.text().into()));
    if calls_unknown(outer) {
        rewrite.assume(Assumption::Unchanged(iterable.text().into()));
        rewrite.assume(Assumption::Unchanged(key.text().into()));
    }
    Some(())
}

/// `id` of `user.id`, `name` of `row["name"]`.
fn key_name(key: Node<'_>) -> Option<String> {
    let last = match key.kind() {
        Kind::Attribute => key.field(Field::Attribute)?.text().to_owned(),
        Kind::Subscript => key.field(Field::Subscript)?.text().trim_matches(['"', '\'']).to_owned(),
        _ => return None,
    };
    let name: String = last.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    Some(name.trim_matches('_').to_lowercase())
}
