//! The rule that a remedy names what to change.

/// Fails unless a remedy names a variable, a command or a setting, or a permission: something that
/// an operator can change.
#[track_caller]
pub fn assert_names_a_change(remedy: &str) {
    let is_variable = |word: &str| {
        word.contains('_')
            && word.len() > 4
            && word
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let words = remedy.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_permission = |text: &str| {
        [
            "ssm:",
            "s3:",
            "kms:",
            "dynamodb:",
            "<mount>/",
            "sys/",
            "auth/",
        ]
        .iter()
        .any(|prefix| text.contains(prefix))
    };
    let names = words.clone().any(is_variable) || remedy.contains('`') || is_permission(remedy);
    assert!(
        names,
        "names no variable, command, setting or permission: {remedy:?}"
    );
}
