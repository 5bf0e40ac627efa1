//! What the project's configuration of pytest asks for: where tests are, options, plugins.

use std::collections::BTreeSet;
use std::fs;

use toml::{Table, Value};

use super::Project;
use super::ini::Ini;
use crate::support::words;

/// Beginnings of options with the distribution that brings them. An option that is not here belongs to pytest itself,
/// or to the project's conftest.
const OPTION_PLUGINS: &[(&str, &str)] = &[
    ("--cov", "pytest-cov"),
    ("--no-cov", "pytest-cov"),
    ("-n", "pytest-xdist"),
    ("--numprocesses", "pytest-xdist"),
    ("--dist", "pytest-xdist"),
    ("--maxprocesses", "pytest-xdist"),
    ("--tx", "pytest-xdist"),
    ("--benchmark-", "pytest-benchmark"),
    ("--timeout", "pytest-timeout"),
    ("--reruns", "pytest-rerunfailures"),
    ("--only-rerun", "pytest-rerunfailures"),
    ("--asyncio-", "pytest-asyncio"),
    ("--mypy", "pytest-mypy"),
    ("--flake8", "pytest-flake8"),
    ("--flakes", "pytest-flakes"),
    ("--black", "pytest-black"),
    ("--isort", "pytest-isort"),
    ("--ruff", "pytest-ruff"),
    ("--pylint", "pytest-pylint"),
    ("--pycodestyle", "pytest-pycodestyle"),
    ("--randomly-", "pytest-randomly"),
    ("--random-order", "pytest-random-order"),
    ("--ds", "pytest-django"),
    ("--dc", "pytest-django"),
    ("--reuse-db", "pytest-django"),
    ("--create-db", "pytest-django"),
    ("--no-migrations", "pytest-django"),
    ("--nomigrations", "pytest-django"),
    ("--migrations", "pytest-django"),
    ("--hypothesis-", "hypothesis"),
    ("--snapshot", "syrupy"),
    ("--nbval", "nbval"),
    ("--html", "pytest-html"),
    ("--self-contained-html", "pytest-html"),
    ("--json-report", "pytest-json-report"),
    ("--disable-socket", "pytest-socket"),
    ("--allow-hosts", "pytest-socket"),
    ("--allow-unix-socket", "pytest-socket"),
    ("--instafail", "pytest-instafail"),
    ("--spec", "pytest-spec"),
    ("--sugar", "pytest-sugar"),
    ("--mpl", "pytest-mpl"),
    ("--doctest-plus", "pytest-doctestplus"),
    ("--doctest-rst", "pytest-doctestplus"),
    ("--text-file-format", "pytest-doctestplus"),
    ("--remote-data", "pytest-remotedata"),
    ("--arraydiff", "pytest-arraydiff"),
    ("--xdoctest", "xdoctest"),
    ("--xdoc", "xdoctest"),
    ("--picked", "pytest-picked"),
    ("--testmon", "pytest-testmon"),
    ("--forked", "pytest-forked"),
    ("--lazy-", "pytest-lazy-fixtures"),
    ("--env", "pytest-env"),
    ("--durations-path", "pytest-split"),
    ("--splits", "pytest-split"),
    ("--memray", "pytest-memray"),
    ("--codspeed", "pytest-codspeed"),
    ("--error-for-skips", "pytest-error-for-skips"),
    ("--emoji", "pytest-emoji"),
    ("--md", "pytest-md"),
    ("--typeguard-packages", "typeguard"),
    ("--alluredir", "allure-pytest"),
    ("--anyio", "anyio"),
];

/// Keys of the configuration with the distribution that reads them.
const KEY_PLUGINS: &[(&str, &str)] = &[
    ("asyncio_mode", "pytest-asyncio"),
    ("asyncio_default_fixture_loop_scope", "pytest-asyncio"),
    ("timeout", "pytest-timeout"),
    ("django_settings_module", "pytest-django"),
    ("django_find_project", "pytest-django"),
    ("env", "pytest-env"),
    ("trio_mode", "pytest-trio"),
    ("mock_use_standalone_module", "pytest-mock"),
    ("twisted", "pytest-twisted"),
    ("qt_api", "pytest-qt"),
];

