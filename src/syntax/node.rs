//! A node of a file's syntax tree: cheap to copy, with its parent, fields and text.

use super::SourceFile;
use super::kind::{Field, Kind};
use super::scope::{Scope, Variable};

/// How a node is stored. Nodes stand in the order of the text, so a subtree is the range `index..after`.
#[derive(Clone, Debug)]
pub(super) struct NodeRecord {
    pub(super) kind: Kind,
    pub(super) field: Field,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) parent: u32,
    /// Index of the first node after the subtree.
    pub(super) after: u32,
    /// The scope the node is evaluated in.
    pub(super) scope: u32,
    /// For an identifier that names a variable of the file: which one.
    pub(super) variable: u32,
}

/// A node of a [`SourceFile`].
#[derive(Clone, Copy)]
pub struct Node<'a> {
    file: &'a SourceFile,
    index: u32,
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?} at line {}", self.kind(), self.line())
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && std::ptr::eq(self.file, other.file)
    }
}

impl Eq for Node<'_> {}

impl<'a> Node<'a> {
    pub(super) fn new(file: &'a SourceFile, index: u32) -> Self {
        Self { file, index }
    }

    /// The file it belongs to.
    pub fn file(self) -> &'a SourceFile {
        self.file
    }

    /// A number that identifies the node in its file and grows with its place.
    pub fn index(self) -> u32 {
        self.index
    }

    /// The node of a number given by [`Node::index`].
    pub fn at(file: &'a SourceFile, index: u32) -> Self {
        Self { file, index }
    }

    /// Its kind.
    pub fn kind(self) -> Kind {
        self.file.record(self.index).kind
    }

    /// True when it has this kind.
    pub fn is(self, kind: Kind) -> bool {
        self.kind() == kind
    }

    /// Its role in its parent.
    pub fn role(self) -> Field {
        self.file.record(self.index).field
    }

    /// First byte in the file's text.
    pub fn start(self) -> usize {
        self.file.record(self.index).start as usize
    }

    /// One past its last byte.
    pub fn end(self) -> usize {
        self.file.record(self.index).end as usize
    }

    /// Its line, counted from 1.
    pub fn line(self) -> u32 {
        self.file.line_at(self.start())
    }

    /// The line of its last byte.
    pub fn last_line(self) -> u32 {
        self.file.line_at(self.end().saturating_sub(1).max(self.start()))
    }

    /// Its source.
    pub fn text(self) -> &'a str {
        &self.file.text[self.start()..self.end()]
    }

    /// The node around it; `None` for the module.
    pub fn parent(self) -> Option<Self> {
        (self.index != 0).then(|| Self::new(self.file, self.file.record(self.index).parent))
    }

    /// The nodes around it, innermost first, without itself.
    pub fn ancestors(self) -> impl Iterator<Item = Self> + 'a {
        std::iter::successors(self.parent(), |node| node.parent())
    }

    /// The nearest node around it of a kind.
    pub fn ancestor(self, kind: Kind) -> Option<Self> {
        self.ancestors().find(|node| node.is(kind))
    }

    /// Its children: named ones and operators, comments included.
    pub fn all_children(self) -> impl Iterator<Item = Self> + 'a {
        let after = self.file.record(self.index).after;
        let file = self.file;
        let first = (self.index + 1 < after).then_some(self.index + 1);
        let next = move |index: &u32| Some(file.record(*index).after).filter(|next| *next < after);
        std::iter::successors(first, next).map(move |index| Self::new(file, index))
    }

    /// Its named children without comments.
    pub fn children(self) -> impl Iterator<Item = Self> + 'a {
        self.all_children()
            .filter(|child| !matches!(child.kind(), Kind::Comment | Kind::Token | Kind::LineContinuation))
    }

    /// Its children as a vector.
    pub fn child_nodes(self) -> Vec<Self> {
        self.children().collect()
    }

    /// Its only child, when it has just one.
    pub fn only_child(self) -> Option<Self> {
        let mut children = self.children();
        let first = children.next()?;
        children.next().is_none().then_some(first)
    }

    /// The child with a role.
    pub fn field(self, field: Field) -> Option<Self> {
        self.all_children().find(|child| child.role() == field)
    }

    /// Itself and everything in it, in the order of the text.
    pub fn descendants(self) -> impl DoubleEndedIterator<Item = Self> + 'a {
        let file = self.file;
        (self.index..file.record(self.index).after).map(move |index| Self::new(file, index))
    }

    /// True when `other` is this node or lies in it.
    pub fn contains(self, other: Self) -> bool {
        (self.index..self.file.record(self.index).after).contains(&other.index)
    }

    /// True when it or something in it has the kind.
    pub fn has(self, kind: Kind) -> bool {
        self.descendants().any(|node| node.is(kind))
    }

    /// The scope it is evaluated in.
    pub fn scope(self) -> Scope<'a> {
        Scope::new(self.file, self.file.record(self.index).scope)
    }

    /// The variable of the file that this identifier names; `None` for builtins and unknown names.
    pub fn variable(self) -> Option<Variable<'a>> {
        let variable = self.file.record(self.index).variable;
        (variable != u32::MAX).then(|| Variable::new(self.file, variable))
    }

    /// The expression without the parentheses around it.
    #[must_use]
    pub fn unwrapped(self) -> Self {
        let mut node = self;
        while node.is(Kind::Parenthesized) {
            let Some(inner) = node.only_child() else { break };
            node = inner;
        }
        node
    }

    /// The outermost pair of parentheses around the expression, or itself.
    #[must_use]
    pub fn wrapped(self) -> Self {
        let mut node = self;
        while let Some(parent) = node.parent().filter(|parent| parent.is(Kind::Parenthesized)) {
            node = parent;
        }
        node
    }
}
