//! The properties of targets documents and of templates.

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::{MAX_MESSAGE_LENGTH, SENTINEL};
use crate::config::TargetDefaults;
use crate::keys::{AccessKey, UserName};
use crate::targets::{
    MAX_TARGETS, MAX_TARGETS_PER_USER, Target, Targets, Template, Values, check_targets,
};

const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn key() -> AccessKey {
    AccessKey::new(ID.to_owned(), SECRET.into()).expect("it is a key")
}

/// A document gives every user different secrets, each with fields, or problems that do not quote
/// it at length.
pub fn targets(data: &[u8]) {
    let defaults = TargetDefaults::read(|_| None).expect("nothing is set");
    match Targets::parse(data, &defaults) {
        Ok(targets) => {
            let mut locations = Vec::new();
            for (user, target) in targets.named() {
                assert!(targets.for_user(user).len() <= MAX_TARGETS_PER_USER);
                assert_valid_target(user, target);
                locations.push(&target.location);
            }
            let count = locations.len();
            assert!(count <= MAX_TARGETS);
            locations.sort();
            locations.dedup();
            assert_eq!(locations.len(), count, "two targets have one secret");
            let other = UserName::parse("some-other-user").expect("it is a name");
            for target in targets.for_user(&other) {
                assert_valid_target(&other, &target);
                let shared = targets.others().is_some() && locations.contains(&&target.location);
                assert!(!shared, "two users have one secret");
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "no problem is named");
            for problem in &problems {
                let text = problem.to_string();
                assert!(text.len() <= MAX_MESSAGE_LENGTH, "{text}");
                assert!(!text.contains(char::is_control), "{text:?}");
                // What is quoted is shorter than three sentinels, and than a secret.
                assert!(!text.contains(&SENTINEL.repeat(3)), "{text}");
            }
        }
    }
    let check = serde_json::to_string(&check_targets(data, &defaults));
    assert!(check.is_ok_and(|json| json.starts_with('{')));
}

/// A target requests the URL of its path, and writes at least one field.
fn assert_valid_target(user: &UserName, target: &Target) {
    let location = &target.location;
    let mut url = reqwest::Url::parse("https://vault.example.org").expect("it is a URL");
    let path = format!("v1/{}/data/{}", location.mount, location.path);
    url.path_segments_mut()
        .expect("it has a path")
        .extend(path.split('/'));
    let segments = url.path_segments().expect("it has a path").count();
    assert_eq!(segments, path.split('/').count(), "the path is another");
    assert!(url.query().is_none() && url.fragment().is_none());
    let time = Timestamp::UNIX_EPOCH;
    let rendered = target.render(&key(), user, time);
    assert!(rendered.iter().count() > 0, "nothing is written");
    assert_eq!(rendered.iter().count(), target.fields().count());
    assert!(!format!("{rendered:?}").contains(SECRET));
    assert_eq!(target.definition().len(), 16);
}

/// An accepted template renders each placeholder, and nothing that looks like one.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(problem) => {
            assert!(problem.len() <= MAX_MESSAGE_LENGTH, "{problem}");
            assert!(!problem.contains(char::is_control), "{problem:?}");
            return;
        }
    };
    let (key, user) = (key(), UserName::parse("alice").expect("it is a name"));
    let values = Values {
        key: &key,
        user: &user,
        synced_at: "2026-01-10T09:00:00.000Z",
    };
    let resolved = template
        .resolve(Some("ca-central-1"), Some("role"))
        .expect("both values are known");
    let rendered = resolved.render(&values);
    let rendered = rendered.expose_secret();
    let display = resolved.to_string();
    let again = Template::parse(&display).expect("a display is a template");
    let again = again.resolve(None, None).expect("it needs no value");
    assert_eq!(
        again.to_string(),
        display,
        "the display is another template"
    );
    assert_eq!(again.render(&values).expose_secret(), rendered);
    let doubled = text.contains("{{") || text.contains("}}");
    if !doubled {
        assert!(!rendered.contains(['{', '}']), "{rendered}");
        let secrets = text.matches("{secretAccessKey}").count();
        assert!(rendered.matches(SECRET).count() >= secrets, "{rendered}");
    }
    if !text.contains(['{', '}']) {
        assert_eq!(rendered, text);
    }
}
