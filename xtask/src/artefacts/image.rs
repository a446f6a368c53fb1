//! The container image, as an archive of an OCI layout that registries, Podman and Docker take.
//!
//! One layer, without a shell or a package manager: the binary, the libraries of Debian that it is linked to, certificates, and the names of its user.
//! `tar` says whom each file belongs to and how old it is, so this needs no root, and the same commit gives the same image. `umoci`
//! makes the layout of it. `deploy/container/Containerfile` makes an image of the same form from the sources.

use std::fs;
use std::path::Path;

use super::staged::{Staged, THIRD_PARTY, copy, unwritten};
use crate::report::{Failure, Passed};
use crate::{needs, run};

const USER: &str = "65532";
const DATA: &str = "./var/lib/headcount";
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Files of the root that are the same in the Containerfile's image.
const FILES: [&str; 3] = ["passwd", "group", "nsswitch.conf"];

pub(crate) fn make(staged: &Staged) -> Result<Passed, Failure> {
    needs::umoci()?;
    let folder = staged.out.join("stage/image");
    let root = folder.join("root");
    fill(&root, staged)?;
    let layer = folder.join("layer.tar");
    pack_layer(&root, &layer, &staged.epoch)?;
    let architecture = architecture(&staged.target)?;
    let layout = folder.join("layout");
    assemble(staged, &layout, &layer, architecture)?;
    let name = format!("headcount-{}-linux-{architecture}.oci.tar", staged.version);
    let time = format!("--mtime=@{}", staged.epoch);
    tar(
        &[
            "--create",
            "--sort=name",
            &time,
            "--owner=0",
            "--group=0",
            "--mode=u=rwX,go=rX",
        ],
        &staged.out.join(&name),
        &layout,
        &["blobs", "index.json", "oci-layout"],
    )?;
    Ok(Passed::Noting(name))
}

/// What containers call the processor.
fn architecture(target: &str) -> Result<&'static str, Failure> {
    match target.split('-').next() {
        Some("x86_64") => Ok("amd64"),
        Some("aarch64") => Ok("arm64"),
        _ => Err(Failure::new(
            format!("no image is made for {target}"),
            "teach xtask/src/artefacts/image.rs what containers call it",
        )),
    }
}

fn fill(root: &Path, staged: &Staged) -> Result<(), Failure> {
    place(&staged.binary, root, "/usr/bin/headcount")?;
    for library in libraries(&staged.binary)? {
        place(Path::new(&library), root, &library)?;
    }
    place(Path::new(CERTIFICATES), root, CERTIFICATES)?;
    for name in FILES {
        let file = run::root().join("deploy/container").join(name);
        place(&file, root, &format!("/etc/{name}"))?;
    }
    for licence in ["LICENSE-APACHE", "LICENSE-MIT", THIRD_PARTY] {
        let to = format!("/usr/share/doc/headcount/{licence}");
        place(&staged.folder.join(licence), root, &to)?;
    }
    for package in ["libc6", "libgcc-s1", "ca-certificates"] {
        describe(package, root)?;
    }
    for empty in [DATA, "tmp"] {
        let folder = root.join(empty);
        fs::create_dir_all(&folder).map_err(|error| unwritten(&folder, &error))?;
    }
    Ok(())
}

/// The licence of a package of Debian, and its version where scanners look for it.
fn describe(package: &str, root: &Path) -> Result<(), Failure> {
    let licence = format!("/usr/share/doc/{package}/copyright");
    place(Path::new(&licence), root, &licence)?;
    let status = run::output(&mut run::command("dpkg-query", &["--status", package]))?;
    let path = root.join("var/lib/dpkg/status.d").join(package);
    let folder = path.parent().unwrap_or(root);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, status));
    written.map_err(|error| unwritten(&path, &error))
}

/// The paths of what the binary is linked to, the loader included.
fn libraries(binary: &Path) -> Result<Vec<String>, Failure> {
    let said = run::output(&mut run::command("ldd", &[&binary.display().to_string()]))?;
    Ok(paths(&said))
}

/// `/lib/…/libc.so.6` of `libc.so.6 => /lib/…/libc.so.6 (0x…)`, and the loader, which has no arrow.
fn paths(said: &str) -> Vec<String> {
    let words = said
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    words.map(str::to_owned).collect()
}

fn place(from: &Path, root: &Path, to: &str) -> Result<(), Failure> {
    let to = root.join(to.trim_start_matches('/'));
    let folder = to.parent().unwrap_or(root);
    fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
    copy(from, &to)
}

/// Everything belongs to root, but for the data.
fn pack_layer(root: &Path, layer: &Path, epoch: &str) -> Result<(), Failure> {
    let time = format!("--mtime=@{epoch}");
    let exclude = format!("--exclude={DATA}");
    let common = ["--numeric-owner", &time];
    let of_root = [
        "--create",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--mode=u=rwX,go=rX",
        &exclude,
    ];
    tar(&[&of_root[..], &common].concat(), layer, root, &["."])?;
    let (user, group) = (format!("--owner={USER}"), format!("--group={USER}"));
    tar(
        &[&["--append", &user, &group, "--mode=0750"][..], &common].concat(),
        layer,
        root,
        &[DATA],
    )
}

