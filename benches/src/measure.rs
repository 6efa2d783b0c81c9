//! The figures of one command: start, first invocation, warm invocations, after many invocations,
//! after a pause.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::calls::{Call, Span, sequential_round_trips};
use crate::function::Function;
use crate::services::Services;

/// The latency added to each call where latency is measured. It is about that of a call to AWS or
/// to a data centre.
pub const ADDED_LATENCY: Duration = Duration::from_millis(20);

/// The number of cold starts.
const COLD_STARTS: usize = 15;

/// The number of users whose keys are rotated in turn.
const USERS: usize = 50;

/// The number of rotations before processor time and handshakes are counted.
const WARM_UP: usize = 2 * USERS;

/// The duration of the pause. It is long enough for a client without keep-alive to close its
/// connections.
const PAUSE: Duration = Duration::from_secs(30);

/// The figures of one command. Repeated measurements are medians.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// The name of the command.
    pub name: String,
    /// The time from the start of the process to the first poll, in milliseconds.
    pub startup_ms: f64,
    /// The resident memory at the first poll, in bytes.
    pub startup_memory: u64,
    /// The first invocation of a process: a new user, with added latency.
    pub first: Invocation,
    /// A warm invocation: a rotation, with added latency.
    pub warm: Invocation,
    /// The processor time of a warm rotation without added latency, in milliseconds.
    pub warm_processor_ms: f64,
    /// The number of invocations before the figures that follow.
    pub invocations: usize,
    /// The resident memory after these invocations, in bytes.
    pub memory: u64,
    /// The TLS handshakes of these invocations after the warm-up.
    pub warm_handshakes: u64,
    /// The TLS handshakes of a rotation after the process was frozen.
    pub handshakes_after_pause: u64,
}

/// The figures of one invocation.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// The duration in milliseconds.
    pub duration_ms: f64,
    /// The time spans of its calls, relative to the invocation.
    pub spans: Vec<Span>,
    /// The number of sequential round trips.
    pub round_trips: usize,
    /// The number of calls.
    pub calls: usize,
    /// The bytes sent and received, including TLS and its handshakes.
    pub bytes: u64,
    /// The number of TLS handshakes.
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
    let (mut startups, mut memory) = (Vec::new(), Vec::new());
    let (mut first, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..COLD_STARTS {
        services.reset(ADDED_LATENCY, None);
        let mut function = Function::start(command, environment).await?;
        startups.push(to_ms(function.startup));
        memory.push(function.memory().resident);
        first.push(rotate(services, &mut function, "user00").await?);
        rotate(services, &mut function, "user01").await?;
        warm.push(rotate(services, &mut function, "user00").await?);
        function.terminate().await;
    }
    let figures = Figures {
        name: name.to_owned(),
        startup_ms: median(startups),
        startup_memory: median(memory),
        first: median_invocation(first),
        warm: median_invocation(warm),
        ..Figures::default()
    };
    measure_many(services, command, environment, invocations, figures).await
}

/// Adds the figures of one process that handles many invocations without added latency.
async fn measure_many(
    services: &Services,
    command: &[String],
    environment: &[(String, String)],
    invocations: usize,
    figures: Figures,
) -> Result<Figures, String> {
    services.reset(Duration::ZERO, None);
    let mut function = Function::start(command, environment).await?;
    let user = |n: usize| format!("user{:02}", n % USERS);
    for n in 0..WARM_UP {
        rotate(services, &mut function, &user(n)).await?;
    }
    let processor_time = function.processor_time();
    let handshakes = services.wire.handshakes.load(Relaxed);
    for n in WARM_UP..invocations {
        rotate(services, &mut function, &user(n)).await?;
    }
    let processor_time = function.processor_time().saturating_sub(processor_time);
    let warm_handshakes = services.wire.handshakes.load(Relaxed) - handshakes;
    let memory = function.memory().resident;
    function.freeze();
    tokio::time::sleep(PAUSE).await;
    function.thaw();
    let after_pause = rotate(services, &mut function, &user(0)).await?;
    function.terminate().await;
    Ok(Figures {
        warm_processor_ms: to_ms(processor_time) / (invocations - WARM_UP) as f64,
        invocations,
        memory,
        warm_handshakes,
        handshakes_after_pause: after_pause.handshakes,
        ..figures
    })
}

/// Rotates a user's key and sends the change event. Fails unless the key is then in Vault.
async fn rotate(
    services: &Services,
    function: &mut Function,
    user: &str,
) -> Result<Invocation, String> {
    let version = services.vault_version(user);
    services.rotate(user);
    services.take_calls();
    let wire = &services.wire;
    let (bytes, handshakes) = (wire.bytes.load(Relaxed), wire.handshakes.load(Relaxed));
    let began = Instant::now();
    let (_, duration) = function.invoke(&change_event(user)).await?;
    if services.vault_version(user) != version + 1 {
        return Err(format!(
            "rotate {user}: expected exactly one write to Vault"
        ));
    }
    let calls: Vec<Call> = services.take_calls();
    Ok(Invocation {
        duration_ms: to_ms(duration),
        spans: calls.iter().map(|call| Span::of(call, began)).collect(),
        calls: calls.len(),
        round_trips: sequential_round_trips(calls),
        bytes: wire.bytes.load(Relaxed) - bytes,
        handshakes: wire.handshakes.load(Relaxed) - handshakes,
    })
}

fn change_event(user: &str) -> Value {
    let name = format!("/iam_users/{user}_keys");
    json!({
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "Parameter Store Change",
        "source": "aws.ssm",
        "account": "123456789012",
        "region": "ca-central-1",
        "time": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "resources": [format!("arn:aws:ssm:ca-central-1:123456789012:parameter{name}")],
        "detail": {"operation": "Update", "name": name, "type": "SecureString"},
    })
}

fn to_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|one, other| one.partial_cmp(other).expect("figures are numbers"));
    values[values.len() / 2]
}

/// Returns the invocation of median duration.
fn median_invocation(mut invocations: Vec<Invocation>) -> Invocation {
    invocations.sort_by(|one, other| one.duration_ms.total_cmp(&other.duration_ms));
    invocations.swap_remove(invocations.len() / 2)
}
