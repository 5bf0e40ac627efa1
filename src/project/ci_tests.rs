use std::fs;
use std::process::Command;

use super::{PYTHONS, allows, facts};
use crate::model::{CiFacts, CiService, Dependencies};
use crate::project::{self, OpenOptions};

fn check(files: &[(&str, &str)]) -> CiFacts {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::write(directory.path().join("app.py"), "").expect("writable");
    facts_of(directory.path(), files)
}

fn facts_of(root: &std::path::Path, files: &[(&str, &str)]) -> CiFacts {
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
        fs::write(path, text).expect("writable");
    }
    let options = OpenOptions { cwd: root.to_path_buf(), ..OpenOptions::default() };
    facts(&project::open(&[], &options).expect("a project"))
}

fn git(root: &std::path::Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args(["-c", "user.name=a", "-c", "user.email=a@example.org"]).args(arguments);
    assert!(command.output().expect("git runs").status.success(), "{arguments:?}");
}

#[test]
fn specifiers_admit_the_minor_versions_that_pip_would() {
    let admitted = |specifier: &str| PYTHONS.filter(|minor| allows(specifier, *minor)).collect::<Vec<_>>();
    assert_eq!(admitted(">=3.9,<3.12"), [9, 10, 11]);
    assert_eq!(admitted(">=3.9.2, !=3.10.*, <4"), [9, 11, 12, 13, 14]);
    assert_eq!(admitted(">3.11"), [12, 13, 14]);
    assert_eq!(admitted("==3.11.*"), [11]);
    assert_eq!(admitted("~=3.12"), [12, 13, 14]);
    assert_eq!(admitted("~=3.12.1"), [12]);
    assert_eq!(admitted("^3.13"), [13, 14]);
    assert_eq!(admitted(">=2.7, !=3.8.*").first(), Some(&9));
    assert_eq!(admitted(">=3").len(), 7);
}

#[test]
fn the_python_is_the_pinned_one_then_the_newest_classified_then_one_that_is_allowed() {
    let pyproject = "[project]\nname = \"a\"\nrequires-python = \">=3.9\"\nclassifiers = [\n\
        \"Programming Language :: Python :: 3\",\n\"Programming Language :: Python :: 3.9\",\n\
        \"Programming Language :: Python :: 3.10\",\n]\n";
    let pinned = check(&[("pyproject.toml", pyproject), (".python-version", "# ours\n3.11.7\n")]);
    assert_eq!((pinned.python.as_str(), pinned.python_from.as_str()), ("3.11", ".python-version"));
    assert_eq!(pinned.pythons, ["3.9", "3.10"]);
    assert_eq!(check(&[("pyproject.toml", pyproject)]).python, "3.10");
    assert_eq!(check(&[("setup.py", "setup(python_requires='<3.11')")]).python, "3.10");
    assert_eq!(check(&[]).python, "3.12");
}

#[test]
fn the_lock_file_names_the_tool() {
    assert_eq!(check(&[("uv.lock", "")]).dependencies, Dependencies::Uv);
    assert_eq!(check(&[("poetry.lock", ""), ("requirements.txt", "flask")]).dependencies, Dependencies::Poetry);
    assert_eq!(check(&[("pdm.lock", "")]).dependencies, Dependencies::Pdm);
    assert_eq!(check(&[("Pipfile.lock", "{}")]).dependencies, Dependencies::Pipenv);
    assert_eq!(check(&[]).dependencies, Dependencies::Nothing);
}

#[test]
fn requirement_files_for_tests_are_installed_and_those_for_special_occasions_are_not() {
    let found = check(&[
        ("requirements.txt", "flask\n"),
        ("requirements-dev.txt", "pytest\n"),
        ("requirements-postgres.txt", "psycopg2\n"),
        ("requirements-doc.txt", "sphinx\n"),
    ]);
    let Dependencies::Pip { files, is_package, .. } = found.dependencies else { panic!("pip") };
    assert_eq!((files, is_package), (vec!["requirements.txt".into(), "requirements-dev.txt".into()], false));
    assert_eq!(found.services, [], "what is not installed needs no server");
    assert!(!found.lacks_pytest);
}

#[test]
fn a_package_is_installed_with_what_its_tests_need() {
    let pyproject = "[build-system]\nrequires = [\"hatchling\"]\n[project]\nname = \"a\"\n\
        dependencies = [\"psycopg[binary]\", \"redis>=5\"]\n[project.optional-dependencies]\ntest = [\"pytest\"]\n\
        docs = [\"sphinx\"]\n[dependency-groups]\ndev = [\"coverage\"]\n";
    let found = check(&[("pyproject.toml", pyproject), ("settings.py", "os.environ['DATABASE_URL']")]);
    let (files, extras, groups) = (vec![], vec!["test".into()], vec!["dev".into()]);
    assert_eq!(found.dependencies, Dependencies::Pip { files, is_package: true, extras, groups });
    assert_eq!(found.services, [CiService::Postgres, CiService::Redis]);
    assert!(found.reads_database_url);
}

#[test]
fn a_pytest_that_nobody_declares_is_noticed() {
    assert!(check(&[("tests/test_a.py", "import pytest\n")]).lacks_pytest);
    assert!(!check(&[("tests/test_a.py", "import unittest\n")]).lacks_pytest);
}

#[test]
fn the_default_branch_is_the_remotes_then_a_usual_name_then_the_checked_out_one() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let root = directory.path();
    let found = facts_of(root, &[("shop/app.py", ""), ("shop/pyproject.toml", "")]);
    assert_eq!((found.default_branch.as_str(), found.has_repository, found.has_remote), ("main", false, false));
    git(root, &["init", "-q", "-b", "$(touch${IFS}x)"]);
    let shop = root.join("shop");
    let now = || facts_of(&shop, &[]);
    assert_eq!((now().default_branch.as_str(), now().prefix.as_str()), ("$(touch${IFS}x)", "shop/"));
    git(root, &["commit", "-q", "--allow-empty", "-m", "a"]);
    git(root, &["branch", "master"]);
    assert_eq!(now().default_branch, "master");
    git(root, &["update-ref", "refs/remotes/origin/release/2", "HEAD"]);
    git(root, &["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/release/2"]);
    assert_eq!(now().default_branch, "release/2");
    assert!(!now().has_remote);
    git(root, &["remote", "add", "origin", "https://example.org/a.git"]);
    assert!(now().has_remote);
}
