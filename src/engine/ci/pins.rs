//! Every version that generated files name, in one place. Actions are pinned by commit, since a tag can be moved.

/// An action with the commit its version's tag stood at when it was reviewed.
pub(super) struct Action {
    /// The key templates use.
    pub key: &'static str,
    /// Owner, repository and path.
    pub name: &'static str,
    /// The commit.
    pub commit: &'static str,
    /// The version of that commit.
    pub version: &'static str,
}

pub(super) const ACTIONS: &[Action] = &[
    Action {
        key: "checkout",
        name: "actions/checkout",
        commit: "3d3c42e5aac5ba805825da76410c181273ba90b1",
        version: "v7.0.1",
    },
    Action {
        key: "setup_python",
        name: "actions/setup-python",
        commit: "5fda3b95a4ea91299a34e894583c3862153e4b97",
        version: "v7.0.0",
    },
    Action {
        key: "cache",
        name: "actions/cache",
        commit: "27d5ce7f107fe9357f9df03efb73ab90386fccae",
        version: "v5.0.5",
    },
    Action {
        key: "cache_restore",
        name: "actions/cache/restore",
        commit: "27d5ce7f107fe9357f9df03efb73ab90386fccae",
        version: "v5.0.5",
    },
    Action {
        key: "cache_save",
        name: "actions/cache/save",
        commit: "27d5ce7f107fe9357f9df03efb73ab90386fccae",
        version: "v5.0.5",
    },
    Action {
        key: "upload_artifact",
        name: "actions/upload-artifact",
        commit: "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f",
        version: "v7.0.0",
    },
    Action {
        key: "download_artifact",
        name: "actions/download-artifact",
        commit: "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c",
        version: "v8.0.1",
    },
];

/// Tools that install dependencies, as pip takes them.
pub(super) const UV: &str = "uv==0.13.9";
pub(super) const POETRY: &str = "poetry==2.5.1";
pub(super) const PDM: &str = "pdm==2.29.4";
pub(super) const PIPENV: &str = "pipenv==2026.10.3";
/// The first pip that installs dependency groups is 25.1; this one runs on Python 3.9 too.
pub(super) const PIP: &str = "pip==25.3";
/// For projects whose tests need pytest without saying so; runs on Python 3.9 and later.
pub(super) const PYTEST: &str = "pytest==8.4.2";

/// Hosted machines, named by release: `latest` changes hardware and image, and figures with it.
pub(super) const MACHINE: &str = "ubuntu-24.04";
