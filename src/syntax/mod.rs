//! Python source as syntax trees: text, nodes, scopes, names, types. Apart from the rewrite rules, tree-sitter is used
//! here only. Knows nothing of what is slow.

mod complexity;
mod kind;
mod names;
mod node;
mod place;
mod scope;
mod source_file;
mod types;
mod usage;

pub mod outline;

pub use complexity::complexity;
pub use kind::{Field, Kind};
pub use names::{
    arguments, callee_name, has_keyword, import_path, is_builtin, is_builtin_call, keyword, keywords, method,
    positional, qualified, string_value,
};
pub use node::Node;
pub use outline::Outline;
pub use place::{
    binding_value, block_index, enclosing_function, enclosing_loop, function_name, has_comment, is_async, is_loop,
    is_simple_name, is_within_try, next_statement, previous_statement, qualified_name, repeats, statement_of,
    statements,
};
pub use scope::{Occurrence, Scope, ScopeKind, Variable, occurrence};
pub use source_file::{Encoding, SourceFile, encode, encoding_of};
pub use types::{Provenance, Type, Typed, annotation, infer, method_type};
pub use usage::{Usage, usage};