fn tar(options: &[&str], archive: &Path, folder: &Path, entries: &[&str]) -> Result<(), Failure> {
    let (archive, folder) = (archive.display().to_string(), folder.display().to_string());
    let places = ["--format=ustar", "--file", &archive, "--directory", &folder];
    let arguments = [options, &places, entries].concat();
    run::succeed(&mut run::command("tar", &arguments), "install GNU tar")
}

/// Makes the layout: the layer, and the image's configuration.
fn assemble(staged: &Staged, layout: &Path, layer: &Path, architecture: &str) -> Result<(), Failure> {
    let image = format!("{}:{}", layout.display(), staged.version);
    let created = run::output(&mut run::command(
        "date",
        &[
            "--utc",
            "--date",
            &format!("@{}", staged.epoch),
            "+%Y-%m-%dT%H:%M:%SZ",
        ],
    ))?;
    let created = created.trim();
    let layout = layout.display().to_string();
    umoci(&["init", "--layout", &layout])?;
    umoci(&["new", "--image", &image])?;
    umoci(&[
        "raw",
        "add-layer",
        "--image",
        &image,
        "--history.created",
        created,
        "--history.created_by",
        "cargo xtask dist",
        &layer.display().to_string(),
    ])?;
    let mut arguments: Vec<String> = ["config", "--image", &image, "--no-history", "--created", created]
        .into_iter()
        .chain(["--os", "linux", "--architecture", architecture])
        .map(str::to_owned)
        .collect();
    for (option, value) in settings(staged, created)? {
        arguments.extend([format!("--{option}"), value]);
    }
    umoci(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
    umoci(&["gc", "--layout", &layout])
}

/// What `umoci config` is told, as the Containerfile tells it.
fn settings(staged: &Staged, created: &str) -> Result<Vec<(&'static str, String)>, Failure> {
    let file = run::root().join("deploy/container/Containerfile");
    let text = fs::read_to_string(&file).map_err(|error| {
        Failure::new(
            format!("cannot read {}: {error}", file.display()),
            "look at its permissions",
        )
    })?;
    let mut settings = of_containerfile(&text);
    let revision = run::output(&mut run::command("git", &["rev-parse", "HEAD"]))?;
    for (label, value) in [
        ("version", staged.version.as_str()),
        ("revision", revision.trim()),
        ("created", created),
    ] {
        let pair = format!("org.opencontainers.image.{label}={value}");
        settings.extend([("config.label", pair.clone()), ("manifest.annotation", pair)]);
    }
    Ok(settings)
}

/// The instructions of the last stage that describe the image: `USER`, `EXPOSE`, `ENV`, `ENTRYPOINT`, `CMD`, `VOLUME`, `STOPSIGNAL`, `LABEL`.
/// One line each; `ENTRYPOINT` and `CMD` are lists of one word.
fn of_containerfile(text: &str) -> Vec<(&'static str, String)> {
    let last = text.rfind("\nFROM ").map_or(text, |start| &text[start..]);
    let mut found = Vec::new();
    for (instruction, value) in last.lines().filter_map(|line| line.split_once(' ')) {
        let plain = value.trim_matches(['[', ']', '"']).to_owned();
        match instruction {
            "USER" => found.push(("config.user", plain)),
            "EXPOSE" => found.push(("config.exposedports", plain)),
            "ENV" => found.push(("config.env", plain)),
            "ENTRYPOINT" => found.push(("config.entrypoint", plain)),
            "CMD" => found.push(("config.cmd", plain)),
            "VOLUME" => found.push(("config.volume", plain)),
            "STOPSIGNAL" => found.push(("config.stopsignal", plain)),
            "LABEL" => {
                let pair = value.replace('"', "");
                found.extend([("config.label", pair.clone()), ("manifest.annotation", pair)]);
            }
            _ => {}
        }
    }
    found
}

fn umoci(arguments: &[&str]) -> Result<(), Failure> {
    run::succeed(&mut run::command("umoci", arguments), "see umoci's message above")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_and_the_loader_are_found_in_what_ldd_says() {
        let said = "\tlinux-vdso.so.1 (0x00007f)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        assert_eq!(
            paths(said),
            ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]
        );
    }

    #[test]
    fn the_image_is_described_by_the_last_stage_of_the_containerfile() {
        let text = "FROM a AS b\nUSER root\n\nFROM scratch\nCOPY x /x\nUSER 1:1\nENV A=b\nCMD [\"serve\"]\nLABEL c=\"d e\"\n";
        let expected = [
            ("config.user", "1:1"),
            ("config.env", "A=b"),
            ("config.cmd", "serve"),
            ("config.label", "c=d e"),
            ("manifest.annotation", "c=d e"),
        ];
        assert_eq!(
            of_containerfile(text),
            expected.map(|(option, value)| (option, value.to_owned()))
        );
    }

    #[test]
    fn a_processor_without_a_name_in_containers_is_refused() {
        assert_eq!(architecture("aarch64-unknown-linux-gnu").unwrap(), "arm64");
        assert!(architecture("riscv64gc-unknown-linux-gnu").is_err());
    }
}
