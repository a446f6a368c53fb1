//! Plans of releases, in a small repository of git.

use super::*;

const LOG: &str = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n";

/// A repository with a workspace, a package and a guide, committed on `main`.
struct Repository(PathBuf);

impl Repository {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("headcount-release-{name}-{}", std::process::id()));
        let repository = Self(root);
        for (path, text) in [
            ("Cargo.toml", "[workspace.package]\nversion = \"0.1.0\"\n"),
            ("packages/client/package.json", "{\n  \"version\": \"0.1.0\"\n}\n"),
            (
                "docs/guides/install.md",
                "apt install ./headcount_0.1.0-1_amd64.deb\n",
            ),
            (CHANGELOG, LOG),
        ] {
            repository.write(path, text);
        }
        repository.git(&["init", "--quiet", "--initial-branch", BRANCH]);
        repository.commit();
        repository
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> String {
        let who = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
        git(&self.0, &[&who[..], arguments].concat()).unwrap()
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "all"]);
    }

    fn refused(&self, version: &str) -> String {
        plan(&self.0, version).unwrap_err().what
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_plan_changes_nothing_until_it_is_written() {
    let repository = Repository::new("plan");
    let plan = plan(&repository.0, "0.2.0").unwrap();
    let text = plan.text();
    for said in [
        "packages/client/package.json",
        "docs/guides/install.md",
        CHANGELOG,
        "v0.2.0",
        "- A thing.",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    assert_eq!(repository.git(&["status", "--porcelain"]), "");

    plan.write(&repository.0).unwrap();
    for (path, holds) in [
        ("Cargo.toml", "version = \"0.2.0\""),
        ("packages/client/package.json", "\"version\": \"0.2.0\""),
        ("docs/guides/install.md", "headcount_0.2.0-1"),
        (CHANGELOG, "## [Unreleased]\n\n## [0.2.0] - 2"),
    ] {
        assert!(read(&repository.0.join(path)).unwrap().contains(holds), "{path}");
    }
}

#[test]
fn the_first_release_may_have_the_version_that_is_there() {
    let repository = Repository::new("first");
    let files = plan(&repository.0, "0.1.0").unwrap().files;
    assert_eq!(
        files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>(),
        [PathBuf::from(CHANGELOG)]
    );
}

#[test]
fn a_version_is_released_once_and_none_after_a_newer_one() {
    let repository = Repository::new("older");
    repository.git(&["tag", "v0.3.0"]);
    assert!(repository.refused("0.3.0").contains("v0.3.0 is there already"));
    assert!(
        repository
            .refused("0.2.0")
            .contains("0.2.0 is not newer than 0.3.0")
    );
    assert!(
        repository
            .refused("0.0.9")
            .contains("0.0.9 is not newer than 0.1.0")
    );
    assert!(plan(&repository.0, "0.3.1").is_ok());
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let repository = Repository::new("wrong");
    repository.write(CHANGELOG, "# Changelog\n\n## [Unreleased]\n\n### Added\n");
    repository.commit();
    repository.git(&["switch", "--quiet", "--create", "other"]);
    repository.write("new.txt", "");
    let told = repository.refused("next");
    for said in [
        "new.txt",
        "the branch is `other`",
        "`next` is not a version",
        "nothing is written under [Unreleased]",
    ] {
        assert!(told.contains(said), "{said} is not in\n{told}");
    }
}
