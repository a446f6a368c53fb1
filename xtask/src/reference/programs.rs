//! What only a program can say: the help of each command, the OpenAPI document, and the types that are made of it.

use std::fs;
use std::path::{Path, PathBuf};

use super::page::{FOLDER, Generated, head, page};
use crate::report::Failure;
use crate::run;

/// The types of the admin API and the bridge, for each package that speaks to them.
const TYPES: [&str; 2] = [
    "packages/dashboard/src/admin/openapi.ts",
    "packages/nuxt/src/runtime/openapi.ts",
];

/// `cli.md`, `openapi.json` and `admin-api.md`.
pub(super) fn pages() -> Result<Vec<Generated>, Failure> {
    let mut files = vec![page("cli", command_line()?)];
    let folder = scratch()?;
    let at = folder.display().to_string();
    let arguments = [
        "run",
        "--quiet",
        "--package",
        "headcount-server",
        "--features",
        "openapi",
        "--example",
        "reference",
        "--",
        &at,
    ];
    run::succeed(
        &mut run::command("cargo", &arguments),
        "mend what the compiler names",
    )?;
    for name in ["openapi.json", "admin-api.md"] {
        files.push(Generated {
            path: format!("{FOLDER}/{name}"),
            text: read(&folder.join(name))?,
        });
    }
    Ok(files)
}

/// What `openapi-typescript` makes of the document that [`pages`] left behind.
pub(super) fn types() -> Result<Vec<Generated>, Failure> {
    let made = scratch()?.join("openapi.ts");
    let document = scratch()?.join("types.json").display().to_string();
    let at = made.display().to_string();
    let arguments = [
        "exec",
        "--",
        "openapi-typescript",
        &document,
        "--output",
        &at,
        "--immutable",
        "--root-types",
        "--root-types-no-schema-prefix",
    ];
    run::captured(&mut run::command("npm", &arguments)).and_then(|(well, said)| {
        if well {
            Ok(())
        } else {
            Err(Failure::new(said, "install the npm packages: npm ci"))
        }
    })?;
    let text = read(&made)?;
    Ok(TYPES
        .iter()
        .map(|path| Generated {
            path: (*path).to_owned(),
            text: text.clone(),
        })
        .collect())
}

/// The help of the program and of each of its commands.
fn command_line() -> Result<String, Failure> {
    run::succeed(
        &mut run::command("cargo", &["build", "--quiet", "--package", "headcount"]),
        "mend what the compiler names",
    )?;
    let whole = help(&[])?;
    let mut text = head("Command line", "the program's own help");
    text.push_str("Output is data on stdout, and talk on stderr. `serve` reads its settings from [three places](configuration.md).\n");
    text.push_str(&section("headcount", &whole));
    for name in commands(&whole) {
        text.push_str(&section(&format!("headcount {name}"), &help(&[name])?));
    }
    Ok(text)
}

fn section(name: &str, help: &str) -> String {
    format!("\n## `{name}`\n\n```text\n{}\n```\n", help.trim_end())
}

/// The names below `Commands:`.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let below = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = below
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
}

/// Without a terminal help is 100 columns wide.
fn help(command: &[&str]) -> Result<String, Failure> {
    let program = run::root().join("target/debug/headcount");
    let mut asked = run::command(&program.display().to_string(), command);
    run::output(asked.arg("--help"))
}

fn scratch() -> Result<PathBuf, Failure> {
    let folder = run::root().join("target/reference");
    fs::create_dir_all(&folder).map_err(|error| {
        Failure::new(
            format!("cannot make {}: {error}", folder.display()),
            "look at its permissions",
        )
    })?;
    Ok(folder)
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display()), "run it again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_the_help() {
        let help = "Knows.\n\nCommands:\n  serve  Run a server\n         and more\n  demo   Try it\n  help   Print\n\nOptions:\n  -h\n";
        assert_eq!(commands(help).collect::<Vec<_>>(), ["serve", "demo"]);
    }
}
