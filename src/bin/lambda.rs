//! The Lambda function: connects once, then answers one payload after the other.

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use nr_iam_key_sync::{
    Config, Error, KeySync, Metrics, catch_panic, log_level, record_panics, start_log, time_left,
};
use serde_json::Value;
use tracing::Instrument;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    #[expect(clippy::disallowed_methods, reason = "the environment is read here")]
    let environment =
        |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    record_panics();
    start_log(log_level(environment).unwrap_or(tracing::Level::INFO));
    // An invalid configuration fails each invocation by name, where an alarm detects it, instead
    // of the start of the process.
    let start = async { KeySync::connect(Config::read(environment)?).await };
    let keysync = Box::pin(catch_panic(start)).await;
    let function = environment("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    let (keysync, function) = (&keysync, function.as_str());
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let request_id = event.context.request_id.clone();
        // At ERROR, so that every log level keeps the request id.
        let span = tracing::error_span!("invocation", requestId = request_id);
        answer(keysync, function, event).instrument(span).await
    }))
    .await
}

/// Answers one payload, and logs a failure unless it is logged as the failure of a user.
async fn answer(
    keysync: &Result<KeySync, Error>,
    function: &str,
    event: LambdaEvent<Value>,
) -> Result<Value, Diagnostic> {
    let request_id = event.context.request_id.as_str();
    let mut metrics = Metrics::new(function, request_id);
    let deadline = tokio::time::Instant::now() + time_left(event.context.deadline);
    let answer = match keysync {
        Ok(keysync) => {
            let answer = keysync.handle(event.payload, request_id, deadline, &mut metrics);
            catch_panic(answer).await
        }
        Err(error) => KeySync::answer_without_configuration(&event.payload, error)
            .ok_or_else(|| error.clone()),
    };
    print!("{}", metrics.to_line());
    answer.map_err(|error| {
        let (error_type, error_message) = (error.kind().to_owned(), error.to_string());
        if !matches!(error, Error::SyncFailed { .. }) {
            tracing::error!(errorType = error_type, "{error_message}");
        }
        Diagnostic {
            error_type,
            error_message,
        }
    })
}
