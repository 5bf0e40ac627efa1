//! What must hold at every instant: each file old or new, nothing lost, everything restorable to the byte.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::*;

const OLD: [&[u8]; 3] = [b"\xef\xbb\xbfx = [1]\r\n", b"# -*- coding: latin-1 -*-\nname = '\xe9'\n", b"\tno newline"];
const NEW: [&[u8]; 3] = [b"\xef\xbb\xbfx = {1}\r\n", b"# -*- coding: latin-1 -*-\nname = '\xe8'\n", b"\tnew"];

/// A project of three files with their own modes and times.
struct Project {
    root: PathBuf,
    _directory: Option<tempfile::TempDir>,
}

impl Project {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = fs::canonicalize(directory.path()).expect("just made");
        let project = Self { root, _directory: Some(directory) };
        fs::create_dir_all(project.root.join("src")).expect("writable");
        fs::create_dir_all(project.state()).expect("writable");
        for (index, content) in OLD.iter().enumerate() {
            let path = project.path(index);
            fs::write(&path, content).expect("writable");
            fs::set_permissions(&path, Permissions::from_mode([0o644, 0o755, 0o600][index])).expect("own file");
            let time = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000 + index as u64, 123_456_789);
            fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(time)).expect("own file");
        }
        project
    }

    fn at(root: &str) -> Self {
        Self { root: root.into(), _directory: None }
    }

    fn state(&self) -> PathBuf {
        self.root.join(".cmdx")
    }

    fn path(&self, index: usize) -> PathBuf {
        self.root.join(name(index))
    }

    fn changes() -> Vec<Change> {
        let change =
            |index: usize| Change { path: name(index), before: OLD[index].to_vec(), after: NEW[index].to_vec() };
        (0..OLD.len()).map(change).collect()
    }

    fn prepare(&self, progress: &mut dyn FnMut(Step)) -> (Option<Prepared>, Vec<Refused>) {
        prepare(&self.root, &self.state(), &Self::changes(), "cmdx test", false, progress).expect("prepared")
    }

    fn implement(&self) -> String {
        let (prepared, refused) = self.prepare(&mut |_| {});
        assert!(refused.is_empty(), "{refused:?}");
        let prepared = prepared.expect("three files");
        let name = prepared.name();
        assert!(prepared.write(&mut |_| {}).expect("written").is_empty());
        prepared.commit(&mut |_| {}).expect("committed");
        name
    }

    /// Everything but the state: path, content, mode and time.
    fn tree(&self) -> Vec<(PathBuf, Vec<u8>, u32, i64, i64)> {
        let mut found = vec![];
        for entry in walkdir::WalkDir::new(&self.root).sort_by_file_name().into_iter().flatten() {
            if entry.file_type().is_dir() || entry.path().starts_with(self.state()) {
                continue;
            }
            let metadata = fs::metadata(entry.path()).expect("there");
            let content = fs::read(entry.path()).expect("readable");
            found.push((entry.path().to_path_buf(), content, metadata.mode(), metadata.mtime(), metadata.mtime_nsec()));
        }
        found
    }

    fn contents(&self) -> Vec<Vec<u8>> {
        self.tree().into_iter().map(|(_, content, ..)| content).collect()
    }
}

fn name(index: usize) -> String {
    format!("src/{index}.py")
}

#[test]
fn files_are_replaced_and_their_modes_kept() {
    let project = Project::new();
    project.implement();
    assert_eq!(project.contents(), NEW);
    let modes: Vec<u32> = project.tree().iter().map(|(_, _, mode, ..)| mode & 0o7777).collect();
    assert_eq!(modes, [0o644, 0o755, 0o600]);
    assert!(pending(&project.state()).expect("readable").is_empty());
}

