use super::*;

const LEGACY_OBJECT: &str = r#"{
  "token": "hvs.sentinel",
  "createdAt": "2025-06-01T02:00:00.000Z",
  "expiresAt": "2025-06-02T02:00:00.500Z",
  "renewable": true,
  "ttl": 86400
}"#;

fn read(text: &str) -> TokenObject {
    TokenObject::parse(text.as_bytes()).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

fn written(object: &TokenObject) -> Value {
    serde_json::from_slice(&object.to_json()).unwrap()
}

fn lifetime() -> Lifetime {
    Lifetime {
        ttl_seconds: Some(3600),
        period_seconds: Some(3600),
        explicit_max_ttl_seconds: None,
        creation_ttl_seconds: 3600,
        renewable: true,
        shrunk_from: None,
        created_at: "2025-01-01T00:00:00Z".parse().unwrap(),
        as_of: "2025-06-03T00:00:00Z".parse().unwrap(),
    }
}

#[test]
fn legacy_object_is_read_and_written_unchanged() {
    let object = read(LEGACY_OBJECT);
    insta::assert_json_snapshot!(written(&object), @r#"
    {
      "createdAt": "2025-06-01T02:00:00Z",
      "expiresAt": "2025-06-02T02:00:00.5Z",
      "renewable": true,
      "token": "hvs.sentinel",
      "ttl": 86400
    }
    "#);
    assert_eq!(TokenObject::parse(&object.to_json()).unwrap(), object);
}

#[test]
fn only_the_token_is_required_and_trusted() {
    let alone = json!({ "token": "hvs.sentinel", "createdAt": null, "expiresAt": null, "renewable": false, "ttl": 0 });
    for text in [
        r#"{"token": "hvs.sentinel"}"#,
        "\r\n\t {\"token\": \"hvs.sentinel\"}\n",
        r#"{"token": "hvs.sentinel", "createdAt": null, "expiresAt": null, "renewable": null, "ttl": null}"#,
        r#"{"token": "hvs.sentinel", "createdAt": 5, "expiresAt": "soon", "renewable": "yes", "ttl": "1h"}"#,
        r#"{"token": "hvs.sentinel", "createdAt": [], "expiresAt": {}, "renewable": 1, "ttl": -1}"#,
        r#"{"token": "hvs.sentinel", "expiresAt": "2025-13-01T00:00:00Z", "ttl": 1.5, "policies": ["default"]}"#,
    ] {
        assert_eq!(written(&read(text)), alone, "{text}");
    }
}

#[test]
fn invalid_object_is_rejected_without_its_text() {
    let (kind, shape) = (
        "the token object is invalid, expected",
        "the token object is invalid (line ",
    );
    let token = "is empty or contains a character that no token has";
    for (text, because) in [
        ("", kind),
        ("hvs.sentinel", kind),
        (r#""hvs.sentinel""#, kind),
        ("null", kind),
        (r#"["hvs.sentinel"]"#, kind),
        (
            r#" ["hvs.sentinel", "2025-06-01T02:00:00.000Z", "2025-06-02T02:00:00.500Z", true, 86400]"#,
            kind,
        ),
        (r#"[{"token": "hvs.sentinel"}]"#, kind),
        ("{}", shape),
        (r#"{"Token": "hvs.sentinel"}"#, shape),
        (r#"{"auth": {"client_token": "hvs.sentinel"}}"#, shape),
        (r#"{"token": null}"#, shape),
        (r#"{"token": 4711}"#, shape),
        (r#"{"token": true}"#, shape),
        (r#"{"token": ["hvs.sentinel"]}"#, shape),
        (r#"{"token": {"value": "hvs.sentinel"}}"#, shape),
        (
            r#"{"token": "hvs.sentinel", "token": "hvs.sentinel"}"#,
            shape,
        ),
        (r#"{"token": "hvs.sentinel"} hvs.sentinel"#, shape),
        (r#"{"token": "hvs.sentinel""#, shape),
        ("\u{feff}{\"token\": \"hvs.sentinel\"}", kind),
        ("{\"token\": \"hvs.sentinel\n\"}", shape),
        (r#"{"token": ""}"#, token),
        (r#"{"token": "hvs.sentinel\n"}"#, token),
        (
            r#"{"token": "hvs.sentinel\r\nX-Vault-Namespace: other"}"#,
            token,
        ),
        (r#"{"token": " hvs.sentinel"}"#, token),
        (r#"{"token": "hvs.sentinel\u0000"}"#, token),
        (r#"{"token": "hvs.sentinél"}"#, token),
    ] {
        let problem = TokenObject::parse(text.as_bytes()).unwrap_err();
        assert!(problem.contains(because), "{text}: {problem}");
        assert!(
            !problem.contains("sentin") && !problem.contains("4711"),
            "{text}: {problem}"
        );
    }
    assert!(
        TokenObject::parse(b"{\"token\": \"hvs.sentinel\xff\"}")
            .unwrap_err()
            .contains(shape)
    );
}

#[test]
fn renewed_object_keeps_token_and_creation_time() {
    let renewed = json!({
        "token": "hvs.sentinel",
        "createdAt": "2025-06-01T02:00:00Z",
        "expiresAt": "2025-06-03T01:00:00Z",
        "renewable": true,
        "ttl": 3600,
    });
    assert_eq!(written(&read(LEGACY_OBJECT).renewed(&lifetime())), renewed);
    let without = read(r#"{"token": "hvs.sentinel"}"#).renewed(&lifetime());
    assert_eq!(
        written(&without)["createdAt"],
        "2025-01-01T00:00:00Z",
        "from Vault if the object lacks it"
    );
}

#[test]
fn renewed_token_that_never_expires_has_no_expiry() {
    let never_expires = Lifetime {
        ttl_seconds: None,
        renewable: false,
        ..lifetime()
    };
    let renewed = written(&read(LEGACY_OBJECT).renewed(&never_expires));
    assert_eq!(
        (
            &renewed["expiresAt"],
            &renewed["ttl"],
            &renewed["renewable"]
        ),
        (&json!(null), &json!(0), &json!(false))
    );
}

#[test]
fn objects_differ_in_token_or_time() {
    let object = read(LEGACY_OBJECT);
    assert_eq!(object, read(LEGACY_OBJECT));
    for (from, to) in [
        ("hvs.sentinel", "hvs.other"),
        ("86400", "86399"),
        ("true", "false"),
        ("T02", "T03"),
    ] {
        assert_ne!(object, read(&LEGACY_OBJECT.replace(from, to)), "{to}");
    }
}
