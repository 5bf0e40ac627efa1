//! Finds YAML that is read by the parser written in Python.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::argument;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, enclosing_function, has_comment, positional, qualified};

rule! {
    /// ## What it finds
    /// `yaml.safe_load(x)` inside functions.
    /// ## Why it is slow
    /// It parses in Python; libyaml, which PyYAML's wheels bring along, does the same several times faster.
    /// ## What must hold
    /// - `yaml` is the imported package, and the call has the one argument. Without libyaml the old loader is used.
    /// - Nobody reads the words of errors, which libyaml chooses itself.
    /// ## Example
    /// ```python before needs-run
    /// import yaml
    ///
    ///
    /// def settings(path):
    ///     with open(path) as file:
    ///         return yaml.safe_load(file)
    /// ```
    /// ```python after
    /// import yaml
    ///
    ///
    /// def settings(path):
    ///     with open(path) as file:
    ///         return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import yaml
    ///
    ///
    /// def parts(text, safe_load):
    ///     return list(yaml.safe_load_all(text)), yaml.load(text, Loader=yaml.FullLoader), safe_load(text)
    /// ```
    "yaml-loader", Io, [Trigger::Call("safe_load")] => find
}

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let callee = node.field(Field::Function).filter(|callee| callee.is(Kind::Attribute))?;
    let [source] = positional(node)?[..] else { return None };
    enclosing_function(node)?;
    if qualified(callee).as_deref() != Some("yaml.safe_load")
        || has_comment(node)
        || source.is(Kind::GeneratorExpression)
    {
        return None;
    }
    let module = callee.field(Field::Object)?.text();
    let mut rewrite = Rewrite::new(node, "YAML is parsed in Python".to_owned());
    let loader = format!("getattr({module}, \"CSafeLoader\", {module}.SafeLoader)");
    rewrite.edits.replace(node, format!("{module}.load({}, Loader={loader})", argument(source)));
    rewrite.assume(Assumption::Library("nobody reads the words of errors: libyaml has its own"));
    Some(rewrite)
}
