use super::*;
use crate::report::sample;

fn text(report: &Report, style: &Style) -> String {
    let mut out = vec![];
    write(report, style, &mut out).expect("memory takes every text");
    String::from_utf8(out).expect("text is UTF-8")
}

fn plain(report: &Report) -> String {
    text(report, &Style::plain())
}

/// An 80-column terminal with everything on.
fn terminal() -> Style {
    Style { colour: true, unicode: true, width: 80, is_fitted: true, hyperlinks: false }
}

#[test]
fn the_tutorial_reads_as_the_tutorial_says() {
    insta::assert_snapshot!(plain(&sample::tutorial()));
}

#[test]
fn details_follow_each_function_and_stand_in_tables() {
    insta::assert_snapshot!(plain(&sample::detailed()));
}

#[test]
fn a_terminal_of_80_columns_gets_colours_and_wrapped_lines() {
    insta::assert_snapshot!(text(&sample::detailed(), &terminal()).replace('\u{1b}', "␛"));
}

#[test]
fn nothing_found_says_what_was_looked_at() {
    insta::assert_snapshot!(plain(&sample::nothing_found()));
}

#[test]
fn an_empty_project_is_told_so() {
    insta::assert_snapshot!(plain(&sample::empty()));
}

#[test]
fn findings_without_a_run_claim_no_times() {
    insta::assert_snapshot!(plain(&sample::static_only()));
}

#[test]
fn functions_whose_intervals_overlap_share_a_rank() {
    insta::assert_snapshot!(plain(&sample::overlapping()));
}

#[test]
fn a_failed_run_is_not_shown_as_a_good_one() {
    insta::assert_snapshot!(plain(&sample::failed()));
}

#[test]
fn memory_alone_has_its_own_title_and_admits_what_it_does_not_know() {
    let report = Report { categories: vec![crate::model::Category::Memory], findings: vec![], ..sample::tutorial() };
    insta::assert_snapshot!(plain(&report));
}

#[test]
fn memory_reads_as_the_tutorial_says() {
    insta::assert_snapshot!(plain(&sample::memory()));
}

#[test]
fn hostile_names_stay_text() {
    let shown = plain(&sample::hostile());
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "control characters in\n{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn ascii_streams_get_ascii_alone() {
    let shown = text(&sample::detailed(), &Style { unicode: false, ..Style::plain() });
    assert!(shown.is_ascii(), "not ASCII:\n{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn nothing_is_cut_when_piped_and_all_is_listed_with_details() {
    let mut report = sample::many();
    let short = plain(&report);
    assert!(short.contains("290 more functions with --detailed"), "{short}");
    report.is_detailed = true;
    let long = plain(&report);
    assert!(!long.contains('…'), "{long}");
    for index in 0..300 {
        assert!(long.contains(&format!(" - load_{index}() - ")), "load_{index} is missing");
    }
}

#[test]
fn a_fitted_stream_keeps_tables_within_its_width() {
    use unicode_width::UnicodeWidthStr;
    for width in [80, 120, 200] {
        let shown = text(&sample::detailed(), &Style { colour: false, width, ..terminal() });
        let tables = shown.split("Lines:").nth(1).expect("there are tables");
        for line in tables.lines() {
            // The last column keeps 20 columns even where the ones before leave less.
            assert!(line.width() <= width.max(100), "{width}: {line}");
        }
    }
}

#[test]
fn a_remark_without_room_stands_on_its_own_line() {
    let shown = text(&sample::tutorial(), &Style { width: 70, colour: true, hyperlinks: true, ..terminal() });
    assert!(shown.contains("of time, ±3)\n     \u{1b}[2mmostly waiting"), "{shown}");
}

#[test]
fn a_path_is_named_in_full_where_the_short_one_would_mean_another_file() {
    let mut report = sample::tutorial();
    let profile = report.profile.as_mut().expect("the tutorial ran");
    profile.cpu.frames[0].path = "database.py".into();
    let shown = plain(&report);
    assert!(shown.contains(" src/database.py:45 - query_users()"), "{shown}");
    assert!(shown.contains(" api.py:23 - serialize_response()"), "{shown}");
}

#[test]
fn paths_are_relative_to_the_project_unless_one_directory_was_asked_about() {
    let report = Report { paths: vec![".".into()], ..sample::tutorial() };
    assert!(plain(&report).contains(" src/database.py:45 - query_users() - 1500ms (75% of time, ±3)"));
    let report = Report { paths: vec!["src".into(), "tests".into()], ..sample::tutorial() };
    assert!(plain(&report).contains(" src/database.py:45 - query_users()"));
}

#[test]
fn links_open_the_file_where_it_lies() {
    let shown = text(&sample::tutorial(), &Style { hyperlinks: true, ..Style::plain() });
    assert!(shown.contains("]8;;file:///projects/slow-api/src/database.py\u{1b}\\database.py:45\u{1b}]8;;"), "{shown}");
}
