use super::*;
use crate::testing::remedies::assert_names_a_change;

fn of(code: u16, body: &str) -> Error {
    let response = ErrorResponse::new(code, body.as_bytes().to_vec());
    let remedy = "allow read on <mount>/data/<prefix>/*";
    translate("reading the key in Vault at", &"secret/it", remedy)(Failure::Status(response))
}

fn errors(texts: &[&str]) -> String {
    serde_json::json!({ "errors": texts }).to_string()
}

#[test]
fn a_status_has_its_kind_and_its_cause() {
    let upgrading = "Upgrading from non-versioned to versioned data. This backend will be \
        unavailable for a brief period and will resume service shortly.";
    let role = "1 error occurred:\n\t* failed to renew entry: original token role \"r\" could not \
        be found, not renewing\n\n";
    let app_role = "1 error occurred:\n\t* failed to renew entry: role \"a\" does not exist during \
        renewal\n\n";
    for (code, texts, kind, cause) in [
        (
            400,
            &[upgrading][..],
            "Unavailable",
            "being upgraded to KV version 2",
        ),
        (
            400,
            &["check-and-set parameter required for this call"],
            "Unexpected",
            "check-and-set",
        ),
        (
            400,
            &["batch tokens cannot be renewed"],
            "Unexpected",
            "cannot be renewed",
        ),
        (400, &["missing path"], "Unexpected", "an invalid request"),
        (403, &["permission denied"], "Denied", "denied"),
        (404, &[], "Unexpected", "VAULT_MOUNT"),
        (
            404,
            &["namespace not found"],
            "Unexpected",
            "VAULT_NAMESPACE",
        ),
        (
            404,
            &["no handler for route \"x/y\". route entry not found."],
            "Unexpected",
            "VAULT_MOUNT",
        ),
        (405, &["unsupported operation"], "Unexpected", "VAULT_MOUNT"),
        (
            412,
            &["required index state not present"],
            "Unavailable",
            "not up to date",
        ),
        (
            429,
            &["request path \"x\": rate limit quota exceeded"],
            "Throttled",
            "rate-limit",
        ),
        (472, &[], "Unavailable", "VAULT_ADDR"),
        (473, &[], "Unavailable", "VAULT_ADDR"),
        (500, &["internal error"], "Unavailable", "internal error"),
        (500, &[role], "Unexpected", "does not exist any longer"),
        (500, &[app_role], "Unexpected", "does not exist any longer"),
        (502, &["third party"], "Unavailable", "502"),
        (503, &["Vault is sealed"], "Unavailable", "unseal"),
        (503, &[], "Unavailable", "retry later"),
    ] {
        let error = of(code, &errors(texts));
        assert_eq!(error.kind(), kind, "{code} {texts:?}: {error}");
        assert!(
            error.to_string().contains(cause),
            "{code} {texts:?}: {error}"
        );
        if let Some(remedy) = error.remedy() {
            assert!(
                remedy.contains("server log") || {
                    assert_names_a_change(remedy);
                    true
                }
            );
        }
    }
}

#[test]
fn an_answer_of_another_server_is_not_vaults() {
    let page = "<html>Please log in</html>";
    for (code, body, kind, cause) in [
        (301, page, "Unexpected", "redirect"),
        (
            400,
            "Client sent an HTTP request to an HTTPS server.\n",
            "Unexpected",
            "expects https",
        ),
        (400, page, "Unexpected", "not Vault's own"),
        (401, page, "Unexpected", "not Vault's own"),
        (403, page, "Unexpected", "not Vault's own"),
        (404, "404 page not found", "Unexpected", "not Vault's own"),
        (429, page, "Throttled", "proxy"),
        (500, page, "Unavailable", "proxy"),
        (502, page, "Unavailable", "proxy"),
        (503, page, "Unavailable", "proxy"),
        (504, page, "Unavailable", "proxy"),
    ] {
        let error = of(code, body);
        assert_eq!(error.kind(), kind, "{code}: {error}");
        assert!(error.to_string().contains(cause), "{code}: {error}");
        assert!(
            !error.to_string().contains("log in"),
            "quotes the body: {error}"
        );
    }
}

#[test]
fn a_status_without_a_body_is_taken_as_it_is() {
    for (code, kind) in [
        (403, "Denied"),
        (404, "Unexpected"),
        (429, "Throttled"),
        (500, "Unavailable"),
        (503, "Unavailable"),
    ] {
        assert_eq!(of(code, "").kind(), kind, "{code}");
    }
    // But it does not state that a secret is absent.
    assert!(!ErrorResponse::new(404, Vec::new()).is_absent());
    assert!(ErrorResponse::new(404, errors(&[]).into_bytes()).is_absent());
}

#[test]
fn an_unknown_status_is_reported_as_unknown() {
    for code in [401, 407, 418, 499, 600] {
        let error = of(code, &errors(&["sentinel"]));
        let text = error.to_string();
        assert_eq!(error.kind(), "Unexpected", "{text}");
        assert!(
            text.ends_with(&format!("Vault returned {code}, which is unknown here")),
            "{text}"
        );
    }
}

#[test]
fn a_success_without_vaults_content_is_named() {
    let of = |failure| translate("reading", &"it", "")(failure).to_string();
    assert!(of(Failure::Empty(204)).contains("204 without content"));
    assert!(of(Failure::Malformed).contains("VAULT_ADDR"));
    assert!(of(Failure::TooLarge(1024 * 1024)).contains("more than 1024 KiB"));
}
