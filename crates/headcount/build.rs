//! Puts the browser client and the board into the binary, where their packages were built.
//!
//! Where they were not, because there is no Node or nobody asked for them, the lists are empty and everything else is as ever.
//! That is why this is no macro of a crate for embedding: those want their folder to be there, and none compresses. Nothing is
//! built by npm from here; `cargo xtask build` does that first.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Where the packages are, from this crate.
const PACKAGES: &str = "../../packages";

fn main() -> Result<(), Box<dyn Error>> {
    let said_by_cargo = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .ok_or("cargo did not run this")
    };
    let (here, out) = (said_by_cargo("CARGO_MANIFEST_DIR")?, said_by_cargo("OUT_DIR")?);
    let packages = here.join(PACKAGES);
    let (client, board) = (packages.join("client/dist"), packages.join("dashboard/dist"));
    let script = ["client.js", "client.js.map"].map(|name| client.join(name));
    let mut script: Vec<_> = script.into_iter().filter(|path| path.is_file()).collect();
    script.extend(files_in(&client.join("client"))?);
    let mut code = String::new();
    for (name, folder, files) in [("client", &client, script), ("board", &board, files_in(&board)?)] {
        println!("cargo::rerun-if-changed={}", nearest(folder).display());
        writeln!(code, "fn {name}() -> Vec<AssetFile> {{\n    vec![")?;
        for file in files {
            code.push_str(&entry(folder, &file, &out)?);
        }
        writeln!(code, "    ]\n}}")?;
    }
    fs::write(out.join("assets.rs"), code)?;
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}

/// The folder, or the nearest one around it that is there: cargo runs this again at every build for a path that is not.
fn nearest(folder: &Path) -> &Path {
    folder.ancestors().find(|path| path.exists()).unwrap_or(folder)
}

/// Every file below the folder, in an order that stays; none where it is not there.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_in(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The code for one file, whose compressed form it leaves in `out`.
fn entry(folder: &Path, file: &Path, out: &Path) -> Result<String, Box<dyn Error>> {
    let text = |path: &Path| path.to_str().map(str::to_owned).ok_or("a name that is no UTF-8");
    let (path, source) = (text(file.strip_prefix(folder)?)?, text(file)?);
    let bytes = fs::read(file)?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes)?;
    let gzip = encoder.finish()?;
    let mut compressed = String::new();
    // Fonts and pictures are compressed already.
    if gzip.len() < bytes.len() * 9 / 10 {
        let package = folder.parent().and_then(Path::file_name).unwrap_or_default();
        let name = format!("{}-{}.gz", package.display(), path.replace('/', "-"));
        fs::write(out.join(&name), gzip)?;
        compressed = format!(
            ".compressed(::bytes::Bytes::from_static(include_bytes!(concat!(env!(\"OUT_DIR\"), {:?}))))",
            format!("/{name}")
        );
    }
    Ok(format!(
        "        AssetFile::new({path:?}, ::bytes::Bytes::from_static(include_bytes!({source:?}))){compressed},\n"
    ))
}
