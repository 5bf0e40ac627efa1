//! The build servers, each with the place of its file.

/// Who runs the generated file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
    /// Azure Pipelines.
    Azure,
    /// CircleCI.
    Circleci,
    /// Bitbucket Pipelines.
    Bitbucket,
    /// Jenkins, a declarative pipeline.
    Jenkins,
    /// pre-commit, before a push.
    PreCommit,
}

impl Platform {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Github, Self::Gitlab, Self::Azure, Self::Circleci, Self::Bitbucket, Self::Jenkins, Self::PreCommit];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Azure => "azure",
            Self::Circleci => "circleci",
            Self::Bitbucket => "bitbucket",
            Self::Jenkins => "jenkins",
            Self::PreCommit => "pre-commit",
        }
    }

    /// Where its file lies, from the repository's top.
    pub fn path(self) -> &'static str {
        match self {
            Self::Github => ".github/workflows/performance.yml",
            Self::Gitlab => ".gitlab-ci.yml",
            Self::Azure => "azure-pipelines.yml",
            Self::Circleci => ".circleci/config.yml",
            Self::Bitbucket => "bitbucket-pipelines.yml",
            Self::Jenkins => "Jenkinsfile",
            Self::PreCommit => ".pre-commit-config.yaml",
        }
    }

    /// Where it lies when a hand-written file holds the first place and can include another one.
    pub fn second_path(self) -> Option<&'static str> {
        (self == Self::Gitlab).then_some(".gitlab/cmdx.yml")
    }

    pub(super) fn template(self) -> &'static str {
        match self {
            Self::Github => include_str!("../../../templates/ci/github.yml.hbs"),
            Self::Gitlab => include_str!("../../../templates/ci/gitlab.yml.hbs"),
            Self::Azure => include_str!("../../../templates/ci/azure.yml.hbs"),
            Self::Circleci => include_str!("../../../templates/ci/circleci.yml.hbs"),
            Self::Bitbucket => include_str!("../../../templates/ci/bitbucket.yml.hbs"),
            Self::Jenkins => include_str!("../../../templates/ci/jenkinsfile.hbs"),
            Self::PreCommit => include_str!("../../../templates/ci/pre-commit.yaml.hbs"),
        }
    }

    /// True where the job runs in an image of Python that has neither git nor a compiler.
    pub(super) fn is_slim_image(self) -> bool {
        matches!(self, Self::Gitlab | Self::Bitbucket | Self::Jenkins)
    }
}
