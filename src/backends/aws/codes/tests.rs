use super::*;
use crate::testing::remedies::assert_names_a_change;

fn of(status: u16, code: &str, message: &str) -> Error {
    let subject = "s3://bucket/key".to_owned();
    translate(
        "reading",
        subject,
        "allow s3:GetObject on it",
        (status, code, message),
    )
}

#[test]
fn a_code_has_its_kind_and_its_cause() {
    for (status, code, kind, cause) in [
        (400, "AccessDeniedException", "Denied", "denied"),
        (403, "AccessDenied", "Denied", "s3:GetObject"),
        (403, "AllAccessDisabled", "Denied", "disabled all access"),
        (403, "RequestTimeTooSkewed", "Denied", "clock"),
        (400, "RequestExpired", "Denied", "clock"),
        (400, "ExpiredTokenException", "Denied", "credentials"),
        (403, "InvalidAccessKeyId", "Denied", "credentials"),
        (400, "UnrecognizedClientException", "Denied", "credentials"),
        (400, "InvalidKeyId", "Denied", "KMS key"),
        (400, "KMS.DisabledException", "Denied", "KMS key"),
        (400, "KMS.InvalidStateException", "Denied", "KMS key"),
        (400, "KMS.KMSInvalidStateException", "Denied", "KMS key"),
        (400, "KMS.NotFoundException", "Denied", "KMS key"),
        (400, "KMSInvalidStateException", "Denied", "KMS key"),
        (403, "OptInRequired", "Denied", "not signed up"),
        (403, "InvalidObjectState", "Unexpected", "archived"),
        (404, "NoSuchBucket", "Missing", "S3_BUCKET_NAME"),
        (301, "PermanentRedirect", "Missing", "AWS_REGION"),
        (
            400,
            "ResourceNotFoundException",
            "Missing",
            "IAM_USER_TABLE",
        ),
        (405, "MethodNotAllowed", "Unexpected", "AWS_ENDPOINT_URL"),
        (400, "ThrottlingException", "Unavailable", "retry later"),
        (503, "SlowDown", "Unavailable", "retry later"),
        (400, "KMS.ThrottlingException", "Unavailable", "retry later"),
        (
            400,
            "KMS.KMSInternalException",
            "Unavailable",
            "retry later",
        ),
        (500, "InternalServerError", "Unavailable", "retry later"),
        (409, "OperationAborted", "Unavailable", "retry later"),
    ] {
        let error = of(status, code, "");
        assert_eq!(error.kind(), kind, "{code}: {error}");
        assert!(error.to_string().contains(cause), "{code}: {error}");
        if let Some(remedy) = error.remedy() {
            assert_names_a_change(remedy);
        }
    }
}

#[test]
fn a_rejected_signature_is_the_clock_or_the_key() {
    let expired = "Signature expired: 20200101T000000Z is now earlier than 20260101T000000Z";
    let early = "Signature not yet current: 20300101T000000Z is still later than 20260101T000000Z";
    for code in ["InvalidSignatureException", "SignatureDoesNotMatch"] {
        for message in [expired, early] {
            let error = of(400, code, message);
            assert_eq!(error.kind(), "Denied");
            assert!(
                error
                    .without_remedy()
                    .ends_with(&format!("clock is wrong ({code})"))
            );
            assert!(
                !error.to_string().contains("2026"),
                "quotes the service: {error}"
            );
        }
        let text = of(403, code, "The signature we calculated does not match").to_string();
        assert!(
            text.contains("AWS_SECRET_ACCESS_KEY") && text.contains("clock"),
            "{text}"
        );
    }
}

#[test]
fn an_unknown_code_is_reported_as_unknown() {
    for (status, code, kind, text) in [
        (
            400,
            "BrandNewException",
            "Unexpected",
            "BrandNewException (HTTP 400), which is unknown here",
        ),
        (
            418,
            "",
            "Unexpected",
            "HTTP 418 without an error code, which is unknown here",
        ),
        (
            400,
            "KMS.BrandNewException",
            "Unexpected",
            "KMS.BrandNewException (HTTP 400), which is unknown",
        ),
        (
            500,
            "BrandNewException",
            "Unavailable",
            "BrandNewException (HTTP 500); retry later",
        ),
        (
            503,
            "",
            "Unavailable",
            "HTTP 503 without an error code; retry later",
        ),
        (
            429,
            "",
            "Unavailable",
            "HTTP 429 without an error code; retry later",
        ),
    ] {
        let error = of(status, code, "sentinel");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(error.remedy(), None, "no guess: {error}");
        assert!(!error.to_string().contains("sentinel"), "{error}");
    }
}
