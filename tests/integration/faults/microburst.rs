//! A proxy in front of AWS that injects faults in the form of AWS responses:
//! <https://pypi.org/project/microburst/>.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::stack::checkout;
use crate::test_env::TestEnv;

/// A running proxy. It stops when it is dropped.
pub struct Microburst {
    /// Its address.
    pub url: String,
    client: reqwest::Client,
    _child: Child,
}

impl Microburst {
    /// Starts a proxy in front of the AWS emulator of an environment.
    pub async fn start(env: &TestEnv<'_>) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new(checkout().join(".local/venv/bin/microburst"))
            .args([
                "--host",
                "127.0.0.1",
                "--no-resign",
                "--port",
                &port.to_string(),
            ])
            .args(["--upstream", &env.stack.text("/aws/endpoint")])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("microburst starts; run local/setup first");
        let client = reqwest::Client::builder()
            .tls_certs_only([])
            .no_proxy()
            .build()
            .unwrap();
        let proxy = Self {
            url: format!("http://127.0.0.1:{port}"),
            client,
            _child: child,
        };
        let began = Instant::now();
        // The first forwarded request takes seconds; it lists the buckets.
        while proxy.client.get(&proxy.url).send().await.is_err() {
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "microburst does not answer"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        proxy
    }

    /// Replaces the fault rules.
    pub async fn inject(&self, rules: &Value) {
        let request = self.client.post(format!("{}/_microburst/rules", self.url));
        let request = request
            .header("content-type", "application/json")
            .body(rules.to_string());
        let answer = request.send().await.unwrap();
        assert!(
            answer.status().is_success(),
            "{rules}: {}",
            answer.text().await.unwrap()
        );
        self.client.delete(self.fired_url()).send().await.unwrap();
    }

    /// Returns the number of faults since the rules were replaced.
    pub async fn count(&self) -> usize {
        let answer = self.client.get(self.fired_url()).send().await.unwrap();
        let fired: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        fired.as_array().map_or(0, Vec::len)
    }

    fn fired_url(&self) -> String {
        format!("{}/_microburst/fired", self.url)
    }
}
