use super::*;

const EVENTS: &str = include_str!("python/cmdx_agent/events.py");

/// The value that `events.py` gives to a name, alone or in a row (`A, B = 1, 2`).
fn python_constant(name: &str) -> String {
    for line in EVENTS.lines() {
        let Some((names, values)) = line.split_once(" = ") else { continue };
        if names.split(", ").eq([name]) {
            return values.to_owned();
        }
        if let Some(at) = names.split(", ").position(|each| each == name) {
            return values.split(", ").nth(at).expect("as many values as names").to_owned();
        }
    }
    panic!("events.py has no `{name}`");
}

#[test]
fn both_sides_agree_on_every_number() {
    let numbers = [
        ("VERSION", VERSION),
        ("SLOT_BYTES", SLOT_BYTES as u32),
        ("TEXT_BYTES", TEXT_BYTES as u32),
        ("HEADER", HEADER.into()),
        ("TEXT", TEXT.into()),
        ("ACTIVATION", ACTIVATION.into()),
        ("SCOPE", SCOPE.into()),
        ("QUERY", QUERY.into()),
        ("SUMMARY", SUMMARY.into()),
        ("CODE", CLASS_CODE.into()),
        ("NOTE", CLASS_NOTE.into()),
        ("IS_CONTEXT", FLAG_IS_CONTEXT),
    ];
    for (name, number) in numbers {
        assert_eq!(python_constant(name), number.to_string(), "{name}");
    }
    assert_eq!(python_constant("UNKNOWN_ROWS"), format!("0x{UNKNOWN_ROWS:X}"));
    assert_eq!(python_constant("MAGIC"), r#"b"CMDXEVT\x01""#);
    for (number, name) in DRIVERS {
        let constant = name.to_uppercase().replace('.', "_");
        assert_eq!(python_constant(&constant), number.to_string());
    }
    let operations = [
        ("EXECUTE", Operation::Execute),
        ("EXECUTE_MANY", Operation::ExecuteMany),
        ("SCRIPT", Operation::Script),
        ("COMMIT", Operation::Commit),
        ("CONNECT", Operation::Connect),
        ("HTTP", Operation::Http),
    ];
    for (name, expected) in operations {
        assert_eq!(operation(python_constant(name).parse().expect("a number")), Some(expected), "{name}");
    }
}

/// Bytes that a `struct` form of Python takes, without alignment.
fn form_bytes(form: &str) -> usize {
    let (mut total, mut count) = (0, None);
    for letter in form.trim_matches('"').trim_start_matches('<').chars() {
        if let Some(digit) = letter.to_digit(10) {
            count = Some(count.unwrap_or(0) * 10 + digit as usize);
            continue;
        }
        let size = match letter {
            'B' | 's' | 'x' => 1,
            'H' => 2,
            'I' => 4,
            'Q' | 'q' => 8,
            other => panic!("unknown letter `{other}`"),
        };
        total += size * count.take().unwrap_or(1);
    }
    total
}

#[test]
fn every_form_fills_a_slot_and_ends_in_its_kind() {
    for name in ["HEADER_FORM", "TEXT_FORM", "ACTIVATION_FORM", "SCOPE_FORM", "QUERY_FORM", "SUMMARY_FORM"] {
        let form = python_constant(name);
        assert_eq!(form_bytes(&form), SLOT_BYTES, "{name}");
        assert!(form.ends_with("B\""), "{name}");
    }
}

fn slot(kind: u8, parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut slot = vec![0; SLOT_BYTES];
    for (at, bytes) in parts {
        slot[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    slot[SLOT_BYTES - 1] = kind;
    slot
}

fn header() -> Vec<u8> {
    slot(HEADER, &[(0, &MAGIC), (8, &[1]), (12, &[7]), (20, &[0xf0, 7, 11, 3])])
}

#[test]
fn a_text_over_several_slots_is_joined_and_torn_slots_are_passed_over() {
    let mut bytes = header();
    bytes.extend(slot(TEXT, &[(0, &[b'a'; 52]), (56, &[52, 1])]));
    bytes.extend(slot(0, &[(0, b"torn")]));
    bytes.extend(slot(TEXT, &[(0, b"bc"), (52, &[1]), (56, &[2, 1, 1])]));
    bytes.extend(slot(TEXT, &[(0, b"m.py\0f\x0012"), (56, &[9, 2, 1])]));
    bytes.extend([5; 30]);
    let process = read(&bytes).expect("an event file");
    assert_eq!((process.pid, process.python), (7, (3, 11, 7)));
    assert_eq!(process.texts[&1], format!("{}bc", "a".repeat(52)));
    assert_eq!(process.codes[&4], Code { path: "m.py".into(), name: "f".into(), first_line: 12 });
}

#[test]
fn foreign_damaged_and_empty_files_do_no_harm() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, bytes: &[u8]| std::fs::write(directory.path().join(name), bytes).expect("writable");
    write("a.txt", b"not ours");
    write("empty.events", b"");
    write("zeros.events", &[0; 4096]);
    write("good.events", &header());
    write("short.events", &header()[..40]);
    let mut newer = header();
    newer[8] = 9;
    write("newer.events", &newer);
    let noise: Vec<u8> =
        header().into_iter().chain((0..64_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)).collect();
    write("noise.events", &noise);
    let (processes, problems) = read_directory(directory.path());
    assert_eq!(processes.len(), 2);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert_eq!(read_directory(&directory.path().join("missing")).1.len(), 1);
}
