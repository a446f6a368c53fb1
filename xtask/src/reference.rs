//! The generated part of `docs/reference/`, and the pictures of rooms in ARCHITECTURE.md: written by `cargo xtask generate`, and judged to be fresh by `check` and `test`.
//!
//! Nothing on these pages is written by hand twice. Settings come from the table of settings, from the help of their flags and from the
//! comments on the configuration; limits and metrics from their tables; commands from the help that the program prints; the admin API
//! from the OpenAPI document, which comes from the handlers. A fact that a comment states beside the code, such as a default, is held
//! against the code.

mod comments;
mod limits;
mod metrics;
mod page;
mod programs;
mod protocol;
mod settings;

use std::fs;

use crate::report::{Failure, Passed, step};
use crate::{chart, rooms, run};
use page::{Generated, page, source, unread};

const NEXT: &str = "run `cargo xtask generate` and commit what it writes";

/// Writes everything.
pub(crate) fn generate() -> Result<(), Failure> {
    step("reference from the sources", || write(&from_sources()?))?;
    step("reference from the programs", || write(&programs::pages()?))?;
    step("types from the OpenAPI document", || write(&programs::types()?))?;
    step("manifests for Kubernetes", chart::write_manifests)
}

/// Whether what needs no build is fresh.
pub(crate) fn sources_are_fresh() -> Result<Passed, Failure> {
    compare(&from_sources()?)
}

/// Whether what the programs say is fresh: the command line, the admin API, and the types that are made of it.
pub(crate) fn programs_are_fresh() -> Result<Passed, Failure> {
    compare(&programs::pages()?)?;
    compare(&programs::types()?)
}

fn from_sources() -> Result<Vec<Generated>, Failure> {
    let mut files = vec![
        architecture()?,
        page("limits", limits::page()?),
        page("configuration", settings::page()?),
        page("metrics", metrics::page()?),
        page("protocol", protocol::page()?),
    ];
    files.extend(protocol::documents()?);
    Ok(files)
}

/// The pictures of rooms in ARCHITECTURE.md: what stands between the two comments that name a crate.
fn architecture() -> Result<Generated, Failure> {
    let path = "ARCHITECTURE.md";
    let mut text = source(path)?;
    for name in rooms::houses::NAMES {
        let begin = format!("<!-- rooms of {name} -->\n");
        let parts = text.split_once(&begin).and_then(|(before, rest)| {
            let (_, after) = rest.split_once("<!-- until here -->")?;
            Some((before.to_owned(), after.to_owned()))
        });
        let (before, after) = parts.ok_or_else(|| unread(path, &begin))?;
        text = format!(
            "{before}{begin}{}<!-- until here -->{after}",
            rooms::picture(name)
        );
    }
    Ok(Generated {
        path: path.to_owned(),
        text,
    })
}

fn write(files: &[Generated]) -> Result<Passed, Failure> {
    for file in files {
        let path = run::root().join(&file.path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all);
        written
            .and_then(|()| fs::write(&path, &file.text))
            .map_err(|error| {
                Failure::new(
                    format!("cannot write {}: {error}", file.path),
                    "look at its permissions",
                )
            })?;
    }
    Ok(Passed::Noting(format!("{} files", files.len())))
}

fn compare(files: &[Generated]) -> Result<Passed, Failure> {
    let stale = |file: &&Generated| {
        fs::read_to_string(run::root().join(&file.path)).ok().as_ref() != Some(&file.text)
    };
    let findings: Vec<String> = files
        .iter()
        .filter(stale)
        .map(|file| format!("{}: says something else than the code", file.path))
        .collect();
    Failure::unless_empty(&findings, NEXT)?;
    Ok(Passed::Noting(format!("{} files", files.len())))
}
