//! `cargo xtask plugins`: the collectors as files, each a component with its manifest inside.

use std::fs;
use std::path::Path;

use crate::process::Failure;

/// Every built-in collector.
const NAMES: [&str; 5] = ["webhook", "mailgun", "platform", "recurly", "ai"];
/// Those that are not built in: examples for authors.
const EXAMPLES: [&str; 1] = ["auth0"];
/// An example in C, built where its compiler is.
const IN_C: &str = "examples/c-heartbeat";

pub(crate) fn run(out: &Path) -> Result<(), Failure> {
    let out = crate::root().join(out);
    let write = |what: String| move |source| Failure::Io { what, source };
    fs::create_dir_all(&out).map_err(write(format!("making {}", out.display())))?;
    let names = [NAMES.as_slice(), &EXAMPLES].concat();
    let mut plugins =
        system_log_plugin_build::build(&crate::root().join("plugins"), &crate::target().join("guests"), &names)?;
    match system_log_plugin_build::missing_for_c()[..] {
        [] => {
            let folder = crate::root().join("plugins").join(IN_C);
            plugins.push(system_log_plugin_build::build_c(&folder, &crate::target().join("guests/c"))?);
        }
        ref missing => println!("{IN_C} is left out; to build it: {}", missing.join("; ")),
    }
    for plugin in plugins {
        let file = out.join(format!("{}.wasm", plugin.name));
        fs::write(&file, &plugin.component).map_err(write(format!("writing {}", file.display())))?;
        println!("{} ({} bytes)", file.display(), plugin.component.len());
    }
    Ok(())
}
