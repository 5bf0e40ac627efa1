use super::*;

fn loaded(files: &[(&str, &str)], variables: &[(&str, &str)]) -> (Result<Config, ProjectError>, Vec<String>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("writable");
    }
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut notes = vec![];
    let config = load(directory.path(), &OpenOptions { variables, ..OpenOptions::default() }, &mut notes);
    (config, notes)
}

fn refused(text: &str) -> (String, Option<String>) {
    let error = loaded(&[("cmdx.toml", text)], &[]).0.expect_err("refused");
    assert_eq!(error.kind(), super::super::ErrorKind::Usage);
    let message = error.to_string();
    (message[message.find("cmdx.toml").unwrap_or(0)..].to_owned(), error.hint())
}

#[test]
fn every_key_is_read() {
    let text = r#"
        python = ".venv"
        exclude = ["legacy/"]
        source-roots = ["lib"]
        deadline = "2m"
        [[workload]]
        name = "import"
        command = "python -m shop.load --rows '10 000'"
        cwd = "data"
        env = { MODE = "slow" }
        [[workload]]
        command = ["python", "b.py"]
        [gates]
        max = { anything = 1 }
    "#;
    let config = loaded(&[("cmdx.toml", text)], &[]).0.expect("valid");
    assert_eq!(config.python, Some((".venv".into(), Origin::File)));
    assert_eq!(config.exclude, ["legacy/"]);
    assert_eq!(config.deadline_seconds, Some(120.0));
    assert!(config.source_roots[0].ends_with("lib"));
    assert_eq!(config.workloads[0].argv, ["python", "-m", "shop.load", "--rows", "10 000"]);
    assert_eq!(config.workloads[0].env["MODE"], "slow");
    assert_eq!(config.workloads[1].argv, ["python", "b.py"]);
    assert!(config.tables.contains_key("gates"));
}

#[test]
fn an_unknown_key_is_an_error_with_its_line_and_what_was_meant() {
    let (message, hint) = refused("# first\n\npyhton = '3.12'\n");
    assert_eq!(message, "cmdx.toml:3: unknown key `pyhton`");
    assert_eq!(hint.as_deref(), Some("did you mean `python`?"));
    let (message, hint) = refused("[[workload]]\ncommand = 'a'\n[[workload]]\ncomand = 'b'\n");
    assert_eq!(message, "cmdx.toml:4: unknown key `comand`");
    assert_eq!(hint.as_deref(), Some("did you mean `command`?"));
}

#[test]
fn values_of_the_wrong_kind_are_errors_with_their_line() {
    assert_eq!(refused("python = 3").0, "cmdx.toml:1: `python` must be a string");
    assert_eq!(
        refused("\nworkload = 5").0,
        "cmdx.toml:2: `workload` must be a command, or tables `[[workload]]` with `command`"
    );
    assert_eq!(refused("[[workload]]\nname = 'a'").0, "cmdx.toml:1: a `[[workload]]` needs a `command`");
    assert!(refused("deadline = 'soon'").0.starts_with("cmdx.toml:1: "));
    assert!(refused("a = \n").0.starts_with("cmdx.toml:1: "));
}

#[test]
fn pyproject_serves_when_there_is_no_file_of_our_own() {
    let pyproject = ("pyproject.toml", "[project]\nname='a'\n[tool.cmdx]\nworkload = 'python a.py'\n");
    let config = loaded(&[pyproject], &[]).0.expect("valid");
    assert_eq!(config.workloads[0].argv, ["python", "a.py"]);
    let (config, notes) = loaded(&[pyproject, ("cmdx.toml", "workload = 'python b.py'")], &[]);
    assert_eq!(config.expect("valid").workloads[0].argv, ["python", "b.py"]);
    assert_eq!(notes, ["`cmdx.toml` is used; `[tool.cmdx]` of the pyproject.toml beside it is not"]);
}

#[test]
fn variables_outrank_the_file() {
    let variables = [("CMDX_PYTHON", "3.12"), ("CMDX_DEADLINE", "90s")];
    let config = loaded(&[("cmdx.toml", "python = '3.9'\ndeadline = 5")], &variables).0.expect("valid");
    assert_eq!(config.python, Some(("3.12".into(), Origin::Variable("CMDX_PYTHON"))));
    assert_eq!(config.deadline_seconds, Some(90.0));
    assert!(loaded(&[], &[("CMDX_DEADLINE", "soon")]).0.is_err());
}

#[test]
fn a_broken_pyproject_that_says_nothing_of_cmdx_is_only_noted() {
    let (config, notes) = loaded(&[("pyproject.toml", "[project\n")], &[]);
    assert!(config.is_ok());
    assert!(notes[0].contains("is not valid TOML"), "{notes:?}");
}

#[test]
fn a_command_line_that_needs_a_shell_gets_one() {
    assert_eq!(argv_of("A=1 python a.py"), ["sh", "-c", "A=1 python a.py"]);
    assert_eq!(argv_of("python a.py --x=1"), ["python", "a.py", "--x=1"]);
}
