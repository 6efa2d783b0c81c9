//! Injects a fault into one request of a function: kills the function right before or right after
//! the request, or cuts the connection.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::body::Bytes;
use axum::http::request::Parts;
use serde_json::Value;
use tokio::sync::Notify;

/// One request of a function: its description, and its number among equal requests.
pub type RequestPoint = (String, usize);

/// A fault of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Kills the process before the request takes effect.
    KillBefore,
    /// Kills the process after the request took effect, before the answer arrives.
    KillAfter,
    /// Cuts the connection before the request takes effect.
    CutBefore,
    /// Cuts the connection after the request took effect.
    LoseAnswer,
}

impl Fault {
    pub const ALL: [Self; 4] = [
        Self::KillBefore,
        Self::KillAfter,
        Self::CutBefore,
        Self::LoseAnswer,
    ];

    /// Returns true if the fault kills the process.
    pub fn kills(self) -> bool {
        matches!(self, Self::KillBefore | Self::KillAfter)
    }
}

/// What the proxy does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Forwards it.
    Forward,
    /// Cuts the connection without forwarding it.
    CutBefore,
    /// Forwards it, and cuts the connection instead of answering.
    CutAfter,
}

/// Observes all requests and injects a fault into one.
#[derive(Default)]
pub struct FaultInjector {
    seen: Mutex<BTreeMap<String, usize>>,
    pending: Mutex<Option<(RequestPoint, Fault)>>,
    process: Mutex<Option<u32>>,
    /// Notified when the process was killed.
    pub killed: Notify,
}

impl FaultInjector {
    /// Forgets the observed requests, and injects a fault when `point` is reached.
    pub fn arm(&self, point: RequestPoint, fault: Fault, process: u32) {
        self.reset();
        *self.process.lock().unwrap() = Some(process);
        *self.pending.lock().unwrap() = Some((point, fault));
    }

    /// Forgets the observed requests.
    pub fn reset(&self) {
        self.seen.lock().unwrap().clear();
    }

    /// Returns true if the fault has not been injected yet.
    pub fn is_pending(&self) -> bool {
        self.pending.lock().unwrap().is_some()
    }

    /// Returns all observed requests.
    pub fn points(&self) -> Vec<RequestPoint> {
        let seen = self.seen.lock().unwrap();
        let points = |(label, count): (&String, &usize)| {
            let label = label.clone();
            (1..=*count)
                .map(move |number| (label.clone(), number))
                .collect::<Vec<_>>()
        };
        seen.iter().flat_map(points).collect()
    }

    /// Decides what happens to a request.
    pub fn decide(&self, parts: &Parts, body: &Bytes) -> Action {
        let label = label(parts, body);
        let number = {
            let mut seen = self.seen.lock().unwrap();
            let count = seen.entry(label.clone()).or_default();
            *count += 1;
            *count
        };
        let mut pending = self.pending.lock().unwrap();
        let fault = pending
            .as_ref()
            .filter(|(point, _)| *point == (label, number));
        match fault.map(|(_, fault)| *fault) {
            None => Action::Forward,
            Some(Fault::KillAfter | Fault::LoseAnswer) => Action::CutAfter,
            Some(fault) => {
                *pending = None;
                if fault == Fault::KillBefore {
                    self.kill();
                }
                Action::CutBefore
            }
        }
    }

    /// Completes a fault whose request took effect.
    pub fn request_took_effect(&self) {
        if let Some((_, Fault::KillAfter)) = self.pending.lock().unwrap().take() {
            self.kill();
        }
    }

    fn kill(&self) {
        let pid = self
            .process
            .lock()
            .unwrap()
            .expect("the injector is armed")
            .to_string();
        let killed = std::process::Command::new("kill")
            .args(["-KILL", &pid])
            .status()
            .unwrap();
        assert!(killed.success());
        self.killed.notify_one();
    }
}

/// Describes a request without what differs from test to test.
fn label(parts: &Parts, body: &Bytes) -> String {
    let path = parts.uri.path();
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    if let Some(target) = target {
        let (service, operation) = target.split_once('.').unwrap();
        let service = if service.starts_with("AmazonSSM") {
            "SSM"
        } else {
            "DynamoDB"
        };
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let name = ["/Name", "/Key/UserName/S"]
            .iter()
            .find_map(|key| body.pointer(key)?.as_str());
        let user = name.map(|name| name.rsplit('/').next().unwrap().trim_end_matches("_keys"));
        let user = user.unwrap_or_default();
        return format!("{service} {operation} {user}").trim().to_owned();
    }
    if let Some(path) = path.strip_prefix("/v1/") {
        let segments = path.split('/').collect::<Vec<_>>();
        let object = match segments.as_slice() {
            ["secret", kind, .., user] if !user.starts_with("test-") => format!("{kind} of {user}"),
            ["secret", kind, ..] => format!("{kind} of all"),
            _ => segments[2..].join("/"),
        };
        return format!("Vault {} {object}", parts.method);
    }
    let key = path
        .trim_start_matches('/')
        .split_once('/')
        .map_or("", |(_, key)| key);
    let key = if key.is_empty() { "(listing)" } else { key };
    format!("S3 {} {key}", parts.method)
}
