//! The changelog, in the form of Keep a Changelog: what is under `[Unreleased]` becomes a version's.

const UNRELEASED: &str = "## [Unreleased]\n";

/// What is written under `[Unreleased]`, if there is an entry.
pub(super) fn unreleased(text: &str) -> Option<String> {
    let (_, below) = text.split_once(UNRELEASED)?;
    let section = below.split("\n## ").next().unwrap_or(below).trim();
    section
        .lines()
        .any(|line| line.starts_with("- "))
        .then(|| section.to_owned())
}

/// The changelog with that under the version and its day, and nothing under `[Unreleased]`.
pub(super) fn dated(text: &str, version: &str, day: &str) -> String {
    text.replacen(UNRELEASED, &format!("{UNRELEASED}\n## [{version}] - {day}\n"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.1.0] - 2026-01-02\n\n- All.\n";

    #[test]
    fn entries_move_under_their_version() {
        assert_eq!(unreleased(TEXT).as_deref(), Some("### Added\n\n- A thing."));
        let dated = dated(TEXT, "0.2.0", "2026-02-03");
        assert!(
            dated.contains(
                "## [Unreleased]\n\n## [0.2.0] - 2026-02-03\n\n### Added\n\n- A thing.\n\n## [0.1.0]"
            )
        );
        assert_eq!(unreleased(&dated), None);
    }

    #[test]
    fn headings_alone_are_no_entry() {
        assert_eq!(
            unreleased("## [Unreleased]\n\n### Added\n\n## [0.1.0]\n\n- All.\n"),
            None
        );
        assert_eq!(unreleased("# Changelog\n"), None);
    }
}
