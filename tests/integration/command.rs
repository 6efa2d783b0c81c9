//! The built `keysync` binary, run to its end.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::corner::{Corner, assert_holds_no_secret};

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Said {
    /// All of it, for a snapshot.
    pub fn all(&self) -> String {
        format!(
            "exit code {}\n--- out\n{}--- err\n{}",
            self.code, self.out, self.err
        )
    }

    /// Standard output as the JSON that it is.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Starts `keysync` with exactly this environment.
pub fn start(arguments: &[&str], environment: &[(String, String)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_keysync"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().cloned())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Waits for a started command.
pub async fn end(mut child: Child, input: &str) -> Said {
    let mut stdin = child.stdin.take().unwrap();
    // A command that does not read may be gone already.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let ended = child.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let said = Said {
        code: ended.status.code().unwrap_or(-1),
        out: text(ended.stdout),
        err: text(ended.stderr),
    };
    assert_holds_no_secret("standard output", &said.out);
    assert_holds_no_secret("standard error", &said.err);
    said
}

impl Corner<'_> {
    /// Runs `keysync` here.
    pub async fn keysync(&self, arguments: &[&str]) -> Said {
        self.keysync_with(arguments, &[], "").await
    }

    /// Runs `keysync` here, with some variables set otherwise, and something on its standard input.
    pub async fn keysync_with(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        input: &str,
    ) -> Said {
        end(start(arguments, &self.environment_with(variables)), input).await
    }
}
