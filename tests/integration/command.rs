//! Runs the built `keysync` binary.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::test_env::{TestEnv, assert_no_secret};

/// Exit code and output of a command.
#[derive(Debug)]
pub struct CommandOutput {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl CommandOutput {
    /// Returns both streams.
    pub fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    /// Returns standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Starts `keysync` with exactly this environment.
pub fn start(arguments: &[&str], environment: &[(String, String)]) -> Child {
    spawn(
        Command::new(env!("CARGO_BIN_EXE_keysync")).args(arguments),
        environment,
    )
}

/// Returns where a binary built by `make coverage` writes its counters.
pub fn profile() -> Option<(&'static str, std::ffi::OsString)> {
    let name = "LLVM_PROFILE_FILE";
    #[expect(clippy::disallowed_methods, reason = "the setting of a profiler")]
    std::env::var_os(name).map(|file| (name, file))
}

/// Starts a command with exactly this environment and with its streams connected to pipes.
pub fn spawn(command: &mut Command, environment: &[(String, String)]) -> Child {
    command
        .env_clear()
        .envs(environment.iter().cloned())
        .envs(profile())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Writes to the standard input of `keysync` and waits for its exit. Neither stream may contain a
/// secret.
pub async fn finish(child: Child, input: &str) -> CommandOutput {
    let output = wait(child, input).await;
    assert_no_secret("standard output", &output.out);
    assert_no_secret("standard error", &output.err);
    output
}

/// Writes to the standard input of any command and waits for its exit.
pub async fn wait(mut child: Child, input: &str) -> CommandOutput {
    let mut stdin = child.stdin.take().unwrap();
    // A command that does not read its input may have exited.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    CommandOutput {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// Runs `keysync` with exactly this environment.
pub async fn run(arguments: &[&str], environment: &[(String, String)]) -> CommandOutput {
    finish(start(arguments, environment), "").await
}

impl TestEnv<'_> {
    /// Runs `keysync` with these arguments.
    pub async fn keysync(&self, arguments: &[&str]) -> CommandOutput {
        self.keysync_with(arguments, &[], "").await
    }

    /// Runs `keysync` with some variables replaced, and with something on standard input.
    pub async fn keysync_with(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        input: &str,
    ) -> CommandOutput {
        finish(start(arguments, &self.environment_with(variables)), input).await
    }

    /// Runs a command line of `keysync` with some variables replaced.
    pub async fn keysync_line(&self, line: &str, variables: &[(&str, &str)]) -> CommandOutput {
        self.keysync_with(&line.split(' ').collect::<Vec<_>>(), variables, "")
            .await
    }
}
