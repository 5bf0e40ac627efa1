use super::*;
use crate::report::sample;

fn markdown(report: &Report) -> String {
    let mut out = vec![];
    write(report, &mut out).expect("memory takes every text");
    String::from_utf8(out).expect("text is UTF-8")
}

#[test]
fn the_page_has_the_sections_of_the_text() {
    insta::assert_snapshot!(markdown(&sample::detailed()));
}

#[test]
fn findings_without_a_run_claim_no_times() {
    insta::assert_snapshot!(markdown(&sample::static_only()));
}

#[test]
fn nothing_found_says_what_was_looked_at() {
    insta::assert_snapshot!(markdown(&sample::nothing_found()));
}

#[test]
fn functions_whose_intervals_overlap_share_a_rank() {
    insta::assert_snapshot!(markdown(&sample::overlapping()));
}

#[test]
fn memory_alone_has_its_own_title_and_no_times_of_functions() {
    let report = Report { categories: vec![crate::model::Category::Memory], findings: vec![], ..sample::tutorial() };
    insta::assert_snapshot!(markdown(&report));
}

#[test]
fn hostile_names_are_not_markup() {
    let page = markdown(&sample::hostile());
    assert!(page.chars().all(|c| c == '\n' || !c.is_control()), "{page}");
    for markup in ["<script", "</script", "</summary><img", "<b>"] {
        assert!(!page.contains(markup), "{markup} in\n{page}");
    }
    insta::assert_snapshot!(page);
}

#[test]
fn every_row_of_a_table_has_its_columns() {
    for line in markdown(&sample::hostile()).lines().filter(|line| line.starts_with('|')) {
        let unescaped = line.replace("\\\\", "").replace("\\|", "");
        assert!([3, 4, 7, 8].contains(&unescaped.matches('|').count()), "{line}");
    }
}

#[test]
fn mentions_links_and_references_are_not_made() {
    assert_eq!(escaped("@team #12 http://h/ [a](b) a|b\nc"), "&#64;team \\#12 http&#58;//h/ \\[a\\](b) a\\|b\\\\nc");
    assert_eq!(escaped("- a"), "\\- a");
}
