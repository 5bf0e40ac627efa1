//! A Python file as text and as a flat syntax tree. Knows encodings, line ends and indentation; nothing of meaning.

use std::sync::Arc;

use tree_sitter::{Parser, TreeCursor};

use crate::model::{Location, Problem};

use super::kind::{Field, Kind, Tables};
use super::node::{Node, NodeRecord};
use super::scope::Scopes;

/// Larger files are generated data; a tree of them costs seconds and hundreds of megabytes.
const SOURCE_BYTES_MAX: usize = 8 << 20;

/// `CPython`'s own compiler gives up before this depth.
const DEPTH_MAX: usize = 6_000;

/// How the bytes of a file become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// ISO 8859-1: each byte is the character of that number.
    Latin1,
}

/// A parsed file.
#[derive(Debug)]
pub struct SourceFile {
    /// Relative to the project root, with `/`.
    pub path: String,
    /// The whole text, byte order mark included.
    pub text: String,
    /// How the text stands in the file.
    pub encoding: Encoding,
    pub(super) nodes: Vec<NodeRecord>,
    pub(super) scopes: Scopes,
    line_starts: Vec<u32>,
}

impl SourceFile {
    /// Reads and parses a file; what cannot be used as Python 3 is a [`Problem`].
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Arc<Self>, Problem> {
        if bytes.len() > SOURCE_BYTES_MAX {
            let size = crate::support::units::bytes(bytes.len() as u64);
            let message = format!("not scanned: {size} are too much for a source file");
            let hint = "generated data is better loaded from a data file";
            return Err(problem(path, 0, message, Some(hint)));
        }
        let (text, encoding) = decode(path, bytes)?;
        let nodes = tree_of(path, &text)?;
        let line_starts = std::iter::once(if text.starts_with('\u{feff}') { 3 } else { 0 })
            .chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at as u32 + 1))
            .collect();
        let mut file = Self { path: path.to_owned(), text, encoding, nodes, scopes: Scopes::default(), line_starts };
        file.scopes = Scopes::of(&mut file.nodes, &file.text);
        Ok(Arc::new(file))
    }

    /// The `module` node.
    pub fn root(&self) -> Node<'_> {
        Node::new(self, 0)
    }

    /// The line of a byte, counted from 1.
    pub fn line_at(&self, offset: usize) -> u32 {
        self.line_starts.partition_point(|start| *start as usize <= offset).max(1) as u32
    }

    /// First byte of the line that `offset` is on.
    pub fn line_start(&self, offset: usize) -> usize {
        self.line_starts[self.line_at(offset) as usize - 1] as usize
    }

    /// One past the line's last byte, its line end included.
    pub fn line_end(&self, offset: usize) -> usize {
        self.line_starts.get(self.line_at(offset) as usize).map_or(self.text.len(), |start| *start as usize)
    }

    /// Number of lines.
    pub fn n_lines(&self) -> usize {
        self.line_starts.len() - usize::from(self.text.ends_with('\n'))
    }

    /// `\r\n` when the file's first line ends so, else `\n`.
    pub fn line_break(&self) -> &'static str {
        match self.text.find('\n') {
            Some(at) if self.text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }

    /// The spaces and tabs before the first word of the line that `offset` is on.
    pub fn indentation(&self, offset: usize) -> &str {
        let line = &self.text[self.line_start(offset)..];
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }

    /// Turns an offset of the text into one of the file's bytes.
    pub fn byte_offset(&self, offset: usize) -> usize {
        match self.encoding {
            Encoding::Utf8 => offset,
            Encoding::Latin1 => self.text[..offset].chars().count(),
        }
    }

    pub(super) fn record(&self, index: u32) -> &NodeRecord {
        &self.nodes[index as usize]
    }
}

/// Writes `text` as the file's encoding has it; `None` when it has no such characters.
pub fn encode(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Utf8 => Some(text.as_bytes().to_vec()),
        Encoding::Latin1 => text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect(),
    }
}

/// The encoding that the byte order mark or the cookie of the first two lines names.
pub fn encoding_of(bytes: &[u8]) -> Result<Encoding, String> {
    let Some(name) = cookie(bytes) else { return Ok(Encoding::Utf8) };
    match name.to_ascii_lowercase().replace('_', "-").as_str() {
        "utf-8" | "utf8" | "utf-8-sig" | "ascii" | "us-ascii" => Ok(Encoding::Utf8),
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "iso-latin-1" | "l1" => Ok(Encoding::Latin1),
        _ => Err(name),
    }
}

fn cookie(bytes: &[u8]) -> Option<String> {
    for line in bytes.split(|byte| *byte == b'\n').take(2) {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let line = String::from_utf8_lossy(&line[..line.len().min(200)]);
        let Some(comment) = line.trim_start().strip_prefix('#') else {
            if line.trim().is_empty() {
                continue;
            }
            return None;
        };
        let Some(at) = comment.find("coding") else { continue };
        let Some(value) = comment[at + 6..].strip_prefix([':', '=']) else { continue };
        let name = value.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c));
        return Some(name.collect()).filter(|name: &String| !name.is_empty());
    }
    None
}

