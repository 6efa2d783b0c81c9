//! Who meddles with one request of a function: kills the function right before or after it, or cuts the connection.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::body::Bytes;
use axum::http::request::Parts;
use serde_json::Value;
use tokio::sync::Notify;

/// One request that is made: what it is, and which of several such.
pub type Point = (String, usize);

/// What is done about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meddling {
    /// The process is killed before the request takes effect.
    KillBefore,
    /// The process is killed when the request has taken effect, before it learns of it.
    KillAfter,
    /// The connection is cut before the request takes effect.
    CutBefore,
    /// The request takes effect, and its answer is lost.
    CutAfter,
}

impl Meddling {
    /// All there are.
    pub const ALL: [Self; 4] = [
        Self::KillBefore,
        Self::KillAfter,
        Self::CutBefore,
        Self::CutAfter,
    ];
}

/// What the proxy is to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing but pass it on.
    Pass,
    /// Cut the connection instead of passing it on.
    CutBefore,
    /// Pass it on and cut the connection instead of answering.
    CutAfter,
}

/// Sees every request, and meddles with one.
#[derive(Default)]
pub struct Meddler {
    seen: Mutex<BTreeMap<String, usize>>,
    due: Mutex<Option<(Point, Meddling)>>,
    /// The process, once it runs.
    victim: Mutex<Option<u32>>,
    /// Told when the process was killed.
    pub killed: Notify,
}

impl Meddler {
    /// Forgets what it saw, and meddles with this request from now on.
    pub fn await_point(&self, point: Point, meddling: Meddling, victim: u32) {
        self.seen.lock().unwrap().clear();
        *self.victim.lock().unwrap() = Some(victim);
        *self.due.lock().unwrap() = Some((point, meddling));
    }

    /// Forgets what it saw.
    pub fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }

    /// Whether it has still to meddle.
    pub fn waits(&self) -> bool {
        self.due.lock().unwrap().is_some()
    }

    /// Every request that was seen.
    pub fn points(&self) -> Vec<Point> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .flat_map(|(what, count)| (1..=*count).map(move |nth| (what.clone(), nth)))
            .collect()
    }

    /// What is to be done with a request.
    pub fn judge(&self, parts: &Parts, body: &Bytes) -> Verdict {
        let what = label(parts, body);
        let nth = {
            let mut seen = self.seen.lock().unwrap();
            let count = seen.entry(what.clone()).or_default();
            *count += 1;
            *count
        };
        let mut due = self.due.lock().unwrap();
        match due.as_ref() {
            Some((point, meddling)) if *point == (what, nth) => match meddling {
                Meddling::KillBefore => {
                    *due = None;
                    self.kill();
                    Verdict::CutBefore
                }
                Meddling::CutBefore => {
                    *due = None;
                    Verdict::CutBefore
                }
                Meddling::KillAfter | Meddling::CutAfter => Verdict::CutAfter,
            },
            _ => Verdict::Pass,
        }
    }

    /// The request that was due has taken effect.
    pub fn after(&self) {
        if let Some((_, Meddling::KillAfter)) = self.due.lock().unwrap().take() {
            self.kill();
        }
    }

    fn kill(&self) {
        let victim = self.victim.lock().unwrap().expect("the function runs");
        let killed = std::process::Command::new("kill")
            .args(["-KILL", &victim.to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        self.killed.notify_one();
    }
}

/// What a request is, without what differs from test to test.
fn label(parts: &Parts, body: &Bytes) -> String {
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let path = parts.uri.path();
    if let Some(target) = target {
        let (service, operation) = target.split_once('.').unwrap();
        let service = if service.starts_with("AmazonSSM") {
            "SSM"
        } else {
            "DynamoDB"
        };
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let user = ["/Name", "/Key/UserName/S"]
            .iter()
            .find_map(|place| body.pointer(place)?.as_str());
        let user = user
            .map(|name| name.rsplit('/').next().unwrap().trim_end_matches("_keys"))
            .unwrap_or_default();
        return format!("{service} {operation} {user}").trim().to_owned();
    }
    if let Some(path) = path.strip_prefix("/v1/") {
        let parts_of_path: Vec<_> = path.split('/').collect();
        let what = match parts_of_path.as_slice() {
            ["secret", kind, .., user] if !user.starts_with("test-") => format!("{kind} of {user}"),
            ["secret", kind, ..] => format!("{kind} of all"),
            _ => parts_of_path[2..].join("/"),
        };
        return format!("Vault {} {what}", parts.method);
    }
    let key = path
        .trim_start_matches('/')
        .split_once('/')
        .map_or("", |(_, key)| key);
    let listing = if key.is_empty() { "(listing)" } else { key };
    format!("S3 {} {listing}", parts.method)
}
