//! The figures of one command: start, first invocation, warm invocations, after many invocations,
//! after a pause.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::calls::{Call, Span, sequential_round_trips};
use crate::function::Function;
use crate::services::Services;
use crate::targets::Targets;

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

/// What to measure: a command between the fakes, with a number of targets.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// The fakes.
    pub services: &'a Services,
    /// The program and its arguments.
    pub command: &'a [String],
    /// The environment of the command.
    pub environment: &'a [(String, String)],
    /// The targets of each user; `None` without a document.
    pub targets: Option<Targets>,
}

/// Measures a command.
pub async fn measure(setup: Setup<'_>, name: &str, invocations: usize) -> Result<Figures, String> {
    let (figures, mut function) = measure_rotations(setup, name, invocations).await?;
    function.freeze();
    tokio::time::sleep(PAUSE).await;
    function.thaw();
    let after_pause = setup.rotate(&mut function, &user(0)).await?;
    function.terminate().await;
    Ok(Figures {
        handshakes_after_pause: after_pause.handshakes,
        ..figures
    })
}

/// Measures rotations with a login in place of a stored token, without a pause.
pub async fn measure_login(setup: Setup<'_>, invocations: usize) -> Result<Figures, String> {
    let (figures, function) = measure_rotations(setup, "with a login", invocations).await?;
    function.terminate().await;
    Ok(figures)
}

/// Measures the rotations of users with targets, without a pause.
pub async fn measure_targets(
    setup: Setup<'_>,
    targets: Targets,
    invocations: usize,
) -> Result<Figures, String> {
    let setup = Setup {
        targets: Some(targets),
        ..setup
    };
    let (figures, function) = measure_rotations(setup, &targets.name(), invocations).await?;
    function.terminate().await;
    Ok(figures)
}

/// Measures cold starts, and then one process that handles many invocations. Also returns that
/// process.
async fn measure_rotations(
    setup: Setup<'_>,
    name: &str,
    invocations: usize,
) -> Result<(Figures, Function), String> {
    let (mut startups, mut memory) = (Vec::new(), Vec::new());
    let (mut first, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..COLD_STARTS {
        let mut function = setup.start(ADDED_LATENCY).await?;
        startups.push(to_ms(function.startup));
        memory.push(function.memory().resident);
        first.push(setup.rotate(&mut function, &user(0)).await?);
        setup.rotate(&mut function, &user(1)).await?;
        warm.push(setup.rotate(&mut function, &user(0)).await?);
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
    measure_many(setup, invocations, figures).await
}

/// Adds the figures of one process that handles many invocations without added latency.
async fn measure_many(
    setup: Setup<'_>,
    invocations: usize,
    figures: Figures,
) -> Result<(Figures, Function), String> {
    let mut function = setup.start(Duration::ZERO).await?;
    for n in 0..WARM_UP {
        setup.rotate(&mut function, &user(n)).await?;
    }
    let processor_time = function.processor_time();
    let handshakes = setup.services.wire.handshakes.load(Relaxed);
    for n in WARM_UP..invocations {
        setup.rotate(&mut function, &user(n)).await?;
    }
    let processor_time = function.processor_time().saturating_sub(processor_time);
    let warm_handshakes = setup.services.wire.handshakes.load(Relaxed) - handshakes;
    let figures = Figures {
        warm_processor_ms: to_ms(processor_time) / (invocations - WARM_UP) as f64,
        invocations,
        memory: function.memory().resident,
        warm_handshakes,
        ..figures
    };
    Ok((figures, function))
}

fn user(n: usize) -> String {
    format!("user{:02}", n % USERS)
}

impl Setup<'_> {
    /// Starts the command. All data of an earlier process is deleted.
    async fn start(self, added_latency: Duration) -> Result<Function, String> {
        self.services.reset(added_latency, None);
        if let Some(targets) = self.targets {
            let users: Vec<_> = (0..USERS).map(user).collect();
            self.services.store_targets(targets.document(&users));
        }
        Function::start(self.command, self.environment).await
    }

    /// Rotates a user's key and sends the change event. Fails unless the key is then in Vault, at
    /// each target.
    async fn rotate(self, function: &mut Function, user: &str) -> Result<Invocation, String> {
        let services = self.services;
        let secrets = self.targets.map_or_else(
            || vec![format!("secret/aws/iam-keys/{user}")],
            |targets| targets.secrets(user),
        );
        let versions = || secrets.iter().map(|secret| services.vault_version(secret));
        let expected: Vec<_> = versions().map(|version| version + 1).collect();
        services.rotate(user);
        services.take_calls();
        let wire = &services.wire;
        let (bytes, handshakes) = (wire.bytes.load(Relaxed), wire.handshakes.load(Relaxed));
        let began = Instant::now();
        let (_, duration) = function.invoke(&change_event(user)).await?;
        if !versions().eq(expected) {
            return Err(format!(
                "rotate {user}: expected exactly one write to Vault for each target"
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
