//! `cargo xtask plugins`: the built-in collectors as files, each a component with its manifest inside.

use std::fs;
use std::path::Path;

use crate::process::Failure;

/// Every built-in collector.
const NAMES: [&str; 4] = ["webhook", "mailgun", "platform", "ai"];

pub(crate) fn run(out: &Path) -> Result<(), Failure> {
    let out = crate::root().join(out);
    let write = |what: String| move |source| Failure::Io { what, source };
    fs::create_dir_all(&out).map_err(write(format!("making {}", out.display())))?;
    let plugins =
        system_log_plugin_build::build(&crate::root().join("plugins"), &crate::target().join("guests"), &NAMES)?;
    for plugin in plugins {
        let file = out.join(format!("{}.wasm", plugin.name));
        fs::write(&file, &plugin.component).map_err(write(format!("writing {}", file.display())))?;
        println!("{} ({} bytes)", file.display(), plugin.component.len());
    }
    Ok(())
}
