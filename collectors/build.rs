//! Builds the built-in collectors and writes the list the crate includes them by. They are plugins like any other.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

/// Folders of `plugins/` whose plugins the binary carries, in the order an operator sees them.
const EMBEDDED: [&str; 5] = ["webhook", "mailgun", "platform", "recurly", "ai"];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A line each: cargo shows them as they are, without the script's backtrace.
            for line in error.to_string().lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let workspace = Path::new(&env::var("CARGO_MANIFEST_DIR")?).with_file_name("plugins");
    for input in system_log_plugin_build::inputs(&workspace, &EMBEDDED) {
        println!("cargo::rerun-if-changed={}", input.display());
    }
    // A target folder of its own: the outer cargo holds the lock of its own one.
    let plugins = system_log_plugin_build::build(&workspace, &out.join("guests"), &EMBEDDED)?;
    let mut list =
        String::from("/// Name and component of each built-in collector.\npub(crate) const ALL: &[Embedded] = &[\n");
    for plugin in plugins {
        let file = out.join(format!("{}.wasm", plugin.name));
        fs::write(&file, &plugin.component)?;
        writeln!(list, "    ({:?}, include_bytes!({:?})),", plugin.name, file)?;
    }
    list.push_str("];\n");
    fs::write(out.join("embedded.rs"), list)?;
    Ok(())
}
