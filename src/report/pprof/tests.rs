use std::fmt::Write as _;
use std::io::Read;

use flate2::read::GzDecoder;

use super::*;
use crate::report::sample;

fn decoded(report: &Report) -> protos::Profile {
    let mut out = vec![];
    write(report, &mut out).expect("memory takes every byte");
    let mut bytes = vec![];
    GzDecoder::new(out.as_slice()).read_to_end(&mut bytes).expect("gzip");
    protos::Profile::decode(bytes.as_slice()).expect("a profile")
}

/// The profile as `go tool pprof -raw` tells it.
fn shown(profile: &protos::Profile) -> String {
    let string = |index: i64| &profile.string_table[index as usize];
    let mut text = String::new();
    for kind in &profile.sample_type {
        write!(text, "{}/{} ", string(kind.ty), string(kind.unit)).expect("text");
    }
    text.push('\n');
    for sample in &profile.sample {
        writeln!(text, "{:?}", sample.value).expect("text");
        for id in &sample.location_id {
            let line = &profile.location[*id as usize - 1].line[0];
            let function = &profile.function[line.function_id as usize - 1];
            writeln!(text, "    {} {}:{}", string(function.name), string(function.filename), line.line).expect("text");
        }
    }
    text
}

#[test]
fn samples_are_stacks_down_to_the_line_leaf_first() {
    insta::assert_snapshot!(shown(&decoded(&sample::tutorial())));
}

#[test]
fn ids_are_counted_from_one_and_refer_to_what_is_there() {
    for report in [sample::tutorial(), sample::hostile(), sample::static_only(), sample::overlapping()] {
        let profile = decoded(&report);
        assert_eq!(profile.string_table[0], "");
        assert!(profile.function.iter().map(|function| function.id).eq(1..=profile.function.len() as u64));
        assert!(profile.location.iter().map(|location| location.id).eq(1..=profile.location.len() as u64));
        assert!(profile.location.iter().all(|location| location.mapping_id == profile.mapping[0].id));
        assert!(profile.sample.iter().all(|sample| sample.value.len() == profile.sample_type.len()));
        assert_eq!(profile.string_table[profile.default_sample_type as usize], "wall");
    }
}

#[test]
fn lines_of_one_function_are_one_function() {
    let profile = decoded(&sample::tutorial());
    let names = profile.function.iter().map(|function| profile.string_table[function.name as usize].as_str());
    assert_eq!(names.filter(|name| *name == "query_users").count(), 1);
    assert_eq!(profile.location.len(), 6);
}

#[test]
fn cpu_time_that_was_not_measured_is_no_column() {
    assert_eq!(decoded(&sample::overlapping()).sample_type.len(), 2);
}

#[test]
fn no_control_character_is_in_a_string() {
    let profile = decoded(&sample::hostile());
    assert!(profile.string_table.iter().all(|text| !text.contains(char::is_control)), "{:?}", profile.string_table);
}

/// pprof strips what stands in angle brackets from names that equal the system's name.
#[test]
fn module_level_code_keeps_its_name() {
    let mut report = sample::tutorial();
    report.profile.as_mut().expect("the tutorial ran").cpu.frames[0].symbol = "<module>".into();
    let profile = decoded(&report);
    assert!(shown(&profile).contains("    <module> tests/test_performance.py:8"));
    assert!(profile.function.iter().all(|function| function.system_name == 0));
}
