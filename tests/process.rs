//! The real binary as a process of its own: for kills, signals and the command line.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The binary: the one that `SYSTEM_LOG_BIN` names, else built beside the test. The whole workspace is named, so that cargo chooses the features it
/// chose for the tests and builds nothing twice.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(given) = std::env::var_os("SYSTEM_LOG_BIN") {
            return given.into();
        }
        let test = std::env::current_exe().expect("the test knows itself");
        let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/test");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--workspace", "--all-targets"]);
        let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
        assert!(built.success(), "the service does not build");
        profile.join("system-log")
    })
}

/// A server process.
pub struct Process {
    child: Child,
    /// The public listener's address.
    pub listen: String,
    /// The admin listener's address.
    pub admin: String,
    lines: Option<std::io::Lines<BufReader<std::process::ChildStdout>>>,
}

impl Process {
    /// Starts `serve --dev` on free ports and waits for `ready`.
    pub fn serve(data: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.arg("serve").args(["--dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data"]);
        command.arg(data).args(more).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let ready = lines.next().expect("a line before the end").expect("text");
        let addresses =
            ready.strip_prefix("ready: gRPC on ").and_then(|rest| rest.split_once(", metrics and probes on "));
        let (listen, admin) = addresses.unwrap_or_else(|| panic!("not the ready line: {ready}"));
        Self { child, listen: listen.to_owned(), admin: admin.to_owned(), lines: Some(lines) }
    }

    /// Waits for a line of standard output that begins so.
    pub fn wait_for(&mut self, beginning: &str) -> String {
        self.lines_to(beginning).pop().expect("at least that line")
    }

    /// The next lines of standard output, up to one that begins so.
    pub fn lines_to(&mut self, beginning: &str) -> Vec<String> {
        let lines = self.lines.as_mut().expect("not waited for the end yet");
        let mut read = Vec::new();
        for line in lines {
            read.push(line.expect("text"));
            if read.last().is_some_and(|line| line.starts_with(beginning)) {
                return read;
            }
        }
        panic!("the output ended without {beginning:?}");
    }

    /// The page of `/metrics`.
    pub async fn metrics(&self) -> String {
        let mut stream = tokio::net::TcpStream::connect(&self.admin).await.expect("the admin listener");
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.expect("a request");
        let mut page = String::new();
        stream.read_to_string(&mut page).await.expect("an answer");
        page
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`
    pub fn kill(mut self) {
        self.child.kill().expect("alive until now");
        self.child.wait().expect("ours");
    }

    /// `kill -TERM`, and the end.
    pub fn terminate(mut self) -> std::process::ExitStatus {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        self.child.wait().expect("ours")
    }
}

/// Runs a command of the binary: exit code, standard output, standard error.
pub fn run(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(binary()).args(args).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// A token made by the command line.
pub fn token(data: &Path, org: &str, role: &str) -> String {
    let data = data.to_str().expect("a temporary folder's name is text");
    let (code, out, err) = run(&["token", "--data", data, "--org", org, "--role", role]);
    assert_eq!(code, 0, "{err}");
    out.trim().to_owned()
}
