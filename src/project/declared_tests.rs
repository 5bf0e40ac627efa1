use super::*;
use crate::project::{OpenOptions, open};

fn declared(files: &[(&str, &str)]) -> Declared {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in [("a.py", ""), ("pytest.ini", "[pytest]\n")].iter().chain(files) {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
        fs::write(path, text).expect("writable");
    }
    let options = OpenOptions { cwd: directory.path().to_path_buf(), ..OpenOptions::default() };
    let project = open(&[], &options).expect("a project");
    read(&project)
}

/// `label: names` of every group; `*` marks those for tests.
fn shown(declared: &Declared) -> Vec<String> {
    let names = |group: &Group| group.requirements.iter().map(|r| r.text.clone()).collect::<Vec<_>>().join(" ");
    let mark = |group: &Group| if group.purpose == Purpose::Run { "" } else { "*" };
    declared.groups.iter().map(|group| format!("{}{}: {}", mark(group), group.label, names(group))).collect()
}

#[test]
fn pyproject_declares_dependencies_extras_and_groups() {
    let found = declared(&[(
        "pyproject.toml",
        r#"
        [project]
        name = "My.Shop"
        dependencies = ["flask>=2", "tomli; python_version < '3.11'"]
        [project.optional-dependencies]
        test = ["responses"]
        docs = ["sphinx"]
        [dependency-groups]
        dev = ["ruff", { include-group = "tests" }]
        tests = ["my-shop[socks]", "hypothesis", { include-group = "dev" }]
        "#,
    )]);
    assert_eq!(found.name.as_deref(), Some("my-shop"));
    assert!(found.is_package);
    assert_eq!(Vec::from_iter(found.extras.clone()), ["socks", "test"]);
    assert_eq!(
        shown(&found),
        [
            "`[project] dependencies`: flask>=2 tomli",
            "*the extra `test`: responses",
            "*the dependency group `dev`: hypothesis",
            "*the dependency group `tests`: hypothesis",
        ]
    );
}

#[test]
fn setup_cfg_tox_and_nox_are_read() {
    let found = declared(&[
        (
            "setup.cfg",
            "[metadata]\nname = shop\n[options]\ninstall_requires =\n    attrs\n[options.extras_require]\ntesting =\n    mock\n",
        ),
        (
            "tox.ini",
            "[testenv]\ndeps =\n    pytest\n    django42: Django<5\n    -r requirements/tests.txt\n    .[speed]\n[testenv:docs]\ndeps = sphinx\n[testenv:py311-cov]\ndeps = coverage\n",
        ),
        (
            "requirements/tests.txt",
            "-r more.txt\nfreezegun # time\n--extra-index-url https://packages.invalid/simple\n",
        ),
        ("requirements/docs.txt", "docutils\n"),
        ("requirements/more.txt", "-r docs.txt\n-r tests.txt\nfaker==1.0 \\\n    --hash=sha256:00\n"),
        (
            "noxfile.py",
            "import nox\n\n@nox.session\ndef tests(session):\n    session.install('-e', '.[dev]', \"trustme\")\n    session.run('pytest')\n\n@nox.session\ndef lint(session):\n    session.install('pylint')\n",
        ),
    ]);
    assert_eq!(Vec::from_iter(found.extras.clone()), ["dev", "speed", "testing"]);
    assert_eq!(found.pip_options, ["--extra-index-url", "https://packages.invalid/simple"]);
    assert_eq!(
        shown(&found),
        [
            "`install_requires` of setup.cfg: attrs",
            "*the extra `testing`: mock",
            "*`requirements/tests.txt`: faker==1.0 freezegun",
            "*the environments of tox: pytest faker==1.0 freezegun",
            "*the environments of tox: coverage",
            "*the sessions of nox: trustme",
        ]
    );
}

#[test]
fn requirement_files_are_told_apart_by_their_names() {
    let found = declared(&[
        ("requirements.txt", "flask\n"),
        ("requirements-dev.txt", "-r requirements.txt\nmoto\n"),
        ("requirements-docs.txt", "sphinx\n"),
        ("tests/requirements.txt", "vcrpy\n"),
    ]);
    assert!(!found.is_package);
    assert_eq!(
        shown(&found),
        ["`requirements.txt`: flask", "*`tests/requirements.txt`: vcrpy", "*`requirements-dev.txt`: flask moto"]
    );
}

#[test]
fn a_source_distribution_speaks_through_its_metadata() {
    let metadata = "Metadata-Version: 2.1\nName: Shop\nProvides-Extra: test\nProvides-Extra: docs\nRequires-Dist: attrs\nRequires-Dist: mock; extra == 'test'\nRequires-Dist: sphinx; extra == 'docs'\n\nRequires-Dist: not-this\n";
    let found = declared(&[
        ("PKG-INFO", metadata),
        ("setup.py", "from setuptools import setup\nsetup(install_requires=read())\n"),
    ]);
    assert_eq!(found.name.as_deref(), Some("shop"));
    assert_eq!(shown(&found), ["the metadata of the distribution: attrs", "*the extra `test`: mock"]);
}

