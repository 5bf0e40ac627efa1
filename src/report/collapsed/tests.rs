use super::*;
use crate::report::sample;

fn collapsed(report: &Report) -> String {
    let mut out = vec![];
    write(report, &mut out).expect("memory takes every text");
    String::from_utf8(out).expect("text is UTF-8")
}

#[test]
fn stacks_are_folded_by_function_in_microseconds() {
    insta::assert_snapshot!(collapsed(&sample::tutorial()));
}

#[test]
fn hostile_names_keep_to_their_frame() {
    let folded = collapsed(&sample::hostile());
    assert_eq!(folded.lines().count(), 3);
    insta::assert_snapshot!(folded);
}

#[test]
fn nothing_measured_is_an_empty_file() {
    assert_eq!(collapsed(&sample::static_only()), "");
}
