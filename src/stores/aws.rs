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
    let unavailable = |problem: String| Error::Unavailable { operation, subject: subject.clone(), problem };
    match error {
        SdkError::ServiceError(service) => match service.err().code().unwrap_or_default() {
            "AccessDenied" | "AccessDeniedException" | "KMS.DisabledException" => {
                Error::Denied { operation, subject, remedy }
            }
            "UnrecognizedClientException"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "ExpiredToken"
            | "ExpiredTokenException" => {
                let remedy =
                    "the AWS credentials are wrong or expired: give the function its role, or the shell new ones";
                Error::Denied { operation, subject, remedy }
            }
            "NoSuchBucket" | "PermanentRedirect" => {
                let remedy = "check S3_BUCKET_NAME and the Region";
                Error::Missing { operation, subject, remedy }
            }
            "ResourceNotFoundException" => {
                let remedy = "check IAM_USER_TABLE and the Region, or switch the roster off with IAM_USER_TABLE=-";
                Error::Missing { operation, subject, remedy }
            }
            "" => unavailable(format!("the service answered {}", service.raw().status())),
            code => unavailable(format!("the service answered {code}")),
        },
        SdkError::TimeoutError(_) => {
            unavailable("no answer within the time limit: throttled, slow or out of reach".to_owned())
        }
        SdkError::DispatchFailure(failure) => {
            let cause = if failure.is_timeout() { "timed out" } else { "failed" };
            unavailable(format!("the connection {cause}: check network, endpoint, Region and credentials"))
        }
        SdkError::ConstructionFailure(_) => {
            unavailable("the request could not be built: check Region and credentials".to_owned())
        }
        _ => unavailable("the answer could not be read".to_owned()),
    }
}