#[test]
fn a_rollback_restores_bytes_mode_and_time() {
    let project = Project::new();
    let before = project.tree();
    let name = project.implement();
    fs::set_permissions(project.path(0), Permissions::from_mode(0o640)).expect("own file");
    let recovered = roll_back(&project.state(), None, "cmdx rollback", &mut |_| {}).expect("restored");
    assert_eq!(project.tree(), before);
    assert!(recovered.changed.is_empty(), "{recovered:?}");
    let again = roll_back(&project.state(), Some(&name), "cmdx rollback", &mut |_| {});
    assert!(matches!(again, Err(JournalError::NoBackup { .. })), "{again:?}");
}

#[test]
fn a_rollback_keeps_what_was_edited_since_in_a_backup_of_its_own() {
    let project = Project::new();
    let before = project.tree();
    project.implement();
    fs::write(project.path(1), "edited").expect("own file");
    fs::remove_file(project.path(2)).expect("own file");
    let recovered = roll_back(&project.state(), None, "cmdx rollback", &mut |_| {}).expect("restored");
    assert_eq!(project.tree(), before);
    assert_eq!(recovered.changed.len(), 2, "{recovered:?}");
    let backup = project.state().join("backups").join(recovered.backup.expect("one was made"));
    assert_eq!(fs::read(backup.join("files/0001")).expect("kept"), b"edited");
}

#[test]
fn backups_are_restored_by_name_and_only_the_newest_stay() {
    let project = Project::new();
    let names: Vec<String> = (0..4)
        .map(|_| {
            let name = project.implement();
            for (index, content) in OLD.iter().enumerate() {
                fs::write(project.path(index), content).expect("own file");
            }
            name
        })
        .collect();
    let listed: Vec<String> = backups(&project.state()).expect("readable").into_iter().map(|each| each.name).collect();
    assert_eq!(listed, names);
    prune(&project.state(), 2);
    let listed: Vec<String> = backups(&project.state()).expect("readable").into_iter().map(|each| each.name).collect();
    assert_eq!(listed, names[2..]);
    let missing = roll_back(&project.state(), Some("20200101T000000-1"), "cmdx", &mut |_| {}).expect_err("unknown");
    assert!(missing.hint().expect("a hint").contains(&names[3]), "{missing:?}");
}

#[test]
fn a_file_that_changed_since_the_scan_is_refused_and_the_others_go_on() {
    let project = Project::new();
    fs::write(project.path(1), "edited").expect("own file");
    let (prepared, refused) = project.prepare(&mut |_| {});
    assert_eq!(refused, [Refused { path: name(1), reason: "it changed since it was read".into() }]);
    let prepared = prepared.expect("two files");
    fs::write(project.path(2), "edited as well").expect("own file");
    let refused = prepared.write(&mut |_| {}).expect("written");
    assert_eq!(refused.len(), 1, "{refused:?}");
    prepared.commit(&mut |_| {}).expect("committed");
    assert_eq!(project.contents(), [NEW[0], b"edited", b"edited as well"]);
}

#[test]
fn hard_linked_files_are_refused() {
    let project = Project::new();
    fs::hard_link(project.path(1), project.root.join("other.py")).expect("same file system");
    let (prepared, refused) = project.prepare(&mut |_| {});
    let reasons: Vec<&str> = refused.iter().map(|each| each.reason.as_str()).collect();
    assert_eq!(reasons, ["the file has other names (hard links) that would keep the old content"]);
    prepared.expect("two files").undo(&mut |_| {}).expect("nothing to undo");
}

#[test]
fn read_only_files_are_refused_unless_the_system_lets_us_write_them() {
    let project = Project::new();
    fs::set_permissions(project.path(0), Permissions::from_mode(0o444)).expect("own file");
    let may_write = fs::File::options().append(true).open(project.path(0)).is_ok();
    let (prepared, refused) = project.prepare(&mut |_| {});
    let prepared = prepared.expect("at least two files");
    prepared.write(&mut |_| {}).expect("written");
    prepared.commit(&mut |_| {}).expect("committed");
    let content = fs::read(project.path(0)).expect("readable");
    if may_write {
        assert_eq!((content.as_slice(), refused.len()), (NEW[0], 0), "root writes it");
    } else {
        assert_eq!(refused, [Refused { path: name(0), reason: "it is read-only".into() }]);
        assert_eq!(content, OLD[0]);
    }
    assert_eq!(fs::metadata(project.path(0)).expect("there").permissions().mode() & 0o777, 0o444);
}

