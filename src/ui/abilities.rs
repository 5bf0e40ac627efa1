//! Decides what a stream can show, from flags, variables and the terminal, in this order.

use std::str::FromStr;

use super::{Style, Surroundings};

/// Columns where no terminal tells.
const DEFAULT_WIDTH: usize = 80;
/// A terminal that claims less is not one to lay tables out for.
const WIDTH_MIN: usize = 40;

/// The value of `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourChoice {
    /// Colour where a terminal shows it.
    #[default]
    Auto,
    /// Colour everywhere.
    Always,
    /// No escape codes at all.
    Never,
}

/// A value that `--color` does not take.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no choice of colour; the choices are auto, always, never")]
pub struct UnknownColourChoice {
    /// What was given.
    pub name: String,
}

impl FromStr for ColourChoice {
    type Err = UnknownColourChoice;

    fn from_str(name: &str) -> Result<Self, UnknownColourChoice> {
        match name {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(UnknownColourChoice { name: name.to_string() }),
        }
    }
}

/// What a stream that is, or is not, a terminal can show.
pub(super) fn style(choice: ColourChoice, is_ascii: bool, is_terminal: bool, around: &Surroundings) -> Style {
    Style {
        colour: has_colour(choice, is_terminal, around),
        unicode: !is_ascii && has_unicode(around),
        width: width(is_terminal, around),
        is_fitted: is_terminal,
        hyperlinks: choice != ColourChoice::Never && has_hyperlinks(is_terminal, around),
    }
}

fn has_colour(choice: ColourChoice, is_terminal: bool, around: &Surroundings) -> bool {
    match choice {
        ColourChoice::Always => true,
        ColourChoice::Never => false,
        ColourChoice::Auto if around.variable("NO_COLOR").is_some() => false,
        ColourChoice::Auto if around.is_on("FORCE_COLOR") || around.is_on("CLICOLOR_FORCE") => true,
        ColourChoice::Auto => is_terminal && !around.is_dumb() && around.variable("CLICOLOR") != Some("0"),
    }
}

/// A locale that is named and is not UTF-8 gets ASCII, and so does the Linux console, whose font has no symbols.
/// Without any locale, as in most containers, UTF-8 is what reads the output.
fn has_unicode(around: &Surroundings) -> bool {
    if around.variable("TERM") == Some("linux") {
        return false;
    }
    let Some(locale) = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| around.variable(name)) else {
        return true;
    };
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

fn width(is_terminal: bool, around: &Surroundings) -> usize {
    let columns = around.variable("COLUMNS").and_then(|columns| columns.parse().ok());
    let terminal = around.terminal_width.filter(|_| is_terminal);
    columns.or(terminal).filter(|width| *width > 0).unwrap_or(DEFAULT_WIDTH).max(WIDTH_MIN)
}

/// Only terminals that are known to have them: others print the address.
fn has_hyperlinks(is_terminal: bool, around: &Surroundings) -> bool {
    if around.variable("FORCE_HYPERLINK").is_some() {
        return around.is_on("FORCE_HYPERLINK");
    }
    if !is_terminal || around.is_dumb() || around.is_on("CI") {
        return false;
    }
    let program = around.variable("TERM_PROGRAM").unwrap_or_default();
    if around.variable("TMUX").is_some() {
        return program == "tmux" && tmux_version(around) >= (3, 4);
    }
    // VTE 0.50 brought them; its versions are written 5000 for 0.50.0.
    let vte = around.variable("VTE_VERSION").and_then(|version| version.parse::<u32>().ok());
    let term = around.variable("TERM").unwrap_or_default();
    matches!(program, "iTerm.app" | "WezTerm" | "vscode" | "ghostty" | "Hyper")
        || matches!(term, "xterm-kitty" | "xterm-ghostty" | "alacritty" | "foot")
        || around.variable("WT_SESSION").is_some()
        || vte.is_some_and(|version| version >= 5000)
}

/// `3.4` of `3.4`, `3.4a` and `next-3.4`.
fn tmux_version(around: &Surroundings) -> (u32, u32) {
    let version = around.variable("TERM_PROGRAM_VERSION").unwrap_or_default();
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
