//! What is remembered, what is not, and what a broken cache does: nothing.

use super::*;

fn ask(directory: &Path, content: &str, options: &str, value: u32) -> (u32, bool) {
    let mut is_computed = false;
    let files = [("a.py".to_owned(), content.as_bytes())];
    let answer = Question::new("test", &options).files(&files).answer_in(directory, || {
        is_computed = true;
        value
    });
    (answer, is_computed)
}

#[test]
fn the_same_question_is_answered_once_and_another_one_anew() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let directory = directory.path().join("made");
    assert_eq!(ask(&directory, "x", "all", 1), (1, true));
    assert_eq!(ask(&directory, "x", "all", 2), (1, false));
    assert_eq!(ask(&directory, "y", "all", 3), (3, true));
    assert_eq!(ask(&directory, "x", "io", 4), (4, true));
}

#[test]
fn a_broken_entry_is_replaced() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let directory = directory.path();
    ask(directory, "x", "all", 1);
    let path = fs::read_dir(directory).expect("there").flatten().next().expect("one entry").path();
    for broken in [&b""[..], b"short", &[0; 64], &fs::read(&path).expect("there")[..DIGEST_BYTES]] {
        fs::write(&path, broken).expect("writable");
        assert_eq!(ask(directory, "x", "all", 5), (5, true));
        assert_eq!(ask(directory, "x", "all", 6), (5, false));
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_as_good_as_none() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let below = file.path().join("below");
    assert_eq!(ask(&below, "x", "all", 1), (1, true));
    assert_eq!(ask(&below, "x", "all", 2), (2, true));
}

#[test]
fn the_oldest_entries_make_room() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, age) in [("old", 100), ("new", 1)] {
        let path = directory.path().join(name);
        fs::write(&path, [0; 100]).expect("writable");
        let time = SystemTime::now() - std::time::Duration::from_secs(age);
        File::options().write(true).open(&path).and_then(|file| file.set_modified(time)).expect("own file");
    }
    prune(directory.path(), 150);
    let left: Vec<_> = fs::read_dir(directory.path()).expect("there").flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["new"]);
}

#[test]
fn writers_beside_each_other_leave_a_whole_entry() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(ask(directory.path(), "x", "all", 7).0, 7));
        }
    });
    assert_eq!(ask(directory.path(), "x", "all", 8), (7, false));
}
