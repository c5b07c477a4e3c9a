//! Programs some checks need besides Rust: found, or installed under `target/tools` by their own package manager, or
//! reported with the one line that installs them.

use std::ffi::OsString;
use std::path::PathBuf;

use system_log_plugin_build::C_TOOLS;

use crate::process::{self, exists, program};

/// A program that a check needs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tool {
    /// Calls gRPC from a command line; the README's lines use it.
    Grpcurl,
    /// Renders the chart.
    Helm,
    /// Lints the contract.
    Buf,
    /// Knows the schemas of Kubernetes' objects.
    KubernetesValidate,
    /// Compiles the example in C.
    Clang,
    /// Links it.
    Lld,
    /// Makes its bindings.
    WitBindgen,
}

impl Tool {
    /// What the example in C needs.
    pub(crate) const FOR_C: [Self; 3] = [Self::Clang, Self::Lld, Self::WitBindgen];

    const fn name(self) -> &'static str {
        match self {
            Self::Grpcurl => "grpcurl",
            Self::Helm => "helm",
            Self::Buf => "buf",
            Self::KubernetesValidate => "kubernetes-validate",
            Self::Clang => C_TOOLS[0].0,
            Self::Lld => C_TOOLS[1].0,
            Self::WitBindgen => C_TOOLS[2].0,
        }
    }

    /// The line that installs it, for a person.
    pub(crate) const fn line(self) -> &'static str {
        match self {
            Self::Grpcurl => "go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3",
            Self::Helm => "go install helm.sh/helm/v3/cmd/helm@v3.18.6",
            Self::Buf => "npm install --global @bufbuild/buf@1.57.0",
            Self::KubernetesValidate => "pip install kubernetes-validate==1.33.1",
            Self::Clang => C_TOOLS[0].1,
            Self::Lld => C_TOOLS[1].1,
            Self::WitBindgen => C_TOOLS[2].1,
        }
    }

    /// Where it is, installed first if need be; `None` when its package manager is missing or fails.
    pub(crate) fn find(self) -> Option<PathBuf> {
        let here = self.here();
        let found = || {
            let on_path = || exists(self.name()).then(|| PathBuf::from(self.name()));
            here.is_file().then(|| here.clone()).or_else(on_path)
        };
        found().or_else(|| {
            println!("installing {}: {}", self.name(), self.line());
            self.install().and_then(|()| found())
        })
    }

    fn here(self) -> PathBuf {
        let tools = tools();
        match self {
            Self::Grpcurl | Self::Helm | Self::WitBindgen => tools.join("bin").join(self.name()),
            // The system's own package manager knows one place.
            Self::Clang | Self::Lld => PathBuf::from("/usr/bin").join(self.name()),
            Self::Buf => tools.join("node_modules/.bin/buf"),
            Self::KubernetesValidate => tools.join("venv/bin/kubernetes-validate"),
        }
    }

    fn install(self) -> Option<()> {
        let package = self.line().rsplit(' ').next().expect("a line has words");
        let tools = tools();
        match self {
            Self::Grpcurl | Self::Helm => {
                let mut go = program("go");
                go.args(["install", package]).env("GOBIN", tools.join("bin")).env("GOFLAGS", "-mod=mod");
                process::run(&mut go).ok()
            }
            Self::Buf => {
                process::run(program("npm").args(["install", "--silent", "--prefix"]).arg(&tools).arg(package)).ok()
            }
            Self::KubernetesValidate => {
                let venv = tools.join("venv");
                process::run(program("python3").args(["-m", "venv"]).arg(&venv)).ok()?;
                process::run(program(venv.join("bin/pip")).args(["install", "--quiet", package])).ok()
            }
            Self::Clang | Self::Lld => apt(package),
            Self::WitBindgen => {
                let mut install = process::cargo(crate::root());
                process::run(install.args(["install", "--quiet", "--locked", "--root"]).arg(&tools).arg(package)).ok()
            }
        }
    }
}

/// Installs a package of the system where that is allowed: as root, with apt. A new machine has no lists yet.
fn apt(package: &str) -> Option<()> {
    let user = program("id").arg("-u").output().ok()?;
    if user.stdout.trim_ascii() != b"0" || !exists("apt-get") {
        return None;
    }
    let apt = |arguments: &[&str]| {
        process::run(program("apt-get").args(["--quiet=2"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let install = ["install", "--yes", "--no-install-recommends", package];
    apt(&install).or_else(|_| apt(&["update"]).and_then(|()| apt(&install))).ok()
}

/// The search path with our own tools in front, for scripts that call them by name.
pub(crate) fn path() -> OsString {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools().join("bin")).chain(std::env::split_paths(&rest));
    std::env::join_paths(folders).unwrap_or_else(|_| rest.clone())
}

fn tools() -> PathBuf {
    crate::target().join("tools")
}
