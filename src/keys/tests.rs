use super::*;

fn naming() -> ParameterNaming {
    ParameterNaming {
        prefix: "/iam_users/".into(),
        suffix: "_keys".into(),
    }
}

fn key(id: &str, secret: &str) -> Result<AccessKey, &'static str> {
    AccessKey::new(id.into(), secret.into())
}

#[test]
fn user_name_allows_all_legal_characters() {
    let all = "AZaz09+=,.@_-";
    assert_eq!(UserName::parse(all).unwrap().as_str(), all);
    let longest = "x".repeat(64);
    assert_eq!(UserName::parse(&longest).unwrap().as_str(), longest);
    assert!(
        UserName::parse("...").is_ok(),
        "three dots are not a parent folder"
    );
}

#[test]
fn invalid_user_name_is_rejected_with_its_fault() {
    assert_eq!(UserName::parse(""), Err(UserNameError::Empty));
    assert_eq!(UserName::parse("."), Err(UserNameError::Dots));
    assert_eq!(UserName::parse(".."), Err(UserNameError::Dots));
    assert_eq!(
        UserName::parse(&"x".repeat(65)),
        Err(UserNameError::TooLong(65))
    );
    for bad in [
        "a/b", "../b", "%2e%2e", "a b", "a\n", "a\0", "аlice", "a\\b", "a?b", "a#b", "a;b",
    ] {
        assert!(
            matches!(UserName::parse(bad), Err(UserNameError::Character(_))),
            "{bad:?}"
        );
    }
}

#[test]
fn parameter_name_loses_exactly_one_suffix() {
    assert_eq!(
        naming().user_of("/iam_users/x_keys_keys").unwrap().as_str(),
        "x_keys"
    );
    assert_eq!(
        naming().user_of("/iam_users/_keys_keys").unwrap().as_str(),
        "_keys"
    );
}

#[test]
fn parameter_without_a_user_has_a_reason() {
    for other in [
        "/iam_users/alice",
        "/other/alice_keys",
        "iam_users/alice_keys",
        "",
    ] {
        assert!(
            naming()
                .user_of(other)
                .unwrap_err()
                .contains("/iam_users/<user>_keys"),
            "{other:?}"
        );
    }
    for hostile in [
        "/iam_users/_keys",
        "/iam_users/.._keys",
        "/iam_users/a/b_keys",
    ] {
        assert!(
            naming()
                .user_of(hostile)
                .unwrap_err()
                .contains("contains no user name"),
            "{hostile:?}"
        );
    }
}

#[test]
fn user_name_outside_ssm_characters_has_no_parameter() {
    assert_eq!(
        naming().parameter_of(&UserName::parse("jo@x").unwrap()),
        None
    );
    let parameter = naming()
        .parameter_of(&UserName::parse("x_keys").unwrap())
        .unwrap();
    assert_eq!(parameter.as_str(), "/iam_users/x_keys_keys");
}

#[test]
fn fingerprint_is_the_legacy_one() {
    // sha256 of {"accessKeyId":"AKIAEXAMPLE","secretAccessKey":"wJalr/K7+x="}, computed with
    // sha256sum.
    let expected = "97e0f265efb4f172f8e7d345bb9d7af408108d13d187d1ae040cdf2fa83e561e";
    assert_eq!(
        key("AKIAEXAMPLE", "wJalr/K7+x=").unwrap().fingerprint().0,
        expected
    );
    // and of {"accessKeyId":"a","secretAccessKey":"\"\\"}: JSON escapes are part of the text.
    let expected = "68624deedc4bfc0a318d96ce62959c09a1ec7611feaaab30b9dd3356729f33e5";
    assert_eq!(key("a", "\"\\").unwrap().fingerprint().0, expected);
}

#[test]
fn empty_or_unprintable_key_is_rejected() {
    for (id, secret) in [
        ("", "s"),
        (" ", "s"),
        ("AKIA\n", "s"),
        ("AKIA", ""),
        ("AKIA", "se cret"),
        ("AKIA", "s\u{e9}"),
    ] {
        assert!(key(id, secret).is_err(), "{id:?} {secret:?}");
    }
}