#[test]
fn a_link_stays_a_link_and_never_leads_out_of_the_project() {
    let project = Project::new();
    let outside = tempfile::tempdir().expect("a temporary directory");
    fs::write(outside.path().join("o.py"), OLD[0]).expect("writable");
    fs::rename(project.path(0), project.root.join("real.py")).expect("writable");
    symlink("../real.py", project.path(0)).expect("writable");
    fs::remove_file(project.path(1)).expect("own file");
    symlink(outside.path().join("o.py"), project.path(1)).expect("writable");
    let (prepared, refused) = project.prepare(&mut |_| {});
    assert_eq!(refused, [Refused { path: name(1), reason: "it is a link to a file outside the project".into() }]);
    let prepared = prepared.expect("two files");
    prepared.write(&mut |_| {}).expect("written");
    prepared.commit(&mut |_| {}).expect("committed");
    assert!(fs::symlink_metadata(project.path(0)).expect("there").is_symlink());
    assert_eq!(fs::read(project.root.join("real.py")).expect("there"), NEW[0]);
    assert_eq!(fs::read(outside.path().join("o.py")).expect("there"), OLD[0]);
}

#[test]
fn a_file_that_cannot_be_replaced_takes_the_others_back() {
    let project = Project::new();
    let before = project.tree();
    let (prepared, _) = project.prepare(&mut |_| {});
    let prepared = prepared.expect("three files");
    // What it becomes is gone: the second replacement fails after the first was made.
    fs::remove_file(project.state().join("backups").join(prepared.name()).join("new/0001")).expect("there");
    let error = prepared.write(&mut |_| {}).expect_err("the second fails");
    assert!(matches!(error, JournalError::NotWritten { .. }), "{error:?}");
    assert_eq!(project.tree(), before);
    assert!(pending(&project.state()).expect("readable").is_empty());
}

#[test]
fn a_second_cmdx_is_told_who_works_in_the_project() {
    let project = Project::new();
    let held = lock(&project.state(), "cmdx optimize --implement").expect("free");
    let Err(error) = lock(&project.state(), "cmdx") else { panic!("taken twice") };
    let text = error.to_string();
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert!(text.contains("`cmdx optimize --implement`"), "{text}");
    drop(held);
    lock(&project.state(), "cmdx").expect("free again");
}

/// Not a test by itself: what the kill tests start, and what ends itself at the instant it is told.
#[test]
fn child_of_the_kill_tests() {
    let (Ok(root), Ok(at)) = (std::env::var("CMDX_TEST_ROOT"), std::env::var("CMDX_TEST_KILL_AT")) else { return };
    let kill_at: usize = at.parse().expect("a number");
    let mut n_steps = 0;
    let mut progress = |_: Step| {
        n_steps += 1;
        if n_steps == kill_at {
            nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).expect("nothing stops it");
        }
    };
    let project = Project::at(&root);
    let _held = lock(&project.state(), "cmdx test").expect("free: the dead owner's lock is taken over");
    match std::env::var("CMDX_TEST_ACT").as_deref() {
        Ok("implement") => {
            let (prepared, _) = project.prepare(&mut progress);
            let prepared = prepared.expect("three files");
            prepared.write(&mut progress).expect("written");
            prepared.commit(&mut progress).expect("committed");
        }
        Ok("undo") => {
            let open = pending(&project.state()).expect("readable");
            recover(&open[0], Way::Undo, &mut progress).expect("undone");
        }
        _ => {
            roll_back(&project.state(), None, "cmdx rollback", &mut progress).expect("restored");
        }
    }
}