#[test]
fn setup_py_is_read_for_its_literals() {
    let source = "setup(\n    install_requires=[\n        'attrs>=1',  # a\n        # 'old',\n        \"six[a]\",\n    ],\n    extras_require={'test': ['mock'], 'docs': ['sphinx']},\n)\n";
    let found = declared(&[("setup.py", source)]);
    assert_eq!(shown(&found), ["`install_requires` of setup.py: attrs>=1 six[a]", "*the extra `test`: mock"]);
}

#[test]
fn poetry_versions_become_requirements() {
    for (written, expected) in [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("~1.2", ">=1.2,<1.3"),
        (">=1,<3", ">=1,<3"),
        ("1.5", "==1.5"),
        ("*", ""),
        ("^1 || ^2", ""),
    ] {
        assert_eq!(poetry_version(written), expected, "{written}");
    }
    let pyproject = "[tool.poetry]\nname = 'shop'\n[tool.poetry.dependencies]\npython = '^3.8'\nflask = { version = '^2', extras = ['async'] }\nboto3 = { version = '*', optional = true }\n[tool.poetry.group.test.dependencies]\nmoto = '*'\n";
    let found = declared(&[("pyproject.toml", pyproject)]);
    assert_eq!(shown(&found), ["`[tool.poetry.dependencies]`: flask[async]>=2,<3", "*the poetry group `test`: moto"]);
}

#[test]
fn plugins_are_known_from_options_keys_and_tests() {
    let found = declared(&[
        (
            "pytest.ini",
            "[pytest]\naddopts = --cov=shop -n auto\nasyncio_mode = auto\nrequired_plugins = pytest-sugar>=1\n",
        ),
        ("tests/test_a.py", "def test_a(mocker, benchmark): ...\n"),
    ]);
    let plugins = "pytest-asyncio pytest-benchmark pytest-cov pytest-mock pytest-sugar pytest-xdist";
    assert_eq!(shown(&found), [format!("*the plugins pytest is configured with: {plugins}")]);
}

#[test]
fn only_files_named_as_requirement_files_are_taken_for_one() {
    let found = declared(&[
        ("tests/newlines_test_data.txt", "abc\n"),
        ("functional-requirements.txt", "speed\n"),
        ("requirementsofficer.txt", "bob\n"),
        ("tests/tests.txt", "words\n"),
        ("requirements/lint-dev.txt", "pylint\n"),
        ("dev-requirements.txt", "moto\n"),
    ]);
    assert_eq!(shown(&found), ["*`dev-requirements.txt`: moto"]);
}

#[test]
fn a_lock_file_settles_the_version_for_the_interpreter() {
    let lock = "
        [[package]]
        name = 'Attrs'
        version = '8.3'
        [[package]]
        name = 'pytest'
        version = '8.4'
        resolution-markers = [\"python_full_version < '3.10'\"]
        [[package]]
        name = 'pytest'
        version = '9.0'
        resolution-markers = [\"python_full_version >= '3.11'\", \"python_full_version == '3.10.*'\"]
        [[package]]
        name = 'numpy'
        version = '1'
        [[package]]
        name = 'numpy'
        version = '2'
    ";
    let found = declared(&[("uv.lock", lock)]);
    let check = |name: &str, version: (u32, u32, u32), expected: Option<&str>| {
        let interpreter = Interpreter {
            path: "python".into(),
            source: crate::model::InterpreterSource::Path,
            version,
            implementation: "cpython".into(),
            prefix: "/env".into(),
            is_free_threaded: false,
            has_pytest: false,
        };
        assert_eq!(found.locked_version(name, &interpreter), expected, "{name} {version:?}");
    };
    check("attrs", (3, 11, 7), Some("8.3"));
    check("pytest", (3, 9, 1), Some("8.4"));
    check("pytest", (3, 10, 4), Some("9.0"));
    check("pytest", (3, 12, 0), Some("9.0"));
    check("numpy", (3, 12, 0), None);
    check("absent", (3, 12, 0), None);
}

#[test]
fn packages_of_other_extras_are_needed_where_tests_import_them() {
    let pyproject =
        "[project]\nname = 'shop'\n[project.optional-dependencies]\nzstd = ['zstandard>=0.18']\nbrotli = ['brotli']\n";
    let found = declared(&[("pyproject.toml", pyproject), ("tests/test_a.py", "import zstandard as zstd\n")]);
    assert_eq!(shown(&found), ["*extras that tests import: zstandard>=0.18"]);
}

#[test]
fn beside_a_package_that_declares_what_it_needs_requirement_files_are_for_tests() {
    let pyproject = ("pyproject.toml", "[project]\nname = 'shop'\n");
    let found = declared(&[pyproject, ("requirements.txt", "numpy\n")]);
    assert_eq!(shown(&found), ["*`requirements.txt`: numpy"]);
    let dynamic = ("pyproject.toml", "[project]\nname = 'shop'\ndynamic = ['dependencies']\n");
    assert_eq!(shown(&declared(&[dynamic, ("requirements.txt", "numpy\n")])), ["`requirements.txt`: numpy"]);
}
