//! One command's figures: start, first invocation, warm invocations, after ten thousand, after a pause.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::function::Function;
use crate::services::Services;
use crate::trips::{Call, in_sequence, span};

/// What each call takes longer where latency is measured: about that of a call to AWS or to a data centre.
pub const ADDED: Duration = Duration::from_millis(20);

/// How often a cold start is repeated.
const STARTS: usize = 15;

/// Among how many users the rotations go round.
const USERS: usize = 50;

/// How long a pause is: long enough that a client that does not keep connections has closed them.
const PAUSE: Duration = Duration::from_secs(30);

/// What one command costs; medians.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// What it is called.
    pub name: String,
    /// From the start of the process to the first poll, in milliseconds.
    pub start_millis: f64,
    /// Resident memory at the first poll, in bytes.
    pub start_memory: u64,
    /// The first invocation: a new user, with an added latency.
    pub first: Invocation,
    /// A warm one: a rotation, with an added latency.
    pub warm: Invocation,
    /// Processor time of a warm rotation without added latency, in milliseconds.
    pub warm_processor_millis: f64,
    /// How many invocations there were before the following.
    pub invocations: usize,
    /// Resident memory after them, in bytes.
    pub memory: u64,
    /// TLS handshakes of all of them but the first.
    pub handshakes: u64,
    /// TLS handshakes of a rotation after a frozen pause.
    pub handshakes_after_pause: u64,
}

/// One invocation.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// How long it took, in milliseconds.
    pub millis: f64,
    /// Its calls: what, from when and to when, in milliseconds since the payload was sent.
    pub spans: Vec<(&'static str, f64, f64)>,
    /// Round trips that waited for each other.
    pub in_sequence: usize,
    /// Calls in all.
    pub calls: usize,
    /// Bytes on the wire both ways, TLS and its handshakes included.
    pub bytes: u64,
    /// TLS handshakes.
    pub handshakes: u64,
}

/// Measures a command.
pub async fn measure(
    services: &Services,
    name: &str,
    command: &[String],
    environment: &[(String, String)],
    invocations: usize,
) -> Result<Figures, String> {
    let (mut started, mut memory, mut first, mut warm) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        services.clear(ADDED);
        let mut function = Function::start(command, environment).await?;
        started.push(millis(function.started_in));
        memory.push(function.memory().0);
        first.push(rotation(services, &mut function, "user00").await?);
        rotation(services, &mut function, "user01").await?;
        warm.push(rotation(services, &mut function, "user00").await?);
        function.end().await;
    }
    services.clear(Duration::ZERO);
    let mut function = Function::start(command, environment).await?;
    let user = |n: usize| format!("user{:02}", n % USERS);
    for n in 0..2 * USERS {
        rotation(services, &mut function, &user(n)).await?;
    }
    let (before, wire) = (function.processor_time(), services.wire.handshakes.load(Relaxed));
    for n in 2 * USERS..invocations {
        rotation(services, &mut function, &user(n)).await?;
    }
    let spent = function.processor_time().saturating_sub(before);
    let handshakes = services.wire.handshakes.load(Relaxed) - wire;
    let resident = function.memory().0;
    function.freeze(true);
    tokio::time::sleep(PAUSE).await;
    function.freeze(false);
    let after_pause = rotation(services, &mut function, &user(0)).await?;
    function.end().await;
    Ok(Figures {
        name: name.to_owned(),
        start_millis: median(started),
        start_memory: median(memory),
        first: middle(first),
        warm: middle(warm),
        warm_processor_millis: millis(spent) / (invocations - 2 * USERS) as f64,
        invocations,
        memory: resident,
        handshakes,
        handshakes_after_pause: after_pause.handshakes,
    })
}

/// Rotates a user's key and tells the function; fails unless the key is in Vault then.
async fn rotation(services: &Services, function: &mut Function, user: &str) -> Result<Invocation, String> {
    let version = services.version_in_vault(user);
    services.rotate(user);
    services.take();
    let (bytes, handshakes) = (services.wire.bytes.load(Relaxed), services.wire.handshakes.load(Relaxed));
    let began = Instant::now();
    let (_, took) = function.invoke(&event(user)).await?;
    if services.version_in_vault(user) != version + 1 {
        return Err(format!("the key of {user} was not written exactly once"));
    }
    let calls: Vec<Call> = services.take();
    Ok(Invocation {
        millis: millis(took),
        spans: calls.iter().map(|call| span(call, began)).collect(),
        calls: calls.len(),
        in_sequence: in_sequence(calls),
        bytes: services.wire.bytes.load(Relaxed) - bytes,
        handshakes: services.wire.handshakes.load(Relaxed) - handshakes,
    })
}

fn event(user: &str) -> Value {
    let name = format!("/iam_users/{user}_keys");
    json!({
        "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "Parameter Store Change",
        "source": "aws.ssm", "account": "123456789012", "region": "ca-central-1",
        "time": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "resources": [format!("arn:aws:ssm:ca-central-1:123456789012:parameter{name}")],
        "detail": {"operation": "Update", "name": name, "type": "SecureString"},
    })
}

/// A duration in milliseconds.
pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|one, other| one.partial_cmp(other).expect("figures are numbers"));
    values[values.len() / 2]
}

/// The invocation of median duration.
fn middle(mut invocations: Vec<Invocation>) -> Invocation {
    invocations.sort_by(|one, other| one.millis.total_cmp(&other.millis));
    invocations.swap_remove(invocations.len() / 2)
}