/// True when the child ran to its end.
fn child(root: &Path, act: &str, kill_at: usize) -> bool {
    let status = Command::new(std::env::current_exe().expect("the test binary"))
        .args(["--exact", "engine::journal::tests::child_of_the_kill_tests"])
        .env("CMDX_TEST_ROOT", root)
        .env("CMDX_TEST_KILL_AT", kill_at.to_string())
        .env("CMDX_TEST_ACT", act)
        .output()
        .expect("starts");
    let is_killed = std::os::unix::process::ExitStatusExt::signal(&status.status) == Some(9);
    assert!(is_killed || status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
    status.status.success()
}

fn each_is_old_or_new(project: &Project) {
    for (index, content) in project.contents().iter().enumerate() {
        assert!(content == OLD[index] || content == NEW[index], "file {index} is neither old nor new");
    }
    assert_eq!(project.tree().len(), OLD.len(), "no litter beside the sources");
}

#[test]
fn a_kill_at_any_instant_leaves_old_or_new_files_and_can_be_undone_or_finished() {
    for way in [Way::Undo, Way::Finish] {
        for kill_at in 1.. {
            let project = Project::new();
            let before = project.tree();
            let is_over = child(&project.root, "implement", kill_at);
            each_is_old_or_new(&project);
            let open = pending(&project.state()).expect("readable");
            for each in &open {
                recover(each, way, &mut |_| {}).expect("recovered");
            }
            assert!(pending(&project.state()).expect("readable").is_empty());
            match (way, open.is_empty()) {
                (Way::Undo, false) => assert_eq!(project.tree(), before),
                (Way::Finish, false) => assert_eq!(project.contents(), NEW),
                // Killed before the journal entry or after the commit record: nothing to recover.
                (_, true) => assert!(project.tree() == before || project.contents() == NEW),
            }
            if is_over {
                assert!(kill_at > 10, "every step was tried");
                break;
            }
        }
    }
}

#[test]
fn a_kill_while_undoing_or_rolling_back_can_be_repeated() {
    for act in ["undo", "rollback"] {
        for kill_at in 1.. {
            let project = Project::new();
            let before = project.tree();
            if act == "undo" {
                child(&project.root, "implement", 9);
                assert_eq!(pending(&project.state()).expect("readable").len(), 1);
            } else {
                project.implement();
            }
            let is_over = child(&project.root, act, kill_at);
            each_is_old_or_new(&project);
            let open = pending(&project.state()).expect("readable");
            for each in &open {
                let way = if act == "undo" { Way::Undo } else { Way::Finish };
                recover(each, way, &mut |_| {}).expect("recovered");
            }
            if act == "undo" || !open.is_empty() {
                assert_eq!(project.tree(), before, "{act} killed at {kill_at}");
            }
            if is_over {
                break;
            }
        }
    }
}

#[test]
fn a_full_disk_changes_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(directory.path()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: mounting a small tmpfs needs root");
        return;
    }
    let outcome = std::panic::catch_unwind(|| {
        let root = fs::canonicalize(directory.path()).expect("mounted");
        fs::write(root.join("a.py"), "a = 1\n").expect("fits");
        fs::create_dir(root.join(".cmdx")).expect("fits");
        fs::write(root.join("filler"), vec![0_u8; 40_000]).expect("fits");
        let change = Change { path: "a.py".into(), before: b"a = 1\n".to_vec(), after: vec![b'#'; 60_000] };
        let error = prepare(&root, &root.join(".cmdx"), &[change], "cmdx", false, &mut |_| {}).expect_err("full");
        assert!(error.to_string().contains("No space left"), "{error}");
        assert_eq!(fs::read(root.join("a.py")).expect("there"), b"a = 1\n");
        assert_eq!(fs::read_dir(root.join(".cmdx/backups")).expect("there").count(), 0, "nothing is left behind");
    });
    let unmounted = Command::new("umount").arg(directory.path()).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}