/// Names in test files (a module that is imported, a fixture, a mark) with the distribution that brings them. Only
/// distributions that are widely known: what is typed into a test file must not decide alone what gets installed.
const NAME_PLUGINS: &[(&[&str], &str)] = &[
    (&["import hypothesis", "from hypothesis"], "hypothesis"),
    (&["import mock", "from mock import"], "mock"),
    (&["import freezegun", "from freezegun"], "freezegun"),
    (&["import time_machine", "from time_machine"], "time-machine"),
    (&["import responses", "from responses"], "responses"),
    (&["import requests_mock", "from requests_mock", "(requests_mock"], "requests-mock"),
    (&["import respx", "from respx", "respx_mock"], "respx"),
    (&["import trustme", "from trustme"], "trustme"),
    (&["import uvicorn", "from uvicorn"], "uvicorn"),
    (&["import trio", "from trio", "mark.trio"], "trio"),
    (&["import chardet", "from chardet"], "chardet"),
    (&["import parameterized", "from parameterized"], "parameterized"),
    (&["import ddt", "from ddt"], "ddt"),
    (&["import testfixtures", "from testfixtures"], "testfixtures"),
    (&["import pretend", "from pretend"], "pretend"),
    (&["import factory", "from factory"], "factory-boy"),
    (&["import faker", "from faker"], "faker"),
    (&["import moto", "from moto"], "moto"),
    (&["import vcr", "from vcr"], "vcrpy"),
    (&["import betamax", "from betamax"], "betamax"),
    (&["import numpy", "from numpy"], "numpy"),
    (&["import pandas", "from pandas"], "pandas"),
    (&["import pytz", "from pytz"], "pytz"),
    (&["import dateutil", "from dateutil"], "python-dateutil"),
    (&["import simplejson", "from simplejson"], "simplejson"),
    (&["import yaml", "from yaml"], "pyyaml"),
    (&["import attr", "from attr "], "attrs"),
    (&["import wcag_contrast_ratio"], "wcag-contrast-ratio"),
    (&["import nose", "from nose"], "pynose"),
    (&["mark.asyncio", "import pytest_asyncio"], "pytest-asyncio"),
    (&["mark.anyio", "anyio_backend"], "anyio"),
    (&["(mocker", ", mocker", "mocker:"], "pytest-mock"),
    (&["(httpbin", ", httpbin"], "pytest-httpbin"),
    (&["(httpserver", ", httpserver"], "pytest-httpserver"),
    (&["(httpx_mock", ", httpx_mock"], "pytest-httpx"),
    (&["(subtests", ", subtests"], "pytest-subtests"),
    (&["(benchmark", ", benchmark"], "pytest-benchmark"),
    (&["(data_regression", "(file_regression", ", data_regression", ", file_regression"], "pytest-regressions"),
    (&["mark.flaky", "flaky(reruns"], "pytest-rerunfailures"),
    (&["mark.timeout"], "pytest-timeout"),
    (&["mark.django_db"], "pytest-django"),
    (&["(freezer", ", freezer"], "pytest-freezer"),
    (&["(fs)", "(fs,", ", fs)", "import pyfakefs", "from pyfakefs"], "pyfakefs"),
    (&["(aiohttp_client", ", aiohttp_client"], "pytest-aiohttp"),
    (&["(snapshot)", "(snapshot,", ", snapshot)"], "syrupy"),
];

/// Hooks as written for the path arguments that pytest 9 no longer passes (its list of removals).
const HOOKS_BEFORE_9: &[&str] = &[
    "def pytest_ignore_collect(path",
    "def pytest_collect_file(path",
    "def pytest_collect_file(parent, path",
    "def pytest_pycollect_makemodule(path",
    "def pytest_report_header(config, startdir",
    "def pytest_report_collectionfinish(config, startdir",
];

/// The configuration of pytest, wherever it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// The file it stands in; `None` when the project has none.
    pub(super) path: Option<String>,
    /// `testpaths`.
    pub(super) testpaths: Vec<String>,
    /// `addopts`, split.
    pub(super) addopts: Vec<String>,
    /// `required_plugins`, names only.
    pub(super) required_plugins: Vec<String>,
    /// `python_files`.
    pub(super) python_files: Vec<String>,
    /// True when a warning is an error.
    pub(super) has_strict_warnings: bool,
    /// Every key.
    pub(super) keys: BTreeSet<String>,
}

