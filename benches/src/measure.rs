//! Measures one command: start, first invocation, warm invocations, after many invocations, after a
//! pause.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::calls::{Call, Span, sequential_round_trips};
use crate::figures::{Figures, Invocation, median, median_invocation, to_ms};
use crate::function::Function;
use crate::setup::{Setup, shorten};
use crate::targets::{Targets, secrets_of};

/// The latency added to each call where latency is measured. It is about that of a call to AWS or
/// to a data centre.
pub const ADDED_LATENCY: Duration = Duration::from_millis(20);

/// The number of users whose keys are rotated in turn.
const USERS: usize = 50;

/// The number of rotations before processor time and handshakes are counted.
pub const WARM_UP: usize = 2 * USERS;

/// The time that a rotation may take.
const DEADLINE: Duration = Duration::from_mins(1);

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Sizes {
    /// The number of cold starts.
    pub starts: usize,
    /// The number of rotations by one process, including the warm-up.
    pub invocations: usize,
    /// The duration for which the process is frozen. By default it is long enough for a client
    /// without keep-alive to close its connections.
    pub pause: Duration,
}

/// Rotations of a command.
#[derive(Clone, Copy)]
pub struct Rotations<'a> {
    /// The command between the fakes.
    pub setup: Setup<'a>,
    /// The targets of each user; `None` without a document.
    pub targets: Option<Targets>,
    /// How much is measured.
    pub sizes: Sizes,
}

impl Rotations<'_> {
    /// Measures rotations, the last one after a pause.
    pub async fn measure(self, name: &str) -> Result<Figures, String> {
        let (figures, mut function) = self.measure_starts_and_many(name).await?;
        function.freeze();
        tokio::time::sleep(self.sizes.pause).await;
        function.thaw();
        let after_pause = self.rotate(&mut function, &user(0)).await?;
        function.terminate().await;
        Ok(Figures {
            handshakes_after_pause: after_pause.handshakes,
            ..figures
        })
    }

    /// Measures rotations without a pause.
    pub async fn measure_without_pause(self, name: &str) -> Result<Figures, String> {
        let (figures, function) = self.measure_starts_and_many(name).await?;
        function.terminate().await;
        Ok(figures)
    }

    /// Measures cold starts, and then one process that handles many invocations. Also returns that
    /// process.
    async fn measure_starts_and_many(self, name: &str) -> Result<(Figures, Function), String> {
        let (mut startups, mut memory) = (Vec::new(), Vec::new());
        let (mut first, mut warm) = (Vec::new(), Vec::new());
        for _ in 0..self.sizes.starts {
            let mut function = self.start(ADDED_LATENCY).await?;
            startups.push(to_ms(function.startup));
            memory.push(function.memory().resident);
            first.push(self.rotate(&mut function, &user(0)).await?);
            self.rotate(&mut function, &user(1)).await?;
            warm.push(self.rotate(&mut function, &user(0)).await?);
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
        self.measure_many(figures).await
    }

    /// Adds the figures of one process that handles many invocations without added latency.
    async fn measure_many(self, figures: Figures) -> Result<(Figures, Function), String> {
        let Sizes { invocations, .. } = self.sizes;
        let wire = &self.setup.services.wire;
        let mut function = self.start(Duration::ZERO).await?;
        for n in 0..WARM_UP {
            self.rotate(&mut function, &user(n)).await?;
        }
        let processor_time = function.processor_time();
        let handshakes = wire.handshakes.load(Relaxed);
        for n in WARM_UP..invocations {
            self.rotate(&mut function, &user(n)).await?;
        }
        let processor_time = function.processor_time().saturating_sub(processor_time);
        let figures = Figures {
            warm_processor_ms: to_ms(processor_time) / (invocations - WARM_UP) as f64,
            invocations,
            memory: function.memory().resident,
            warm_handshakes: wire.handshakes.load(Relaxed) - handshakes,
            ..figures
        };
        Ok((figures, function))
    }

    /// Starts the command. All data of an earlier process is deleted.
    async fn start(self, added_latency: Duration) -> Result<Function, String> {
        let services = self.setup.services;
        services.reset(added_latency, None);
        if let Some(targets) = self.targets {
            let users: Vec<_> = (0..USERS).map(user).collect();
            services.store_targets(targets.document(&users));
        }
        self.setup.start(DEADLINE).await
    }

    /// Rotates a user's key and sends the payload of a change. Fails unless each secret of the user
    /// then has one more version, with the new key.
    async fn rotate(self, function: &mut Function, user: &str) -> Result<Invocation, String> {
        let services = self.setup.services;
        let secrets = secrets_of(self.targets, user);
        let versions = secrets.iter().map(|secret| services.vault_version(secret));
        let before: Vec<_> = versions.collect();
        services.rotate(user);
        services.take_calls();
        let payload = self.setup.implementation.rotation.for_user(user);
        let wire = &services.wire;
        let (bytes, handshakes) = (wire.bytes.load(Relaxed), wire.handshakes.load(Relaxed));
        let began = Instant::now();
        let (answer, duration) = function.invoke(&payload).await?;
        for (secret, before) in secrets.iter().zip(before) {
            let written = services.vault_version(secret) - before;
            let has_key = services.has_key(secret, user);
            if written != 1 || !has_key {
                let key = if has_key {
                    "the new key"
                } else {
                    "another key or none"
                };
                return Err(format!(
                    "rotate {user}: expected one new version of {secret} with the new key, found \
                     {written} with {key}; the answer was {}",
                    shorten(&answer)
                ));
            }
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

fn user(n: usize) -> String {
    format!("user{:02}", n % USERS)
}
