use super::*;

fn of(code: u16, text: &str) -> Option<&'static str> {
    let body = serde_json::json!({"errors": [text]}).to_string();
    let response = ErrorResponse::new(code, body.into_bytes());
    refusal(&response).map(|(_, remedy)| remedy)
}

#[test]
fn each_refusal_names_what_to_change() {
    let upstream = "error making upstream request: received error code 403 from STS: ";
    let of_sts = |text: &str| of(400, &format!("{upstream}<Message>{text}</Message>"));
    let server_id = "error validating X-Vault-AWS-IAM-Server-ID header: expected \"a\"";
    let principal = "IAM Principal \"arn:aws:sts::1:assumed-role/a/b\" does not belong to the role";
    for (found, expected) in [
        (of(400, server_id), "VAULT_AUTH_AWS_SERVER_ID"),
        (of(400, "entry for role \"x\" not found"), "VAULT_AUTH_ROLE"),
        (of(400, principal), "bound_iam_principal_arn"),
        (
            of(400, "error looking up full ARN of entity"),
            "without its path",
        ),
        (
            of_sts("Credential should be scoped to a valid region."),
            "VAULT_AUTH_AWS_REGION",
        ),
        (of_sts("Signature expired: 20260101T000000Z"), "clocks"),
        (of_sts("Signature not yet current"), "clocks"),
        (
            of_sts("The security token included in the request is expired"),
            "AWS credentials",
        ),
        (of_sts("something new"), "AWS credentials"),
        (
            of(
                400,
                "error making upstream request: error making request: dial tcp",
            ),
            "sts_endpoint",
        ),
        (of_sts("SignatureDoesNotMatch"), "VAULT_AUTH_AWS_REGION"),
        (of_sts("SignatureDoesNotMatch"), "AWS credentials"),
        (of(403, "permission denied"), "VAULT_AUTH_MOUNT"),
        (
            of(404, "no handler for route \"auth/x/login\""),
            "VAULT_AUTH_MOUNT",
        ),
    ] {
        assert!(found.unwrap().contains(expected), "{expected}: {found:?}");
    }
    for (code, text) in [
        (429, "quota"),
        (500, "internal error"),
        (503, "Vault is sealed"),
    ] {
        assert_eq!(of(code, text), None, "{text}");
    }
}

#[test]
fn an_overloaded_sts_is_unavailable() {
    for (text, expected) in [
        (
            "received error code 400 from STS: <Code>Throttling</Code>",
            true,
        ),
        ("received error code 429 from STS: ", true),
        ("received error code 503 from STS: ", true),
        (
            "received error code 403 from STS: <Code>AccessDenied</Code>",
            false,
        ),
    ] {
        let text = format!("error making upstream request: {text}");
        let body = serde_json::json!({"errors": [text]}).to_string();
        let response = ErrorResponse::new(400, body.into_bytes());
        assert_eq!(is_overloaded(&response), expected, "{text}");
    }
}
