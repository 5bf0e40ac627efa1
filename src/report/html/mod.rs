//! The report as one page: opens anywhere, loads nothing, works without scripts, in print and for screen readers.
//! Its layout is in `templates/html/`; every value is escaped there but the constants and the data block.

mod compared;
mod constants;
mod findings;
mod flame;
mod graphs;
mod hot;
mod memory;
mod method;
mod page;
mod queries;
mod raw;
mod trends;
mod verdict;

use std::io::{self, Write};

use handlebars::Handlebars;

use crate::model::Dashboard;
use crate::support::printable::printable;

/// The page and its sections, by the names the page includes them under.
const TEMPLATES: &[(&str, &str)] = &[
    ("page", include_str!("../../../templates/html/page.hbs")),
    ("verdict", include_str!("../../../templates/html/verdict.hbs")),
    ("hot", include_str!("../../../templates/html/hot.hbs")),
    ("findings", include_str!("../../../templates/html/findings.hbs")),
    ("compared", include_str!("../../../templates/html/compared.hbs")),
    ("trends", include_str!("../../../templates/html/trends.hbs")),
    ("lines", include_str!("../../../templates/html/lines.hbs")),
    ("memory", include_str!("../../../templates/html/memory.hbs")),
    ("queries", include_str!("../../../templates/html/queries.hbs")),
    ("flame", include_str!("../../../templates/html/flame.hbs")),
    ("method", include_str!("../../../templates/html/method.hbs")),
];

/// Writes the page.
pub fn write(dashboard: &Dashboard, out: &mut dyn Write) -> io::Result<()> {
    let mut handlebars = Handlebars::new();
    handlebars.register_escape_fn(|text| handlebars::html_escape(&printable(text)));
    for (name, template) in TEMPLATES {
        handlebars.register_template_string(name, template).map_err(io::Error::other)?;
    }
    let page = handlebars.render("page", &page::Page::of(dashboard)?).map_err(io::Error::other)?;
    out.write_all(page.as_bytes())
}

#[cfg(test)]
mod tests;
