use super::*;

fn naming() -> ParameterNaming {
    ParameterNaming {
        prefix: "/iam_users/".into(),
        suffix: "_keys".into(),
    }
}

const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";

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
    // Both hashes were computed with sha256sum. The first text is
    // {"accessKeyId":"AKIAIOSFODNN7EXAMPLE","secretAccessKey":"wJalrXUtnFEMI/…EXAMPLEKEY="}.
    let plain = key(KEY_ID, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY=").unwrap();
    let expected = "89d0a5a70b4033541d1a9eb828f9814d04a5f7f219a194b1b962c3dfd43437ec";
    assert_eq!(plain.fingerprint().0, expected);
    // JSON escapes are part of the hashed text.
    let escaped = key(KEY_ID, r#"a"quote"and\backslash"#).unwrap();
    let expected = "194c120e5f8cb017f822b6c2f1b7b54798b4460ee1506c0fcfb3e7f0b2f8bd12";
    assert_eq!(escaped.fingerprint().0, expected);
}

#[test]
fn a_placeholder_is_no_key() {
    let secret = "wJalrXUtnFEMI/K7MDENG";
    assert!(key(KEY_ID, secret).is_ok());
    let (short, long) = ("A".repeat(15), "A".repeat(129));
    for id in [
        "",
        "TODO",
        "null",
        "****************",
        "akiaiosfodnn7example",
        &short,
        &long,
    ] {
        let problem = key(id, secret).unwrap_err();
        assert!(
            problem.contains("id is not 16 to 128 characters"),
            "{id:?}: {problem}"
        );
    }
    let unprintable = format!("{secret}\n");
    let accented = format!("{secret}\u{e9}");
    let masked = "*".repeat(40);
    for text in [
        "",
        "TODO",
        "null",
        &secret[..19],
        &masked,
        "twenty words or more of text",
        &unprintable,
        &accented,
    ] {
        let problem = key(KEY_ID, text).unwrap_err();
        assert!(
            problem.contains("not at least 20 printable"),
            "{text:?}: {problem}"
        );
    }
}

#[test]
fn swapped_members_are_no_key() {
    assert!(key("wJalrXUtnFEMI/K7MDENG", KEY_ID).is_err());
    assert_eq!(
        key(KEY_ID, KEY_ID).unwrap_err(),
        "the secret access key is an access key id"
    );
}
