//! Finds loops that change rows and save each on its own.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{body, call_statement, is_assigned};
use crate::engine::rewrite::index::orm::{Library, Model};
use crate::engine::rewrite::query::{Style, may_write_besides, parse};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, arguments, is_async, is_within_try, keyword, method, string_value, usage,
};

rule! {
    /// ## What it finds
    /// A loop over the rows of a Django query that sets columns of the row and ends in `row.save()`.
    /// ## Why it is slow
    /// Every row is an UPDATE and a round trip of its own; `bulk_update` sends 500 rows at once.
    /// ## What must hold
    /// - The model has no `save` of its own and no column that is set by saving, and the project no signals.
    /// - The loop sets columns of the row and calls nothing on it; it leaves no earlier than it ends.
    /// - Nobody needs the rows saved before the loop ends; a failure half way saves none of them.
    /// ## Example
    /// ```python before needs-run
    /// class Plant(models.Model):
    ///     moisture = models.IntegerField(default=0)
    ///     thirsty = models.BooleanField(default=False)
    ///
    ///
    /// def dry_out(amount):
    ///     for plant in Plant.objects.all():
    ///         plant.moisture -= amount
    ///         if plant.moisture < 20:
    ///             plant.thirsty = True
    ///         plant.save()
    /// ```
    /// ```python after
    /// class Plant(models.Model):
    ///     moisture = models.IntegerField(default=0)
    ///     thirsty = models.BooleanField(default=False)
    ///
    ///
    /// def dry_out(amount):
    ///     plants_to_save = []
    ///     for plant in Plant.objects.all():
    ///         plant.moisture -= amount
    ///         if plant.moisture < 20:
    ///             plant.thirsty = True
    ///         plants_to_save.append(plant)
    ///     Plant.objects.bulk_update(plants_to_save, ["moisture", "thirsty"], batch_size=500)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Plant(models.Model):
    ///     moisture = models.IntegerField(default=0)
    ///     changed = models.DateTimeField(auto_now=True)
    ///
    ///
    /// class Bed(models.Model):
    ///     size = models.IntegerField(default=0)
    ///
    ///     def save(self, *args, **kwargs):
    ///         self.size = max(self.size, 0)
    ///         super().save(*args, **kwargs)
    ///
    ///
    /// def work():
    ///     for plant in Plant.objects.all():
    ///         plant.moisture = 0
    ///         plant.save()
    ///     for bed in Bed.objects.all():
    ///         bed.size -= 1
    ///         bed.save()
    /// ```
    "save-in-loop", Algorithm, [Trigger::Kind(Kind::For)] => find
}

/// Words of projects in which saving runs more than the model's own code.
const SIGNALS: &[&str] = &["post_save", "pre_save", "ModelSignal"];

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let target = node.field(Field::Left).filter(|target| target.is(Kind::Identifier))?;
    let save = body(node).into_iter().rev().find_map(|statement| {
        let call = call_statement(statement)?;
        let (row, "save") = method(call)? else { return None };
        (row.variable().is_some() && row.variable() == target.variable()).then_some(call)
    })?;
    let query = parse(context, node.field(Field::Right)?)
        .filter(|query| query.style == Style::Django && query.model.library == Library::Django)?;
    let leaves = |each: Node<'a>| {
        matches!(each.kind(), Kind::Return | Kind::Yield | Kind::Await | Kind::Raise | Kind::Try | Kind::With)
    };
    let is_odd = is_async(node)
        || node.field(Field::Alternative).is_some()
        || node.descendants().any(leaves)
        || is_within_try(node)
        || !is_alone(node);
    if is_odd || query.has("values") || query.has("values_list") || query.has("only") || query.has("defer") {
        return None;
    }
    let class = context.index.class_of_model(query.model)?;
    if is_special(context, query.model, class) {
        return None;
    }
    let columns = columns(query.model, node, target, save)?;
    if others_write(context, node, query.model, save) {
        return None;
    }
    let mut rewrite = Rewrite::new(save, format!("every row of `{}` is saved on its own", query.model.name));
    let name = context.name_of(&mut rewrite, class)?;
    let list = context.fresh_name(&format!("{}s_to_save", target.text()));
    rewrite.edits.insert_before(node, &[format!("{list} = []")]);
    rewrite.edits.replace(save, format!("{list}.append({})", target.text()));
    let quoted: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let update = format!("{name}.objects.bulk_update({list}, [{}], batch_size=500)", quoted.join(", "));
    rewrite.edits.insert_after(node, &[update]);
    rewrite.assume(Assumption::Deferred(
        "nobody needs a row saved before the loop ends, other columns saved with it, or rows saved before a failure",
    ));
    Some(rewrite)
}

/// True when saving does more than writing the columns.
fn is_special<'a>(context: &Context<'a>, model: &Model, class: Node<'a>) -> bool {
    let has_save = context.method_of(class, "save").is_some();
    let is_set_by_saving = class.text().contains("auto_now=") || class.text().contains("pre_save");
    let has_signals = || SIGNALS.iter().any(|word| context.index.mention_of_text(word));
    has_save || is_set_by_saving || model.is_partial || model.has_custom_query || has_signals()
}

/// The columns that the loop sets; `None` when it may do more to the row than that.
fn columns<'a>(model: &Model, node: Node<'a>, target: Node<'a>, save: Node<'a>) -> Option<Vec<&'a str>> {
    let mut columns: Vec<&'a str> = vec![];
    for each in target.variable()?.uses() {
        let stored = each.parent().filter(|parent| parent.is(Kind::Attribute) && is_assigned(*parent));
        if let (Some(attribute), true) = (stored, node.contains(each)) {
            let name = attribute.field(Field::Attribute)?.text();
            let base = name.strip_suffix("_id").unwrap_or(name);
            let column = model.column(name).or_else(|| model.column(base))?;
            if column.is_primary {
                return None;
            }
            if !columns.contains(&name) {
                columns.push(name);
            }
            continue;
        }
        let is_harmless = match usage(each) {
            Usage::Attribute(_) | Usage::Formatted => node.contains(each),
            Usage::Method("save", call) => call == save,
            _ => false,
        };
        if !is_harmless {
            return None;
        }
    }
    let given = arguments(save);
    if given.is_empty() {
        return (!columns.is_empty()).then_some(columns);
    }
    let list = keyword(save, "update_fields")
        .filter(|list| given.len() == 1 && matches!(list.kind(), Kind::List | Kind::Tuple))?;
    let named: Option<Vec<&'a str>> = list.children().map(string_value).collect();
    named.filter(|named| !named.is_empty())
}

fn others_write<'a>(context: &Context<'a>, node: Node<'a>, model: &Model, save: Node<'a>) -> bool {
    body(node).into_iter().any(|statement| !statement.contains(save) && may_write_besides(context, statement, model))
        || node.descendants().filter(|each| each.is(Kind::Call) && *each != save).any(|call| {
            parse(context, call).is_some_and(|query| std::ptr::eq(query.model, model))
                && node.field(Field::Body).is_some_and(|block| block.contains(call))
        })
}
