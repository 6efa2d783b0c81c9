//! Translates the errors of the AWS SDK.

mod codes;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};

use crate::error::Error;

/// Translates the failure of an AWS call. Leaves out the service's own message, which can quote the
/// request. `remedy` is for a denied call.
pub(super) fn aws_error<E>(
    operation: &'static str,
    subject: impl Into<String>,
    remedy: &'static str,
    error: &SdkError<E>,
) -> Error
where
    E: ProvideErrorMetadata,
{
    let subject = subject.into();
    let unavailable = |problem: &str| Error::unavailable(operation, &subject, problem);
    match error {
        SdkError::ServiceError(service) => {
            let (code, message) = (service.err().code(), service.err().message());
            let status = service.raw().status().as_u16();
            codes::translate(
                operation,
                subject,
                remedy,
                (
                    status,
                    code.unwrap_or_default(),
                    message.unwrap_or_default(),
                ),
            )
        }
        SdkError::TimeoutError(_) => unavailable(
            "no response within the time limit; the service is throttling, slow or unreachable",
        ),
        SdkError::DispatchFailure(failure) if failure.is_timeout() || failure.is_io() => {
            let cause = if failure.is_timeout() {
                "timed out"
            } else {
                "failed"
            };
            unavailable(&format!("the connection {cause}"))
                .with_remedy("check the network, AWS_REGION and AWS_ENDPOINT_URL")
        }
        SdkError::DispatchFailure(failure) => {
            let source = failure
                .as_connector_error()
                .and_then(std::error::Error::source);
            let cause =
                source.map_or_else(String::new, |cause| cause.to_string().to_ascii_lowercase());
            let unexpected = |problem: &str| Error::unexpected(operation, &subject, problem);
            if let Some(error) = source.and_then(|source| source.downcast_ref()) {
                credentials_error(error, unexpected)
            } else if cause.contains("region") || cause.contains("endpoint") {
                unexpected("no endpoint is configured")
                    .with_remedy("set AWS_REGION and check AWS_ENDPOINT_URL")
            } else {
                unavailable("the connection closed, or the endpoint is not AWS")
                    .with_remedy("check AWS_ENDPOINT_URL")
            }
        }
        SdkError::ConstructionFailure(_) => unavailable("the request could not be built")
            .with_remedy("check AWS_REGION and the AWS credentials"),
        SdkError::ResponseError(response) if !response.raw().status().is_success() => {
            let status = response.raw().status().as_u16();
            codes::translate(operation, subject, remedy, (status, "", ""))
        }
        _ => unavailable("the response could not be parsed").with_remedy("check AWS_ENDPOINT_URL"),
    }
}

/// Returns the error of missing credentials, with the reason that their source gives.
pub(super) fn credentials_error(
    error: &CredentialsError,
    unexpected: impl Fn(&str) -> Error,
) -> Error {
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        return unexpected("no AWS credentials found").with_remedy(
            "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or attach a role to \
             the host",
        );
    }
    let reason = std::error::Error::source(error).map(ToString::to_string);
    let reason = reason.unwrap_or_else(|| error.to_string());
    unexpected(&format!(
        "the AWS credentials could not be loaded: {reason}"
    ))
}
