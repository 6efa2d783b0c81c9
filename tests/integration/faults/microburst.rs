//! A proxy before AWS that fails on command, in the form in which AWS does: <https://pypi.org/project/microburst/>.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::corner::Corner;
use crate::stack::checkout;

/// A running proxy; ends with the test.
pub struct Microburst {
    /// Its address.
    pub url: String,
    client: reqwest::Client,
    _child: Child,
}

impl Microburst {
    /// Starts one before the AWS of a corner's stack.
    pub async fn before(corner: &Corner<'_>) -> Self {
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
            .args(["--upstream", &corner.stack.text("/aws/endpoint")])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("microburst starts: run local/setup first");
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
        while proxy
            .client
            .get(format!("{}/_microburst/health", proxy.url))
            .send()
            .await
            .is_err()
        {
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "microburst does not answer"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        proxy
    }

    /// Fails from now on as these rules say, and in no other way.
    pub async fn fail(&self, rules: &Value) {
        let request = self
            .client
            .post(format!("{}/_microburst/rules", self.url))
            .body(rules.to_string());
        let answer = request
            .header("content-type", "application/json")
            .send()
            .await
            .unwrap();
        assert!(
            answer.status().is_success(),
            "{rules}: {}",
            answer.text().await.unwrap()
        );
        self.client
            .delete(format!("{}/_microburst/fired", self.url))
            .send()
            .await
            .unwrap();
    }

    /// How often it failed since the rules were given.
    pub async fn fired(&self) -> usize {
        let answer = self
            .client
            .get(format!("{}/_microburst/fired", self.url))
            .send()
            .await
            .unwrap();
        let fired: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        fired.as_array().map_or(0, Vec::len)
    }
}
