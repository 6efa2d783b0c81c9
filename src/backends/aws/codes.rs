//! What the error codes of Parameter Store, S3, DynamoDB and KMS mean.
//!
//! Sources: the common errors of each service
//! (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>,
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>),
//! and those of the calls that this service makes.

use crate::backends::word;
use crate::error::{Error, RETRY_LATER};

const CREDENTIALS: (&str, &str) = (
    "the AWS credentials are invalid or expired",
    "attach the role to the function, or renew the shell's credentials (`aws sts \
     get-caller-identity` checks them)",
);
const CLOCK: (&str, &str) = (
    "this host's clock is wrong",
    "synchronize it with a time server (`timedatectl`)",
);
const KEY: (&str, &str) = (
    "the KMS key is disabled, pending deletion, missing or not usable",
    "check its state and its policy (`aws kms describe-key`)",
);

/// What a code means.
enum Meaning {
    /// The caller lacks the permission.
    Denied,
    /// AWS refuses the call for another cause.
    Refused((&'static str, &'static str)),
    /// A named object does not exist.
    Missing(&'static str),
    /// The call cannot succeed.
    Lasting(&'static str, &'static str),
    /// The call may succeed later.
    Passing,
    /// The code is not in the table.
    Unknown,
}

/// Translates an error response: its HTTP status, its code and the service's own message, of which
/// nothing is shown. `remedy` is for a denied call.
pub(super) fn translate(
    operation: &'static str,
    subject: String,
    remedy: &'static str,
    (status, code, message): (u16, &str, &str),
) -> Error {
    let shown = word(code);
    let labelled = |cause: &str| format!("{cause} ({shown})");
    let name = match shown.as_str() {
        "" => format!("HTTP {status} without an error code"),
        code => format!("{code} (HTTP {status})"),
    };
    match meaning(code, message) {
        Meaning::Denied => Error::denied(operation, subject, remedy),
        Meaning::Refused((cause, remedy)) => Error::Denied {
            operation,
            subject,
            problem: labelled(cause),
            remedy,
        },
        Meaning::Missing(remedy) => Error::missing(operation, subject, remedy),
        Meaning::Lasting(cause, remedy) => {
            Error::unexpected(operation, subject, &labelled(cause)).with_remedy(remedy)
        }
        // A service documents its failures by the status as well as by the code.
        Meaning::Unknown if !(status >= 500 || status == 429) => {
            let problem = format!("the service returned {name}, which is unknown here");
            Error::unexpected(operation, subject, &problem)
        }
        Meaning::Passing | Meaning::Unknown => {
            let problem = format!("the service returned {name}");
            Error::unavailable(operation, subject, &problem).with_remedy(RETRY_LATER)
        }
    }
}

fn meaning(code: &str, message: &str) -> Meaning {
    use Meaning::{Denied, Lasting, Missing, Passing, Refused, Unknown};
    match code {
        "AccessDenied"
        | "AccessDeniedException"
        | "KMS.AccessDeniedException"
        | "UnauthorizedOperation"
        | "NotAuthorized" => Denied,
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "TokenRefreshRequired"
        | "InvalidToken"
        | "InvalidSecurity"
        | "MissingSecurityHeader"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "AuthFailure" => Refused(CREDENTIALS),
        "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => Refused(CLOCK),
        // Where S3 has a code of its own for the clock, the other services only have a text.
        "SignatureDoesNotMatch" | "InvalidSignatureException" | "InvalidSignature" => {
            if message.contains("Signature expired") || message.contains("not yet current") {
                Refused(CLOCK)
            } else {
                Refused((
                    "the signature was rejected: the secret key or this host's clock is wrong",
                    "check AWS_SECRET_ACCESS_KEY (`aws sts get-caller-identity`), and the clock \
                     (`timedatectl`)",
                ))
            }
        }
        "OptInRequired" | "SubscriptionRequiredException" | "NotSignedUp" | "AccountProblem" => {
            Refused((
                "the AWS account is not signed up for the service or the Region, or is suspended",
                "enable the Region of AWS_REGION for the account (`aws account get-region-opt-status`)",
            ))
        }
        "AllAccessDisabled" => Refused((
            "AWS has disabled all access to it",
            "check S3_BUCKET_NAME, then ask AWS Support",
        )),
        "InvalidKeyId" | "InvalidKeyIdException" => Refused(KEY),
        code if code.starts_with("KMS") => kms_meaning(code),
        "InvalidObjectState" => Lasting(
            "the object is archived",
            "restore it (`aws s3api restore-object`), and exclude it from the lifecycle rule",
        ),
        "NoSuchBucket"
        | "InvalidBucketName"
        | "PermanentRedirect"
        | "MovedPermanently"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => {
            Missing("check S3_BUCKET_NAME, and that AWS_REGION is the bucket's Region")
        }
        "ResourceNotFoundException" | "TableNotFoundException" => Missing(
            "check IAM_USER_TABLE and AWS_REGION, or set IAM_USER_TABLE=- to switch the roster off",
        ),
        "MethodNotAllowed"
        | "NotImplemented"
        | "InvalidAction"
        | "UnknownOperationException"
        | "UnsupportedOperation" => Lasting(
            "the endpoint does not offer the operation",
            "check AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_SSM, _S3 and _DYNAMODB",
        ),
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "ProvisionedThroughputExceededException"
        | "ProvisionedThroughputExceeded"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "LimitExceededException"
        | "SlowDown"
        | "Busy"
        | "PriorRequestNotComplete"
        | "InternalError"
        | "InternalServerError"
        | "InternalFailure"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "TransactionInProgressException"
        | "ReplicatedWriteConflictException"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "TemporaryRedirect"
        | "ClientDisconnected" => Passing,
        _ => Unknown,
    }
}

/// Returns the meaning of a code of KMS, which the other services pass on with a prefix.
fn kms_meaning(code: &str) -> Meaning {
    let name = code.trim_start_matches("KMS.").trim_start_matches("KMS");
    match name.trim_end_matches("Exception") {
        "Throttling" | "LimitExceeded" | "Internal" | "InternalFailure" | "DependencyTimeout"
        | "KeyUnavailable" | "ServiceUnavailable" => Meaning::Passing,
        "Disabled" | "InvalidState" | "NotFound" | "InvalidKeyUsage" | "InvalidArn"
        | "InvalidKeyId" | "IncorrectKey" | "InvalidCiphertext" | "InvalidGrantToken" => {
            Meaning::Refused(KEY)
        }
        "UnrecognizedClient" | "OptInRequired" => Meaning::Refused(CREDENTIALS),
        _ => Meaning::Unknown,
    }
}

#[cfg(test)]
mod tests;
