//! Writes the OpenAPI document of the admin API and the bridge into a folder: as `openapi.json`, as a page for people
//! (`admin-api.md`), and without its errors for a program that makes types of it (`types.json`). `cargo xtask generate` runs it.

mod page;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = std::env::args_os()
        .nth(1)
        .ok_or("name a folder to write to")?
        .into();
    let document = headcount_server::openapi::document();
    fs::create_dir_all(&folder)?;
    fs::write(
        folder.join("openapi.json"),
        serde_json::to_string_pretty(&document)? + "\n",
    )?;
    fs::write(folder.join("admin-api.md"), page::page(&document))?;
    fs::write(folder.join("types.json"), without_errors(document).to_string())?;
    Ok(())
}

/// The errors of each operation are all of one type, which would be written out hundreds of times.
fn without_errors(mut document: Value) -> Value {
    let paths = document["paths"]
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut);
    for operation in paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        if let Some(responses) = operation["responses"].as_object_mut() {
            responses.retain(|status, _| status == "200");
        }
    }
    document
}