/// Reads the first file that configures pytest, in pytest's own order.
pub(super) fn settings(project: &Project) -> Settings {
    let text = |name: &str| fs::read_to_string(project.root.join(name)).ok();
    for name in ["pytest.toml", ".pytest.toml"] {
        let table: Option<Table> = text(name).and_then(|text| toml::from_str(&text).ok());
        if let Some(settings) = table.as_ref().and_then(|table| table.get("pytest")?.as_table()) {
            return of_table(name, settings);
        }
    }
    for name in ["pytest.ini", ".pytest.ini"] {
        if let Some(text) = text(name) {
            return of_ini(name, &Ini::parse(&text), "pytest");
        }
    }
    let pyproject: Option<Table> = text("pyproject.toml").and_then(|text| toml::from_str(&text).ok());
    let tool = pyproject.as_ref().and_then(|table| table.get("tool")?.get("pytest")?.as_table());
    if let Some(tool) = tool {
        let options = tool.get("ini_options").and_then(Value::as_table).unwrap_or(tool);
        return of_table("pyproject.toml", options);
    }
    for (name, section) in [("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")] {
        let ini = Ini::parse(&text(name).unwrap_or_default());
        if ini.section(section).is_some() {
            return of_ini(name, &ini, section);
        }
    }
    Settings::default()
}

fn of_table(name: &str, table: &Table) -> Settings {
    let words = |key: &str| match table.get(key) {
        Some(Value::String(text)) => words::split(text).unwrap_or_else(|| whitespace(text)),
        Some(Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => vec![],
    };
    let filters = words("filterwarnings");
    settings_of(name, words, &filters, table.keys())
}

fn of_ini(name: &str, ini: &Ini, section: &str) -> Settings {
    let words = |key: &str| {
        let text = ini.lines(section, key).join(" ");
        words::split(&text).unwrap_or_else(|| whitespace(&text))
    };
    let filters = ini.lines(section, "filterwarnings");
    settings_of(name, words, &filters, ini.section(section).into_iter().flat_map(|keys| keys.keys()))
}

fn settings_of<'a>(
    name: &str,
    words: impl Fn(&str) -> Vec<String>,
    filters: &[String],
    keys: impl Iterator<Item = &'a String>,
) -> Settings {
    let plugin_name =
        |text: &String| text.split(['=', '<', '>', '!', '~', '[']).next().unwrap_or_default().trim().to_owned();
    Settings {
        path: Some(name.to_owned()),
        testpaths: words("testpaths"),
        addopts: words("addopts"),
        required_plugins: words("required_plugins").iter().map(plugin_name).collect(),
        python_files: words("python_files"),
        has_strict_warnings: filters.iter().any(|filter| filter.starts_with("error")),
        keys: keys.map(|key| key.to_lowercase()).collect(),
    }
}

fn whitespace(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The distribution an option comes from, when it is a plugin's.
pub(super) fn plugin_of(option: &str) -> Option<&'static str> {
    let name = option.split('=').next().unwrap_or(option);
    let fits = |known: &str| match known {
        "-n" => {
            name == "-n" || name.strip_prefix("-n").is_some_and(|rest| rest == "auto" || rest.parse::<u32>().is_ok())
        }
        _ if known.ends_with('-') => name.starts_with(known),
        _ => name == known || name.strip_prefix(known).is_some_and(|rest| rest.starts_with('-')),
    };
    OPTION_PLUGINS.iter().find(|(known, _)| fits(known)).map(|(_, plugin)| *plugin)
}

/// What the project's own hooks of pytest ask of its version.
pub(super) fn bound(project: &Project) -> Option<&'static str> {
    let files = project.all_files();
    let mut hooks = files.iter().filter(|file| file.path.ends_with("conftest.py"));
    let is_old = |source: String| HOOKS_BEFORE_9.iter().any(|hook| source.contains(hook));
    hooks.any(|file| fs::read_to_string(&file.path).is_ok_and(is_old)).then_some("pytest<9")
}

/// The distributions that pytest's configuration and the test files speak of.
pub(super) fn plugins_needed(project: &Project) -> Vec<String> {
    let settings = settings(project);
    let mut found: BTreeSet<String> = settings.required_plugins.iter().cloned().collect();
    found.extend(settings.addopts.iter().filter_map(|option| plugin_of(option)).map(str::to_owned));
    let by_key = KEY_PLUGINS.iter().filter(|(key, _)| settings.keys.contains(*key));
    found.extend(by_key.map(|(_, plugin)| (*plugin).to_owned()));
    let mut open: Vec<_> = NAME_PLUGINS.iter().collect();
    for file in project.all_files().iter().filter(|file| super::suite::is_test_code(&file.relative)) {
        let Ok(source) = fs::read_to_string(&file.path) else { continue };
        open.retain(|(words, plugin)| {
            let is_used = words.iter().any(|word| source.contains(word));
            if is_used {
                found.insert((*plugin).to_owned());
            }
            !is_used
        });
    }
    found.into_iter().collect()
}
