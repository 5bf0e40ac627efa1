use super::render::{is_pinned, yaml_platforms};
use super::{InstallFrom, Origin, Platform, Setup, generate, inserted_hook, origin};
use crate::model::{CiFacts, CiService, Dependencies};

fn facts() -> CiFacts {
    CiFacts {
        default_branch: "main".into(),
        default_branch_from: "origin/HEAD".into(),
        has_repository: true,
        has_remote: true,
        prefix: String::new(),
        python: "3.11".into(),
        python_from: ".python-version".into(),
        pythons: vec!["3.11".into()],
        dependencies: Dependencies::Pip {
            files: vec!["requirements.txt".into()],
            is_package: false,
            extras: vec![],
            groups: vec![],
        },
        services: vec![],
        declares_cmdx: false,
        lacks_pytest: false,
        reads_database_url: false,
    }
}

fn setup(platform: Platform) -> Setup {
    Setup {
        platform,
        has_monitoring: true,
        has_gates: true,
        n_shards: 1,
        install_from: InstallFrom::Given("cmdx==0.1.0".into()),
        has_slash: false,
        regenerate: format!("cmdx ci-setup --platform={}", platform.name()),
        facts: facts(),
    }
}

fn text(setup: &Setup) -> String {
    setup.check().expect("fit to be written");
    generate(setup).expect("rendered").text
}

#[test]
fn the_same_setup_gives_the_same_bytes_and_knows_its_own_hand() {
    for platform in Platform::ALL {
        let once = text(&setup(platform));
        assert_eq!(once, text(&setup(platform)));
        assert_eq!(origin(&once), Origin::Ours, "{}", platform.name());
        assert!(!once.contains("\n\n\n") && once.ends_with('\n') && !once.ends_with("\n\n"), "{once}");
        assert!(once.lines().all(|line| line.trim_end() == line), "{once}");
    }
}

#[test]
fn every_action_is_pinned_by_its_commit() {
    let mut sharded = setup(Platform::Github);
    sharded.n_shards = 3;
    for setup in [setup(Platform::Github), sharded] {
        assert!(is_pinned(&text(&setup)));
    }
}

#[test]
fn no_package_is_installed_without_a_version_and_nothing_is_piped_into_a_shell() {
    let tools =
        [Dependencies::Uv, Dependencies::Poetry, Dependencies::Pdm, Dependencies::Pipenv, Dependencies::Nothing];
    for dependencies in tools {
        for platform in yaml_platforms() {
            let mut setup = setup(platform);
            setup.facts.dependencies = dependencies.clone();
            setup.facts.lacks_pytest = true;
            let text = text(&setup);
            for line in text.lines().filter(|line| line.contains("pip install")) {
                let words = line.rsplit("pip install").next().unwrap_or_default();
                assert!(words.contains("==") || words.contains("${CMDX_INSTALL_FROM}"), "{line}");
            }
            assert!(!text.contains("curl") && !text.contains("| sh") && !text.contains("| bash"), "{text}");
        }
    }
}

#[test]
fn without_gates_and_monitoring_nothing_is_checked_scheduled_or_kept() {
    for platform in yaml_platforms().filter(|platform| *platform != Platform::PreCommit) {
        let mut plain = setup(platform);
        (plain.has_gates, plain.has_monitoring) = (false, false);
        let text = text(&plain);
        assert!(text.contains("run-all-tests --benchmark --scientific --report"), "{text}");
        for word in ["double-check", "cron", ".cmdx/history", "codequality"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
}

#[test]
fn a_branch_with_shell_code_for_a_name_reaches_no_line_of_shell() {
    for branch in ["$(touch${IFS}x)", "\";rm${IFS}-rf${IFS}.", "'; x; '", "`x`", "$(touch x)", "\";rm -rf ."] {
        for platform in Platform::ALL {
            let mut setup = setup(platform);
            setup.facts.default_branch = branch.into();
            for line in text(&setup).lines().filter(|line| line.contains(branch) || line.contains(&branch[1..])) {
                let value = line.trim().trim_start_matches("- ").trim_end_matches(':');
                let value = value.strip_prefix("branches: [").map_or(value, |rest| rest.trim_end_matches(']'));
                let value = value.strip_prefix("DEFAULT_BRANCH: ").unwrap_or(value);
                let read: String = serde_json::from_str(value).expect("one quoted scalar");
                assert_eq!(read, branch, "{line}");
            }
        }
    }
}

#[test]
fn texts_that_open_an_expression_or_end_the_line_are_refused() {
    let refused = |change: &dyn Fn(&mut Setup)| {
        let mut setup = setup(Platform::Github);
        change(&mut setup);
        setup.check().expect_err("refused").to_string()
    };
    assert!(refused(&|setup| setup.facts.default_branch = "${{ github.token }}".into()).contains("default branch"));
    assert!(refused(&|setup| setup.facts.default_branch = "<< x >>".into()).contains("default branch"));
    assert!(refused(&|setup| setup.facts.prefix = "a$(x)/".into()).contains("directory"));
    let from = InstallFrom::Given("cmdx\n  run: x".into());
    assert!(refused(&|setup| setup.install_from = from.clone()).contains("cmdx comes from"));
}

#[test]
fn a_branch_is_a_pattern_that_means_only_itself() {
    let mut odd = setup(Platform::Github);
    odd.facts.default_branch = "release+1!".into();
    assert!(text(&odd).contains(r#"branches: ["release\\+1\\!"]"#), "{}", text(&odd));
}

#[test]
fn a_source_that_is_not_known_is_asked_for_by_the_first_run() {
    let mut unknown = setup(Platform::Github);
    unknown.install_from = InstallFrom::Variable;
    let text = text(&unknown);
    assert!(text.contains("CMDX_INSTALL_FROM: ${{ vars.CMDX_INSTALL_FROM }}"), "{text}");
    assert!(text.contains("${CMDX_INSTALL_FROM:?set this variable"), "{text}");
    assert!(!text.contains("cmdx==") && !text.contains("install cmdx"), "{text}");
}

#[test]
fn services_stand_beside_the_job_and_programs_find_them() {
    let mut with = setup(Platform::Github);
    with.facts.services = vec![CiService::Postgres, CiService::Redis];
    with.facts.reads_database_url = true;
    let github = text(&with);
    for words in ["image: postgres:17", "pg_isready", "PGHOST: \"127.0.0.1\"", "REDIS_URL:", "DATABASE_URL:"] {
        assert!(github.contains(words), "{words} not in {github}");
    }
    with.platform = Platform::Gitlab;
    assert!(text(&with).contains("PGHOST: \"postgres\""));
}

#[test]
fn a_hook_is_put_first_into_a_list_that_is_there() {
    let ours = text(&setup(Platform::PreCommit));
    let theirs =
        "default_stages: [pre-commit]\nrepos:\n- repo: https://example.org/a\n  rev: v1\n  hooks:\n  - id: a\n";
    let joined = inserted_hook(theirs, &ours).expect("a list");
    assert!(joined.starts_with("default_stages: [pre-commit]\nrepos:\n- repo: local\n  hooks:\n"), "{joined}");
    assert!(joined.ends_with("- repo: https://example.org/a\n  rev: v1\n  hooks:\n  - id: a\n"), "{joined}");
    assert_eq!(inserted_hook("repos: []\n", &ours), None);
}
