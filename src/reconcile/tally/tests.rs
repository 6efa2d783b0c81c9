use super::*;

fn users(names: &[&str]) -> Vec<UserName> {
    let names = names.iter();
    names.map(|name| UserName::parse(name).unwrap()).collect()
}

#[test]
fn users_who_have_waited_longest_are_left_over_first() {
    let left_over = |waiting: &[&str], not_started: &[&str], failed: &[&str]| {
        let waiting = waiting.iter().map(ToString::to_string).collect::<Vec<_>>();
        let unfinished = Unfinished {
            not_started: users(not_started),
            failed: users(failed),
            needs_full_run: None,
        };
        unfinished.left_over(&waiting).join(" ")
    };
    assert_eq!(
        left_over(&["q", "r", "s"], &["n", "o", "r", "s"], &[]),
        "r s n o"
    );
    assert_eq!(left_over(&["a", "b"], &["c"], &["a"]), "c a");
    assert_eq!(left_over(&[], &["b", "a"], &["c"]), "b a c");
    assert_eq!(left_over(&["a"], &[], &[]), "");
}
