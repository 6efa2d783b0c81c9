//! The local stack as a child process. It exits when its standard input closes, also when this
//! process is killed.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use serde_json::{Value, json};

/// Returns the path of the checkout.
pub fn checkout() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the text of a file of the checkout.
pub fn read(path: &str) -> String {
    let text = std::fs::read_to_string(checkout().join(path));
    text.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A running stack.
pub struct Stack {
    /// Description of the stack, as `local/stack.py` prints it.
    pub description: Value,
    control: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    child: Child,
}

impl Stack {
    /// Returns the stack that all tests share. A test that stops or seals Vault starts its own.
    pub fn shared() -> &'static Stack {
        static SHARED: OnceLock<Stack> = OnceLock::new();
        SHARED.get_or_init(|| Stack::start(&[]))
    }

    /// Starts another stack.
    pub fn start(options: &[&str]) -> Stack {
        let mut child = Command::new(checkout().join("local/stack.py"))
            .arg("up")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("local/stack.py starts; run local/setup first");
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let description = read_answer(&mut answers);
        let control = Mutex::new((child.stdin.take().unwrap(), answers));
        Stack {
            description,
            control,
            child,
        }
    }

    /// Sends a control command; returns its answer.
    pub fn command(&self, command: &str) -> Value {
        let mut control = self.control.lock().unwrap();
        writeln!(control.0, "{command}").unwrap();
        let answer = read_answer(&mut control.1);
        assert!(answer.get("error").is_none(), "{command}: {answer}");
        answer
    }

    /// Creates a Vault token with this policy (`sync` or `strict`) and this period.
    pub fn token(&self, policy: &str, period: &str) -> String {
        self.token_with(&json!({"policy": policy, "period": period}))
    }

    /// Creates a Vault token with these properties.
    pub fn token_with(&self, properties: &Value) -> String {
        self.command(&format!("token {properties}"))["token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Returns a text of the description, such as `/vault/addr`.
    pub fn text(&self, pointer: &str) -> String {
        let text = self.description.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("the stack has no {pointer}"))
            .to_owned()
    }

    /// Returns the CA of Vault, as PEM.
    pub fn vault_authority(&self) -> Vec<u8> {
        std::fs::read(self.text("/vault/caFile")).unwrap()
    }

    /// Returns an HTTP client that trusts only the CA of Vault.
    pub fn vault_client(&self) -> reqwest::Client {
        let authority = reqwest::Certificate::from_pem(&self.vault_authority()).unwrap();
        reqwest::Client::builder()
            .tls_certs_only([authority])
            .no_proxy()
            .build()
            .unwrap()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // After SIGTERM the stack stops its servers and removes its folder. After SIGKILL the
        // servers would stop as well, but the folder would remain.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}

fn read_answer(answers: &mut impl BufRead) -> Value {
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    serde_json::from_str(&line)
        .unwrap_or_else(|_| panic!("the stack stopped; its output: {line:?}"))
}
