use super::*;
use crate::project::{ErrorKind, open};

/// A tree of files below a temporary directory; a name that ends in `/` is a directory.
fn tree(files: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let root = fs::canonicalize(directory.path()).expect("there");
    for name in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
        if name.ends_with('/') {
            fs::create_dir_all(&path).expect("writable");
        } else {
            fs::write(&path, "x = 1\n").expect("writable");
        }
    }
    for project in ["pyproject.toml", "cmdx.toml"] {
        if root.join(project).exists() {
            fs::write(root.join(project), "").expect("writable");
        }
    }
    (directory, root)
}

fn options(cwd: &Path) -> OpenOptions {
    OpenOptions { cwd: cwd.to_path_buf(), ..OpenOptions::default() }
}

fn opened(cwd: &Path, typed: &str) -> Result<crate::project::Project, ProjectError> {
    open(&[PathBuf::from(typed)], &options(cwd))
}

#[test]
fn the_root_is_the_nearest_directory_with_a_marker() {
    let (_guard, root) = tree(&["pyproject.toml", "src/shop/api.py", "packages/a/setup.py", "packages/a/b.py"]);
    assert_eq!(opened(&root, "src/shop/api.py").expect("there").root, root);
    assert_eq!(opened(&root, "src").expect("there").root, root);
    assert_eq!(opened(&root, "packages/a/b.py").expect("there").root, root.join("packages/a"));
}

#[test]
fn without_a_marker_the_root_is_the_repository_then_the_working_directory() {
    let (_guard, root) = tree(&["a/.git/", "a/b/c.py", "d/e.py", "f/requirements.txt", "f/g/h.py"]);
    assert_eq!(opened(&root, "a/b").expect("there").root, root.join("a"));
    assert_eq!(opened(&root, "d/e.py").expect("there").root, root);
    assert_eq!(opened(&root, "f/g").expect("there").root, root.join("f"));
    assert_eq!(opened(Path::new("/"), &root.join("d").to_string_lossy()).expect("there").root, root.join("d"));
}

#[test]
fn a_project_within_a_repository_is_its_own_root() {
    let files = [".git/", "pyproject.toml", "samples/api/requirements.txt", "samples/api/src/app.py"];
    let (_guard, root) = tree(&files);
    assert_eq!(opened(&root, "samples/api/src").expect("there").root, root.join("samples/api"));
    let (_guard, root) = tree(&[".git/", "tests/requirements.txt", "tests/a.py", "src/requirements.txt", "src/b.py"]);
    assert_eq!(opened(&root, "tests").expect("there").root, root);
    assert_eq!(opened(&root, "src/b.py").expect("there").root, root);
}

#[test]
fn several_paths_share_the_root_that_holds_them_all() {
    let (_guard, root) = tree(&["a/setup.py", "b/setup.py"]);
    let project = open(&["a".into(), "b".into(), "a".into()], &options(&root)).expect("there");
    assert_eq!(project.root, root);
    assert_eq!(project.targets, [root.join("a"), root.join("b")]);
}

#[test]
fn a_path_as_reports_print_it_is_accepted() {
    let (_guard, root) = tree(&["pyproject.toml", "src/shop/database.py", "tests/a.py"]);
    let project = opened(&root, "database.py").expect("found");
    assert_eq!(project.targets, [root.join("src/shop/database.py")]);
    assert_eq!(project.notes, ["`database.py` is `src/shop/database.py`"]);
    for typed in ["shop/database.py", "database.py:45", "src/shop/database.py:45:3"] {
        assert_eq!(opened(&root, typed).expect(typed).targets, [root.join("src/shop/database.py")], "{typed}");
    }
    assert_eq!(opened(&root.join("tests"), "database.py").expect("found").root, root);
}

