//! Programs some checks need besides Rust: found, or installed under `target/tools` by their own package manager, or
//! reported with the one line that installs them.

use std::path::PathBuf;

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
}

impl Tool {
    const fn name(self) -> &'static str {
        match self {
            Self::Grpcurl => "grpcurl",
            Self::Helm => "helm",
            Self::Buf => "buf",
            Self::KubernetesValidate => "kubernetes-validate",
        }
    }

    /// The line that installs it, for a person.
    pub(crate) const fn line(self) -> &'static str {
        match self {
            Self::Grpcurl => "go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3",
            Self::Helm => "go install helm.sh/helm/v3/cmd/helm@v3.18.6",
            Self::Buf => "npm install --global @bufbuild/buf@1.57.0",
            Self::KubernetesValidate => "pip install kubernetes-validate==1.33.1",
        }
    }

    /// Where it is, installed first if need be; `None` when its package manager is missing or fails.
    pub(crate) fn find(self) -> Option<PathBuf> {
        let here = self.here();
        if here.is_file() {
            return Some(here);
        }
        if exists(self.name()) {
            return Some(PathBuf::from(self.name()));
        }
        println!("installing {}: {}", self.name(), self.line());
        self.install()?;
        here.is_file().then_some(here)
    }

    fn here(self) -> PathBuf {
        let tools = tools();
        match self {
            Self::Grpcurl | Self::Helm => tools.join("bin").join(self.name()),
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
        }
    }
}

fn tools() -> PathBuf {
    crate::target().join("tools")
}