fn decode(path: &str, bytes: &[u8]) -> Result<(String, Encoding), Problem> {
    if bytes.contains(&0) {
        return Err(problem(path, 0, "not scanned: it contains null bytes".into(), None));
    }
    let encoding = encoding_of(bytes)
        .map_err(|name| problem(path, 1, format!("not scanned: cannot read the encoding `{name}`"), None))?;
    if encoding == Encoding::Latin1 {
        return Ok((bytes.iter().map(|byte| char::from(*byte)).collect(), encoding));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok((text.to_owned(), encoding)),
        Err(error) => {
            let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count() as u32;
            let hint = "name its encoding in the first line: `# -*- coding: latin-1 -*-`";
            Err(problem(path, line, "not scanned: it is not UTF-8".into(), Some(hint)))
        }
    }
}

fn problem(path: &str, line: u32, message: String, hint: Option<&str>) -> Problem {
    Problem { location: Some(Location::new(path, line, "")), message, hint: hint.map(str::to_owned) }
}

fn tree_of(path: &str, text: &str) -> Result<Vec<NodeRecord>, Problem> {
    thread_local! {
        static PARSER: std::cell::RefCell<Parser> = std::cell::RefCell::new({
            let mut parser = Parser::new();
            parser.set_language(&tree_sitter_python::LANGUAGE.into()).expect("the grammar fits the library");
            parser
        });
    }
    let tree = PARSER.with_borrow_mut(|parser| parser.parse(text, None));
    let Some(tree) = tree else { return Err(problem(path, 0, "not scanned: the parser gave up".into(), None)) };
    let (nodes, defect, depth) = flatten(&mut tree.walk());
    if depth > DEPTH_MAX {
        return Err(problem(path, 0, "not scanned: its expressions are nested too deeply".into(), None));
    }
    let Some(defect) = defect else { return Ok(nodes) };
    let line = text[..(defect.start as usize).min(text.len())].matches('\n').count() as u32 + 1;
    if defect.is_python2 || looks_like_python2(text) {
        let hint = "cmdx reads Python 3; `2to3` and `modernize` help to move";
        return Err(problem(path, line, "not scanned: this is Python 2".into(), Some(hint)));
    }
    Err(problem(path, line, format!("not scanned: syntax error in line {line}"), None))
}

/// `except Name, error:`, `raise Name, text` and the print statement survive in no version of Python 3.
fn looks_like_python2(text: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| {
        let comma = |rest: &str| {
            rest.split_once(',').is_some_and(|(left, _)| left.chars().all(|c| c.is_alphanumeric() || "._".contains(c)))
        };
        line.strip_prefix("print ").is_some_and(|rest| rest.starts_with(['"', '\'', '%']))
            || line.strip_prefix("except ").is_some_and(comma)
            || line.strip_prefix("raise ").is_some_and(comma)
    })
}

/// The first place that keeps a file from being used.
struct Defect {
    start: u32,
    is_python2: bool,
}

/// Copies the tree, without recursion, into a vector in the order of the text.
fn flatten(cursor: &mut TreeCursor<'_>) -> (Vec<NodeRecord>, Option<Defect>, usize) {
    let tables = Tables::get();
    let mut nodes: Vec<NodeRecord> = Vec::with_capacity(cursor.node().descendant_count() * 2 / 3);
    // For every open level: the index of the node, or of the nearest kept one around it.
    let mut open: Vec<(u32, bool)> = vec![];
    let mut defect: Option<Defect> = None;
    let mut depth = 0;
    loop {
        let node = cursor.node();
        let kind = tables.kind(node.kind_id());
        let field = cursor.field_id().map_or(Field::Nothing, |id| tables.field(id.get()));
        let is_python2 = matches!(kind, Kind::Print | Kind::Exec);
        if defect.is_none() && (is_python2 || kind == Kind::Error || node.is_missing()) {
            defect = Some(Defect { start: node.start_byte() as u32, is_python2 });
        }
        let parent = open.last().map_or(0, |(index, _)| *index);
        let is_kept = kind != Kind::Token || field != Field::Nothing;
        let index = nodes.len() as u32;
        if is_kept {
            nodes.push(NodeRecord {
                kind,
                field,
                start: node.start_byte() as u32,
                end: node.end_byte() as u32,
                parent,
                after: 0,
                scope: u32::MAX,
                variable: u32::MAX,
            });
        }
        if cursor.goto_first_child() {
            depth = depth.max(open.len());
            open.push(if is_kept { (index, true) } else { (parent, false) });
            continue;
        }
        if is_kept {
            nodes[index as usize].after = index + 1;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return (nodes, defect, depth);
            }
            if let Some((index, true)) = open.pop() {
                nodes[index as usize].after = nodes.len() as u32;
            }
        }
    }
}
