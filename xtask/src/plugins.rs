//! `cargo xtask plugins`: the collectors as files, each a component with its manifest inside.

use std::fs;
use std::path::Path;

use crate::process::Failure;

/// Every built-in collector.
const NAMES: [&str; 3] = ["webhook", "mailgun", "platform"];
/// Those that are not built in: examples for authors.
const EXAMPLES: [&str; 1] = ["auth0"];

pub(crate) fn run(out: &Path) -> Result<(), Failure> {
    let out = crate::root().join(out);
    let write = |what: String| move |source| Failure::Io { what, source };
    fs::create_dir_all(&out).map_err(write(format!("making {}", out.display())))?;
    let names = [NAMES.as_slice(), &EXAMPLES].concat();
    let plugins =
        system_log_plugin_build::build(&crate::root().join("plugins"), &crate::target().join("guests"), &names)?;
    for plugin in plugins {
        let file = out.join(format!("{}.wasm", plugin.name));
        fs::write(&file, &plugin.component).map_err(write(format!("writing {}", file.display())))?;
        println!("{} ({} bytes)", file.display(), plugin.component.len());
    }
    Ok(())
}
