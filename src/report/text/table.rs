//! Columns of equal width. Figures stand right, words left; the last column takes what is left of the line.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::page::Page;
use crate::support::printable::printable;

/// The last column keeps this much however narrow the terminal is.
const LAST_WIDTH_MIN: usize = 20;

/// On which side of its column a cell stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Rows under a header.
pub(super) struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(columns: &[(&'static str, Side)]) -> Self {
        Self { columns: columns.to_vec(), rows: vec![] }
    }

    /// Adds a row with a cell for each column; cells are made printable.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells.into_iter().map(|cell| printable(&cell).into_owned()).collect());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes header and rows, indented by two.
    pub(super) fn write(&self, page: &mut Page) {
        let widths = self.widths();
        let header: Vec<_> = self.columns.iter().map(|(name, _)| (*name).to_string()).collect();
        let line = page.style.secondary(&self.line(page, &header, &widths));
        page.line(&format!("  {line}"));
        for row in &self.rows {
            let line = self.line(page, row, &widths);
            page.line(&format!("  {line}"));
        }
    }

    fn widths(&self) -> Vec<usize> {
        let cells = |index: usize| self.rows.iter().map(move |row| row[index].width());
        let columns = self.columns.iter().enumerate();
        columns.map(|(index, (name, _))| cells(index).fold(name.width(), usize::max)).collect()
    }

    fn line(&self, page: &Page, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                line.push_str("  ");
            }
            let is_last = index + 1 == cells.len();
            let cell = if is_last { shortened(page, cell, line.width() + 2) } else { cell.clone() };
            let gap = " ".repeat(widths[index].saturating_sub(cell.width()));
            match self.columns[index].1 {
                Side::Left if is_last => line.push_str(&cell),
                Side::Left => line.extend([cell.as_str(), gap.as_str()]),
                Side::Right => line.extend([gap.as_str(), cell.as_str()]),
            }
        }
        line.trim_end().to_string()
    }
}

/// Cuts a cell to the rest of the line, where the stream is a terminal.
fn shortened(page: &Page, cell: &str, used: usize) -> String {
    let room = page.style.width.saturating_sub(used).max(LAST_WIDTH_MIN);
    if !page.style.is_fitted || cell.width() <= room {
        return cell.to_string();
    }
    let end = page.style.text("…").into_owned();
    let mut width = end.width();
    let mut text = String::new();
    for character in cell.chars() {
        width += character.width().unwrap_or(0);
        if width > room {
            break;
        }
        text.push(character);
    }
    text + &end
}
