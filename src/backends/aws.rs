//! What the errors of AWS mean to us.

use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};

use crate::error::Error;

/// What an AWS call's failure means to us. The service's own message stays out: it can quote the request.
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
    let unavailable = |problem: String| Error::Unavailable {
        operation,
        subject: subject.clone(),
        problem,
    };
    match error {
        SdkError::ServiceError(service) => match service.err().code().unwrap_or_default() {
            "AccessDenied" | "AccessDeniedException" | "KMS.DisabledException" => Error::Denied {
                operation,
                subject,
                remedy,
            },
            "UnrecognizedClientException"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "ExpiredToken"
            | "ExpiredTokenException" => {
                let remedy = "the AWS credentials are wrong or expired: give the function its role, or the shell new ones";
                Error::Denied {
                    operation,
                    subject,
                    remedy,
                }
            }
            "NoSuchBucket" | "PermanentRedirect" | "AuthorizationHeaderMalformed" => {
                let remedy =
                    "check S3_BUCKET_NAME and AWS_REGION: there is no such bucket in this Region";
                Error::Missing {
                    operation,
                    subject,
                    remedy,
                }
            }
            "ResourceNotFoundException" => {
                let remedy = "check IAM_USER_TABLE and the Region, or switch the roster off with IAM_USER_TABLE=-";
                Error::Missing {
                    operation,
                    subject,
                    remedy,
                }
            }
            "" => unavailable(format!("the service answered {}", service.raw().status())),
            code => unavailable(format!("the service answered {code}")),
        },
        SdkError::TimeoutError(_) => unavailable(
            "no answer within the time limit: throttled, slow or out of reach".to_owned(),
        ),
        SdkError::DispatchFailure(failure) if failure.is_timeout() || failure.is_io() => {
            let cause = if failure.is_timeout() {
                "timed out"
            } else {
                "failed"
            };
            unavailable(format!(
                "the connection {cause}: check the network, AWS_REGION and AWS_ENDPOINT_URL"
            ))
        }
        SdkError::DispatchFailure(failure) => {
            let cause = failure
                .as_connector_error()
                .and_then(std::error::Error::source);
            let cause = cause
                .map(ToString::to_string)
                .unwrap_or_default()
                .to_ascii_lowercase();
            let unsent = |problem: &str| Error::Unexpected {
                operation,
                subject: subject.clone(),
                problem: problem.to_owned(),
            };
            if cause.contains("credential") {
                unsent(
                    "no AWS credentials were found; set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give \
                     the host a role",
                )
            } else if cause.contains("region") || cause.contains("endpoint") {
                unsent(
                    "there is nowhere to send the request; set AWS_REGION, and check AWS_ENDPOINT_URL",
                )
            } else {
                unavailable(
                    "the connection broke off, or what answered is not AWS: check AWS_ENDPOINT_URL"
                        .to_owned(),
                )
            }
        }
        SdkError::ConstructionFailure(_) => {
            unavailable("the request could not be built: check Region and credentials".to_owned())
        }
        _ => unavailable("the answer could not be read".to_owned()),
    }
}
