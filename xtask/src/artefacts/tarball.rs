//! The tarball: the folder that is staged, for any Linux with a glibc that is new enough.

use std::path::Path;

use super::staged::{Profile, Staged};
use crate::report::{Failure, Passed};
use crate::run;

pub(crate) fn make(staged: &Staged) -> Result<Passed, Failure> {
    let name = format!("{}.tar.gz", staged.name());
    let parent = staged.folder.parent().unwrap_or(&staged.folder);
    let archive = staged.out.join(&name);
    pack(
        parent,
        &staged.name(),
        &archive,
        &staged.epoch,
        effort(staged.profile),
    )?;
    Ok(Passed::Noting(name))
}

/// How much time gzip takes.
fn effort(profile: Profile) -> &'static str {
    match profile {
        Profile::Release => "--best",
        Profile::Dev => "--fast",
    }
}

/// Packs the entry `name` of `folder`: sorted, owned by root, every file as old as `epoch`. The same files give the same bytes.
pub(crate) fn pack(
    folder: &Path,
    name: &str,
    archive: &Path,
    epoch: &str,
    effort: &str,
) -> Result<(), Failure> {
    let (folder, archive) = (folder.display().to_string(), archive.display().to_string());
    let time = format!("--mtime=@{epoch}");
    let compressed = format!("--use-compress-program=gzip --no-name {effort}");
    let arguments = [
        "--create",
        "--sort=name",
        &time,
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mode=u=rwX,go=rX",
        "--format=ustar",
        &compressed,
        "--file",
        &archive,
        "--directory",
        &folder,
        name,
    ];
    run::succeed(&mut run::command("tar", &arguments), "install GNU tar and gzip")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let root = std::env::temp_dir().join(format!("headcount-tarball-{}", std::process::id()));
        let archive = |folder: &str, names: [&str; 2]| {
            let there = root.join(folder).join("a");
            fs::create_dir_all(&there).unwrap();
            for name in names {
                fs::write(there.join(name), "text").unwrap();
            }
            let path = root.join(format!("{folder}.tar.gz"));
            pack(&root.join(folder), "a", &path, "1700000000", "--fast").unwrap();
            fs::read(path).unwrap()
        };
        assert_eq!(archive("one", ["x", "y"]), archive("two", ["y", "x"]));
        fs::remove_dir_all(root).unwrap();
    }
}