#[test]
fn a_path_that_fits_several_files_is_refused_with_all_of_them() {
    let (_guard, root) = tree(&["pyproject.toml", "a/models.py", "b/models.py"]);
    let error = opened(&root, "models.py").expect_err("ambiguous");
    assert_eq!(error.to_string(), "`models.py` could be any of `a/models.py` and `b/models.py`");
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[test]
fn a_missing_path_is_refused_with_what_is_near() {
    let (_guard, root) = tree(&["pyproject.toml", "src/database.py"]);
    let check = |typed: &str, hint: &str| {
        let error = opened(&root, typed).expect_err("missing");
        assert_eq!(error.to_string(), format!("no such file or directory: `{typed}`"));
        assert_eq!(error.hint().as_deref(), Some(hint), "{typed}");
        assert_eq!(error.kind(), ErrorKind::Usage);
    };
    check("src/databse.py", "did you mean `src/database.py`?");
    check("scr/database.py", "did you mean `src/database.py`?");
    check("scr", "did you mean `src`?");
    check("nothing-like-it", "name a file or directory of the project");
    check("../nowhere-at-all/x.py", "name a file or directory of the project");
}

#[test]
fn a_directory_without_python_is_refused() {
    let (_guard, root) = tree(&["pyproject.toml", "docs/a.txt", "a.py"]);
    let error = opened(&root, "docs").expect_err("no Python there");
    assert_eq!(error.to_string(), format!("no Python file at or below `{}`", root.join("docs").display()));
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[test]
fn source_roots_are_the_conventional_ones_or_the_configured() {
    let (_guard, root) = tree(&["pyproject.toml", "src/shop/__init__.py", "lib/__init__.py", "lib/a.py", "other/b.py"]);
    assert_eq!(opened(&root, ".").expect("there").source_roots, [root.join("src"), root.clone()]);
    fs::write(root.join("cmdx.toml"), "source-roots = ['other']").expect("writable");
    assert_eq!(opened(&root, ".").expect("there").source_roots, [root.join("other"), root.clone()]);
}

#[test]
fn only_the_projects_own_files_are_listed() {
    let (_guard, root) = tree(&[
        "pyproject.toml",
        "a.py",
        "b.pyi",
        "data.txt",
        "pkg/__init__.py",
        "pkg/build/c.py",
        "generated/d.py",
        "pkg/secret.py",
        "kept/secret.py",
        ".cmdx/venv/e.py",
        ".tox/py/f.py",
        "custom-env/pyvenv.cfg",
        "custom-env/lib/g.py",
        "x/site-packages/h.py",
        "node_modules/i.py",
        "build/lib/j.py",
        "a.egg-info/k.py",
        "legacy/l.py",
    ]);
    fs::write(root.join(".gitignore"), "generated/\n").expect("writable");
    fs::write(root.join("pkg/.gitignore"), "secret.py\n").expect("writable");
    fs::write(root.join("cmdx.toml"), "exclude = ['legacy/']").expect("writable");
    let project = opened(&root, ".").expect("there");
    let (files, problems) = project.files();
    let names: Vec<_> = files.iter().map(|file| file.relative.as_str()).collect();
    assert_eq!(names, ["a.py", "kept/secret.py", "pkg/__init__.py", "pkg/build/c.py"]);
    assert_eq!(problems, []);
    assert_eq!(opened(&root, "generated").expect("named").files().0.len(), 1, "what is named is listed");
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_and_links_to_nothing_are_problems_and_the_rest_is_listed() {
    use std::os::unix::fs::symlink;
    let (_guard, root) = tree(&["pyproject.toml", "a.py", "pkg/b.py"]);
    symlink(&root, root.join("pkg/again")).expect("writable");
    symlink(root.join("loop.py"), root.join("loop.py")).expect("writable");
    symlink(root.join("gone.py"), root.join("dangling.py")).expect("writable");
    symlink(root.join("a.py"), root.join("same.py")).expect("writable");
    let (files, problems) = opened(&root, ".").expect("there").files();
    let names: Vec<_> = files.iter().map(|file| file.relative.as_str()).collect();
    assert_eq!(names, ["a.py", "pkg/b.py"]);
    let said: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(said, ["cannot be read: the link leads nowhere", "cannot be read: the symbolic links lead in a circle"]);
    let error = opened(&root, "loop.py").expect_err("a circle");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().starts_with("cannot read `loop.py`: "), "{error}");
}

#[test]
fn a_file_that_is_not_utf_8_is_a_problem_with_its_line() {
    let (_guard, root) = tree(&["pyproject.toml", "latin.py"]);
    fs::write(root.join("latin.py"), b"x = 1\ny = '\xe9'\n").expect("writable");
    let (files, _) = opened(&root, ".").expect("there").files();
    let problem = crate::project::read_source(&files[0]).expect_err("not UTF-8");
    assert_eq!(problem.message, "not UTF-8; the file was left out");
    assert_eq!(problem.location.map(|location| location.to_string()), Some("latin.py:2".into()));
}

#[test]
fn the_state_directory_keeps_others_away() {
    let (_guard, root) = tree(&["pyproject.toml", "a.py"]);
    let state = opened(&root, ".").expect("there").state_directory().expect("writable");
    assert_eq!(state, root.join(".cmdx"));
    assert_eq!(fs::read_to_string(state.join(".gitignore")).expect("made"), "*\n");
    assert!(fs::read_to_string(state.join("CACHEDIR.TAG")).expect("made").starts_with("Signature: 8a477f597d28d172"));
}
