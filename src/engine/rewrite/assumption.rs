//! What a rewrite rests on where the source alone does not prove it. The safety of a match is computed from these.

use crate::model::Safety;

/// Something a rewrite takes for granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Assumption {
    /// Values are hashable, and equal ones have equal hashes.
    Hashable(String),
    /// A value has the type it seems to have.
    Type(String, &'static str),
    /// A value is the plain text or number that its annotation says.
    Annotated(String),
    /// Nothing else changes a value meanwhile, through another name or thread.
    Unchanged(String),
    /// An error half way leaves nothing behind that someone looks at.
    NoPartialResult(String),
    /// Something raises another error than before.
    ErrorChanges(&'static str, &'static str),
    /// An expression has no effect besides its value and does not raise.
    Pure(String),
    /// The database compares a column as Python does.
    ColumnComparesLikePython(String),
    /// A value that is looked for is not `None`, which would match rows with NULL.
    NeverNone(String),
    /// What was one query per row is now read at one time.
    ReadAtOnce(String),
    /// Rows come in the same order although no order is asked for.
    OrderUnspecified(String),
    /// A library takes the place of another, with differences that are named.
    Library(&'static str),
    /// Calls that followed each other may run at the same time.
    Concurrent(String),
    /// Results computed before may be given again.
    Repeatable(String),
    /// Every caller is one that was seen.
    CallersKnown(String),
    /// What happened step by step now happens at the end.
    Deferred(&'static str),
    /// Numbers may be rounded or overflow otherwise.
    Arithmetic(&'static str),
    /// A rewrite that only the author can judge.
    Judgement(&'static str),
}

impl Assumption {
    /// One sentence without a final dot.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Hashable(what) => format!("{what} are hashable, and equal ones have equal hashes"),
            Self::Type(what, kind) => format!("`{what}` is {kind}"),
            Self::Annotated(what) => format!("`{what}` is what its annotation says"),
            Self::Unchanged(what) => format!("nothing else changes `{what}` meanwhile"),
            Self::NoPartialResult(what) => format!("nobody looks at a half-built `{what}` after an error"),
            Self::ErrorChanges(before, after) => format!("nobody relies on {before}: it becomes {after}"),
            Self::Pure(what) => format!("`{what}` has no effect besides its value and does not raise"),
            Self::ColumnComparesLikePython(column) => {
                format!("the database compares `{column}` as Python does (case, blanks, NULL)")
            }
            Self::NeverNone(what) => format!("`{what}` is never None where rows have NULL"),
            Self::ReadAtOnce(what) => format!("nothing changes {what} between the first query and the last"),
            Self::OrderUnspecified(what) => format!("nobody relies on the order of {what}, which no query asks for"),
            Self::Library(difference) => (*difference).to_owned(),
            Self::Concurrent(what) => format!("calls of `{what}` may run at the same time, and after one has failed"),
            Self::Repeatable(what) => {
                format!("`{what}` gives the same result for the same arguments, and nobody changes it")
            }
            Self::CallersKnown(what) => format!("`{what}` has no callers outside the files scanned"),
            Self::Deferred(what) | Self::Arithmetic(what) | Self::Judgement(what) => (*what).to_owned(),
        }
    }

    /// How sure a rewrite is that rests on this alone.
    pub(crate) fn safety(&self) -> Safety {
        match self {
            Self::Judgement(_) => Safety::ShowOnly,
            // A call that breaks the annotation of a plain text or number is none that the program makes.
            Self::Annotated(_) => Safety::Proven,
            _ => Safety::NeedsRun,
        }
    }
}
