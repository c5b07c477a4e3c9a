//! `system-log plugin`: the kit for authors. It prints what the sandbox's own kit finds out; nothing is decided here.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use clap::Subcommand;
use system_log_collectors::kit::{self, BenchRow, CaseReport, Inspection, Kit};
use system_log_collectors::limits::HostLimits;
use system_log_index::error::chain;
use system_log_plugin_build as build;

/// The commands of the kit.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Make a project: crate, manifest, two cases, README. Needs no network.
    New {
        /// The plugin's name.
        name: String,
        /// Where; a new folder of the plugin's name unless given.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Compile a project and make it a component, with its manifest and its cases inside.
    Build {
        /// The project.
        #[arg(default_value = ".", value_name = "DIR")]
        project: PathBuf,
        /// Where to; NAME.wasm in the project unless given.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Say whether a service would let a plugin in, and if not, what to do about it.
    Check {
        /// The component.
        file: PathBuf,
    },
    /// Run a plugin's cases, and the laws that every plugin must obey, in the engine of the service.
    Test {
        /// The component.
        file: PathBuf,
    },
    /// Measure what a record costs, in batches of several sizes.
    Bench {
        /// The component; the built-in collectors unless given.
        file: Option<PathBuf>,
    },
    /// Show what a plugin says about itself, without running it.
    Inspect {
        /// The component.
        file: PathBuf,
    },
}

/// Runs a command: 0 when all is well, 1 when not.
#[must_use]
pub fn run(command: &PluginCommand) -> ExitCode {
    let done = match command {
        PluginCommand::New { name, dir } => new(name, dir.as_deref()),
        PluginCommand::Build { project, out } => compile(project, out.as_deref()),
        PluginCommand::Check { file } => check(file),
        PluginCommand::Test { file } => test(file),
        PluginCommand::Bench { file } => bench(file.as_deref()),
        PluginCommand::Inspect { file } => inspect(file),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well, or why the command cannot be carried out.
type Done = Result<bool, String>;

fn new(name: &str, dir: Option<&Path>) -> Done {
    let folder = dir.map_or_else(|| PathBuf::from(name), Path::to_owned);
    build::scaffold(name, &folder).map_err(|error| chain(&error))?;
    println!("{}: README.md says what is in it. Next:", folder.display());
    println!(
        "  cd {} && cargo test && system-log plugin build && system-log plugin test {name}.wasm",
        folder.display()
    );
    Ok(true)
}

/// A plugin that a service would refuse is not written: the file that was there before may be one that serves.
fn compile(project: &Path, out: Option<&Path>) -> Done {
    let plugin = build::build_project(project).map_err(|error| chain(&error))?;
    let out = out.map_or_else(|| project.join(format!("{}.wasm", plugin.name)), Path::to_owned);
    let (inspection, _) = admit(&out, &plugin.component).map_err(|why| format!("{why}\nnothing was written"))?;
    write(&out, &plugin.component).map_err(|error| format!("{}: {error}", out.display()))?;
    println!("{} ({} bytes)", out.display(), plugin.component.len());
    Ok(accepted(&inspection))
}

/// In one step, so that a service that watches the folder never sees half of it.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let part = path.with_added_extension("part");
    let written = fs::write(&part, content).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // Half a file helps nobody; that it cannot be removed either is told by the first error.
        let _ = fs::remove_file(part);
    }
    written
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

fn load(file: &Path) -> Result<(Inspection, Kit), String> {
    admit(file, &read(file)?)
}

/// The component that is, or is to be, that file.
fn admit(file: &Path, component: &[u8]) -> Result<(Inspection, Kit), String> {
    let refused = |error| format!("{} would be refused: {error}", file.display());
    let inspection = kit::inspect(component).map_err(refused)?;
    Ok((inspection, Kit::load(component).map_err(refused)?))
}

fn check(file: &Path) -> Done {
    Ok(accepted(&load(file)?.0))
}

fn accepted(Inspection { manifest, cases, .. }: &Inspection) -> bool {
    println!("{} {}: fits the contract, imports nothing it must not, starts", manifest.name, manifest.version);
    if *cases == 0 {
        println!("it has no cases: a service cannot try it before it lets it serve");
    }
    true
}

fn test(file: &Path) -> Done {
    let (Inspection { manifest, .. }, kit) = load(file)?;
    println!("{} {}", manifest.name, manifest.version);
    let cases = kit.cases();
    println!("\n{:<32} {:>12} {:>10} {:>9}", "case", "instructions", "memory KiB", "µs");
    for CaseReport { name, failure, instructions, memory, micros } in &cases {
        println!("{name:<32} {instructions:>12} {:>10} {micros:>9.1}  {}", memory / 1_024, word(failure.as_ref()));
        if let Some(why) = failure {
            println!("  {why}");
        }
    }
    println!("\nlaws");
    let laws = kit.laws();
    for law in &laws {
        println!("{:<66} {}", law.law, word(law.broken.as_ref()));
        if let Some(why) = &law.broken {
            println!("  {why}");
        }
    }
    let failed = cases.iter().filter(|case| case.failure.is_some()).count();
    let broken = laws.iter().filter(|law| law.broken.is_some()).count();
    println!("\n{} cases, {failed} failed; {} laws, {broken} broken", cases.len(), laws.len());
    if cases.is_empty() {
        println!("no cases: pack some, cases/NAME.in and cases/NAME.out, with `system-log plugin build`");
    }
    Ok(failed == 0 && broken == 0)
}

const fn word(wrong: Option<&String>) -> &'static str {
    if wrong.is_some() { "FAILED" } else { "ok" }
}

fn bench(file: Option<&Path>) -> Done {
    println!("| collector | case | bytes | records a call | fresh, µs a record | warm, µs a record |");
    println!("|---|---|---|---|---|---|");
    match file {
        Some(file) => rows(&load(file)?.1, &file.display().to_string()),
        None => kit::built_in().into_iter().try_fold(true, |_, (name, component)| {
            rows(&Kit::load(component).map_err(|error| format!("{name}: {error}"))?, name)
        }),
    }
}

fn rows(kit: &Kit, name: &str) -> Done {
    for BenchRow { case, records, bytes, fresh, warm } in kit.bench().map_err(|why| format!("{name}: {why}"))? {
        println!("| {name} | {case} | {bytes} | {records} | {fresh:.1} | {warm:.1} |");
    }
    Ok(true)
}

fn inspect(file: &Path) -> Done {
    let component = read(file)?;
    let inspection = kit::inspect(&component);
    let Inspection { manifest, digest, bytes, cases } =
        inspection.map_err(|error| format!("{} would be refused: {error}", file.display()))?;
    println!("{} {}: {}", manifest.name, manifest.version, manifest.description);
    println!("sources        {}", manifest.sources.join(", "));
    println!("content types  {}", manifest.content_types.join(", "));
    for kind in &manifest.kinds {
        let category = kind.category.map(|category| format!(", {category}")).unwrap_or_default();
        println!("kind           {}/{} ({}{category}): {}", kind.log, kind.name, kind.severity, kind.description);
    }
    let (host, own) = (HostLimits::default(), manifest.limits);
    let mib = |bytes: usize| bytes / (1_024 * 1_024);
    println!("memory         {} MiB at most", mib(own.memory_bytes.unwrap_or(host.memory_bytes)));
    println!("a call         {} ms at most", own.call.unwrap_or(host.call_cap).as_millis());
    println!("cases          {cases}");
    println!("bytes          {bytes}");
    println!("sha256         {digest}");
    Ok(true)
}
