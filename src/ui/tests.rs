use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::MultiProgress;

use super::progress::Manner;
use super::stdout::Pipe;
use super::*;

type Variables<'a> = &'a [(&'a str, &'a str)];

fn around(variables: Variables, is_terminal: bool) -> Surroundings {
    Surroundings {
        variables: variables.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect(),
        is_stdout_terminal: is_terminal,
        is_stderr_terminal: is_terminal,
        terminal_width: is_terminal.then_some(120),
    }
}

fn style(choice: ColourChoice, variables: Variables, is_terminal: bool) -> Style {
    abilities::style(choice, false, is_terminal, &around(variables, is_terminal))
}

/// A stream whose content can be looked at.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no test panics while writing").clone()).expect("UTF-8")
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics while writing").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader that has gone away.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

/// A disk without room.
struct Full;

impl Write for Full {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn ui(options: Options, variables: Variables, is_terminal: bool) -> (Ui, Memory) {
    let stderr = Memory::default();
    let ui = Ui::on(options, &around(variables, is_terminal), Box::new(io::sink()), Box::new(stderr.clone()));
    (ui, stderr)
}

#[test]
fn the_flag_outranks_variables_and_variables_outrank_the_terminal() {
    use ColourChoice::{Always, Auto, Never};
    let cases: &[(ColourChoice, Variables, bool, bool)] = &[
        (Auto, &[], true, true),
        (Auto, &[], false, false),
        (Auto, &[("NO_COLOR", "1")], true, false),
        (Auto, &[("NO_COLOR", "")], true, true),
        (Auto, &[("FORCE_COLOR", "1")], false, true),
        (Auto, &[("CLICOLOR_FORCE", "1")], false, true),
        (Auto, &[("FORCE_COLOR", "0")], false, false),
        (Auto, &[("NO_COLOR", "1"), ("FORCE_COLOR", "1")], true, false),
        (Auto, &[("TERM", "dumb")], true, false),
        (Auto, &[("CLICOLOR", "0")], true, false),
        (Always, &[("NO_COLOR", "1")], false, true),
        (Never, &[("FORCE_COLOR", "1")], true, false),
    ];
    for (choice, variables, is_terminal, expected) in cases {
        let colour = style(*choice, variables, *is_terminal).colour;
        assert_eq!(colour, *expected, "{choice:?} {variables:?} terminal: {is_terminal}");
    }
}

#[test]
fn symbols_need_a_locale_that_has_them() {
    let cases: &[(Variables, bool)] = &[
        (&[], true),
        (&[("LANG", "en_GB.UTF-8")], true),
        (&[("LANG", "C.utf8")], true),
        (&[("LANG", "C")], false),
        (&[("LANG", "de_DE.ISO-8859-1")], false),
        (&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")], false),
        (&[("LC_CTYPE", "en_GB.UTF-8"), ("LANG", "C")], true),
        (&[("LC_ALL", ""), ("LANG", "en_GB.UTF-8")], true),
        (&[("TERM", "linux"), ("LANG", "en_GB.UTF-8")], false),
    ];
    for (variables, expected) in cases {
        assert_eq!(style(ColourChoice::Auto, variables, true).unicode, *expected, "{variables:?}");
    }
    assert!(!abilities::style(ColourChoice::Auto, true, true, &around(&[("LANG", "C.UTF-8")], true)).unicode);
}

#[test]
fn the_width_is_the_variables_then_the_terminals_then_80() {
    let width = |variables: Variables, is_terminal| style(ColourChoice::Auto, variables, is_terminal).width;
    assert_eq!(width(&[("COLUMNS", "200")], true), 200);
    assert_eq!(width(&[], true), 120);
    assert_eq!(width(&[], false), 80);
    assert_eq!(width(&[("COLUMNS", "wide")], false), 80);
    assert_eq!(width(&[("COLUMNS", "0")], false), 80);
    assert_eq!(width(&[("COLUMNS", "3")], true), 40);
}

#[test]
fn nothing_is_fitted_to_a_width_when_piped() {
    assert!(style(ColourChoice::Auto, &[], true).is_fitted);
    assert!(!style(ColourChoice::Always, &[("COLUMNS", "100")], false).is_fitted);
}

#[test]
fn links_are_for_terminals_known_to_have_them() {
    let cases: &[(Variables, bool, bool)] = &[
        (&[], true, false),
        (&[("TERM_PROGRAM", "WezTerm")], true, true),
        (&[("TERM_PROGRAM", "WezTerm")], false, false),
        (&[("TERM_PROGRAM", "WezTerm"), ("CI", "true")], true, false),
        (&[("VTE_VERSION", "7200")], true, true),
        (&[("VTE_VERSION", "4602")], true, false),
        (&[("TERM", "xterm-kitty")], true, true),
        (&[("TMUX", "x"), ("TERM_PROGRAM", "tmux"), ("TERM_PROGRAM_VERSION", "3.3a")], true, false),
        (&[("TMUX", "x"), ("TERM_PROGRAM", "tmux"), ("TERM_PROGRAM_VERSION", "3.4")], true, true),
        (&[("TMUX", "x"), ("VTE_VERSION", "7200")], true, false),
        (&[("FORCE_HYPERLINK", "1")], false, true),
        (&[("FORCE_HYPERLINK", "0"), ("TERM_PROGRAM", "WezTerm")], true, false),
    ];
    for (variables, is_terminal, expected) in cases {
        let links = style(ColourChoice::Auto, variables, *is_terminal).hyperlinks;
        assert_eq!(links, *expected, "{variables:?} terminal: {is_terminal}");
    }
    assert!(!style(ColourChoice::Never, &[("TERM_PROGRAM", "WezTerm")], true).hyperlinks);
}

#[test]
fn colour_choices_are_read_by_name() {
    assert_eq!("never".parse(), Ok(ColourChoice::Never));
    let error = "maybe".parse::<ColourChoice>().expect_err("no such choice");
    assert_eq!(error.to_string(), "`maybe` is no choice of colour; the choices are auto, always, never");
}

#[test]
fn quiet_hides_notes_first_and_errors_never() {
    let said = |quiet| {
        let (ui, stderr) = ui(Options { quiet, ..Options::default() }, &[], false);
        ui.note("12 files scanned");
        ui.warning("one file could not be read");
        ui.error(
            "cannot record the workload",
            Some("`python` did not start"),
            Some("name an interpreter with --python"),
        );
        stderr.text()
    };
    let error = "error: cannot record the workload\n  cause: `python` did not start\n  hint: name an interpreter with --python\n";
    let warning = "warning: one file could not be read\n";
    assert_eq!(said(0), format!("note: 12 files scanned\n{warning}{error}"));
    assert_eq!(said(1), format!("{warning}{error}"));
    assert_eq!(said(2), error);
}

#[test]
fn messages_of_several_lines_are_indented_and_never_steer_the_terminal() {
    let (ui, stderr) = ui(Options::default(), &[], false);
    ui.warning("first\nsecond \u{1b}[31m\n");
    assert_eq!(stderr.text(), "warning: first\n    second \\x1b[31m\n");
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let ui = Ui::on(Options::default(), &around(&[], false), Box::new(Closed), Box::new(io::sink()));
    assert!(!ui.is_stdout_closed());
    ui.stdout().write_all(b"one line\n").expect("quiet");
    ui.stdout().flush().expect("quiet");
    assert!(ui.is_stdout_closed());
}

#[test]
fn a_full_disk_is_an_error() {
    let ui = Ui::on(Options::default(), &around(&[], false), Box::new(Full), Box::new(io::sink()));
    let error = ui.stdout().write_all(b"one line\n").expect_err("no room");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(!ui.is_stdout_closed());
}

#[test]
fn progress_moves_in_a_terminal_only() {
    let manner = |quiet, variables: Variables, is_terminal| Manner::of(quiet, &around(variables, is_terminal));
    let plain = Manner::Plain(Duration::from_secs(10));
    assert_eq!(manner(0, &[], true), Manner::Moving);
    assert_eq!(manner(0, &[], false), Manner::Silent);
    assert_eq!(manner(0, &[("CI", "true")], true), plain);
    assert_eq!(manner(0, &[("CI", "true")], false), plain);
    assert_eq!(manner(0, &[("CI", "false")], false), Manner::Silent);
    assert_eq!(manner(0, &[("TERM", "dumb")], true), plain);
    assert_eq!(manner(1, &[], true), Manner::Silent);
    assert_eq!(manner(1, &[("CI", "true")], false), Manner::Silent);
}

#[test]
fn progress_that_is_not_shown_writes_nothing() {
    let (ui, stderr) = ui(Options::default(), &[], false);
    let progress = ui.progress("scanning");
    progress.message("running");
    progress.position(1, 2);
    drop(progress);
    assert_eq!(stderr.text(), "");
}

#[test]
fn plain_progress_is_a_line_now_and_then_until_it_ends() {
    let memory = Memory::default();
    let stderr = Arc::new(Mutex::new(Pipe::new(Box::new(memory.clone()))));
    let manner = Manner::Plain(Duration::from_millis(1));
    let progress = Progress::start(manner, &Style::plain(), &MultiProgress::new(), &stderr, "scanning");
    progress.position(3, 12);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !memory.text().contains("scanning 3/12 (") && Instant::now() < deadline {
        std::thread::yield_now();
    }
    drop(progress);
    let said = memory.text();
    assert!(said.contains("scanning 3/12 (0s)\n"), "{said}");
    assert!(said.lines().all(|line| line.starts_with("scanning")), "{said}");
}
