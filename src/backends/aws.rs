//! Translates the errors of the AWS SDK.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};

use crate::error::Error;

/// Translates the failure of an AWS call. Leaves out the service's own message, which can quote the
/// request.
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
        SdkError::ServiceError(service) => match service.err().code().unwrap_or_default() {
            "AccessDenied" | "AccessDeniedException" | "KMS.DisabledException" => {
                Error::denied(operation, subject, remedy)
            }
            "UnrecognizedClientException"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "ExpiredToken"
            | "ExpiredTokenException" => {
                let remedy = "the AWS credentials are invalid or expired; attach the role to the \
                    function, or renew the shell's credentials";
                Error::denied(operation, subject, remedy)
            }
            "NoSuchBucket" | "PermanentRedirect" | "AuthorizationHeaderMalformed" => {
                let remedy = "check S3_BUCKET_NAME, and that AWS_REGION is the bucket's Region";
                Error::missing(operation, subject, remedy)
            }
            "ResourceNotFoundException" => {
                let remedy = "check IAM_USER_TABLE and AWS_REGION, or set IAM_USER_TABLE=- to \
                    switch the roster off";
                Error::missing(operation, subject, remedy)
            }
            "" => unavailable(&format!("the service returned {}", service.raw().status())),
            code => unavailable(&format!("the service returned {code}")),
        },
        SdkError::TimeoutError(_) => unavailable(
            "no response within the time limit; the service is throttling, slow or unreachable",
        ),
        SdkError::DispatchFailure(failure) if failure.is_timeout() || failure.is_io() => {
            let cause = if failure.is_timeout() {
                "timed out"
            } else {
                "failed"
            };
            unavailable(&format!(
                "the connection {cause}; check the network, AWS_REGION and AWS_ENDPOINT_URL"
            ))
        }
        SdkError::DispatchFailure(failure) => {
            let source = failure
                .as_connector_error()
                .and_then(std::error::Error::source);
            let cause =
                source.map_or_else(String::new, |cause| cause.to_string().to_ascii_lowercase());
            let unexpected = |problem: &str| Error::unexpected(operation, &subject, problem);
            if let Some(error) = source.and_then(|source| source.downcast_ref()) {
                unexpected(&credentials_problem(error))
            } else if cause.contains("region") || cause.contains("endpoint") {
                unexpected("no endpoint is configured; set AWS_REGION and check AWS_ENDPOINT_URL")
            } else {
                unavailable(
                    "the connection closed, or the endpoint is not AWS; check AWS_ENDPOINT_URL",
                )
            }
        }
        SdkError::ConstructionFailure(_) => {
            unavailable("the request could not be built; check AWS_REGION and the AWS credentials")
        }
        _ => unavailable("the response could not be parsed"),
    }
}

/// Describes why there are no credentials, with the reason that their source gives.
fn credentials_problem(error: &CredentialsError) -> String {
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        return "no AWS credentials found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
            AWS_SECRET_ACCESS_KEY, or attach a role to the host"
            .to_owned();
    }
    let reason = std::error::Error::source(error).map(ToString::to_string);
    let reason = reason.unwrap_or_else(|| error.to_string());
    format!("the AWS credentials could not be loaded: {reason}")
}
