//! The local stack as a child process. It ends by itself when its standard input closes, also when this process is
//! killed.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use serde_json::{Value, json};

/// Where the checkout is.
pub fn checkout() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The endpoints of a running stack.
pub struct Stack {
    /// As `local/stack.py` describes itself.
    pub about: Value,
    control: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    child: Child,
}

impl Stack {
    /// The stack that all tests share. Whoever breaks Vault must start its own.
    pub fn shared() -> &'static Stack {
        static SHARED: OnceLock<Stack> = OnceLock::new();
        SHARED.get_or_init(|| Stack::start(&[]))
    }

    /// Starts another one.
    pub fn start(options: &[&str]) -> Stack {
        let mut child = Command::new(checkout().join("local/stack.py"))
            .arg("up")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("local/stack.py starts: run local/setup first");
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let about = line(&mut answers);
        let control = Mutex::new((child.stdin.take().unwrap(), answers));
        Stack {
            about,
            control,
            child,
        }
    }

    /// Sends a control command; its answer.
    pub fn command(&self, command: &str) -> Value {
        let mut control = self.control.lock().unwrap();
        writeln!(control.0, "{command}").unwrap();
        let answer = line(&mut control.1);
        assert!(answer.get("error").is_none(), "{command}: {answer}");
        answer
    }

    /// Makes a Vault token of this policy (`sync` or `strict`) with this period.
    pub fn token(&self, policy: &str, period: &str) -> String {
        self.token_with(&json!({"policy": policy, "period": period}))
    }

    /// Makes a Vault token of these properties.
    pub fn token_with(&self, properties: &Value) -> String {
        self.command(&format!("token {properties}"))["token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A member of the description, such as `/vault/addr`.
    pub fn text(&self, pointer: &str) -> String {
        self.about
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no {pointer}"))
            .to_owned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SIGTERM, so that it stops its servers; they would not survive a SIGKILL either, but their folder would.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}

fn line(answers: &mut impl BufRead) -> Value {
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|_| panic!("the stack ended; it said: {line:?}"))
}
