//! The Lambda function: connects once, then answers one payload after the other.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use nr_iam_key_sync::{Config, Error, KeySync, Metrics, log_level, start_log};
use serde_json::Value;
use tracing::Instrument;

/// What is kept of an invocation's time to report and answer.
const TO_ANSWER: Duration = Duration::from_secs(2);

/// The time for an invocation where the deadline is no time of day, as in some local emulators.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(55);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "here is where the environment is read"
    )]
    let environment = |name: &str| std::env::var(name).ok();
    start_log(log_level(environment).unwrap_or(tracing::Level::INFO));
    // A wrong configuration fails each invocation by name, where an alarm sees it, rather than the start of the
    // process.
    let keysync = match Config::read(environment) {
        Ok(config) => Box::pin(KeySync::connect(config)).await,
        Err(error) => Err(error),
    };
    let function = environment("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    let (keysync, function) = (&keysync, function.as_str());
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let request_id = event.context.request_id.clone();
        // At ERROR, so that no level of the log takes the request id away.
        let span = tracing::error_span!("invocation", requestId = request_id);
        invoke(keysync, function, event).instrument(span).await
    }))
    .await
}

async fn invoke(
    keysync: &Result<KeySync, Error>,
    function: &str,
    event: LambdaEvent<Value>,
) -> Result<Value, Failure> {
    let request_id = event.context.request_id.as_str();
    let mut metrics = Metrics::of(function, request_id);
    let deadline = tokio::time::Instant::now() + time_left(event.context.deadline);
    let answer = match keysync {
        Ok(keysync) => keysync
            .handle(event.payload, request_id, deadline, &mut metrics)
            .await
            .map_err(|error| Failure::of(&error)),
        Err(error) => KeySync::answer_without_configuration(&event.payload, error)
            .ok_or_else(|| Failure::of(error)),
    };
    if let Err(failure) = &answer
        && !failure.was_told()
    {
        tracing::error!(
            errorType = failure.0.error_type,
            "{}",
            failure.0.error_message
        );
    }
    print!("{}", metrics.to_line());
    answer
}

fn time_left(deadline_millis: u64) -> Duration {
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(deadline_millis);
    deadline
        .duration_since(SystemTime::now())
        .map_or(WITHOUT_DEADLINE, |left| {
            left.saturating_sub(TO_ANSWER.min(left / 4))
        })
}

/// A failed invocation as Lambda reports it; `errorType` is stable, to alarm on.
#[derive(Debug)]
struct Failure(Diagnostic);

impl Failure {
    fn of(error: &Error) -> Self {
        Self(Diagnostic {
            error_type: error.kind().to_owned(),
            error_message: error.to_string(),
        })
    }

    /// Whether the log has it already, as the failure of a user.
    fn was_told(&self) -> bool {
        self.0.error_type == "SyncFailed"
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}
