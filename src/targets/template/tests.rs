use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn key(secret: &str) -> AccessKey {
    AccessKey::new("AKIAIOSFODNN7EXAMPLE".to_owned(), secret.into()).unwrap()
}

/// Renders a template with a Region and a role; `None` if it is left out.
fn render(template: &str, region: Option<&str>, role_arn: Option<&str>) -> Option<String> {
    render_with(template, region, role_arn, &key(SECRET))
}

fn render_with(
    template: &str,
    region: Option<&str>,
    role_arn: Option<&str>,
    key: &AccessKey,
) -> Option<String> {
    let template = Template::parse(template).unwrap();
    let values = Values {
        key,
        user: &UserName::parse("mailer").unwrap(),
        synced_at: "2026-01-10T09:00:00.000Z",
    };
    let rendered = template.resolve(region, role_arn)?.render(&values);
    Some(rendered.expose_secret().to_owned())
}

#[test]
fn template_renders_every_placeholder() {
    let template = "{accessKeyId} {secretAccessKey} {userName} {syncedAt} {region} {roleArn}";
    assert_eq!(
        render(
            template,
            Some("ca-central-1"),
            Some("arn:aws:iam::1:role/R")
        )
        .unwrap(),
        format!(
            "AKIAIOSFODNN7EXAMPLE {SECRET} mailer 2026-01-10T09:00:00.000Z ca-central-1 \
             arn:aws:iam::1:role/R"
        )
    );
}

#[test]
fn template_renders_the_smtp_password_of_a_region() {
    let of = |template, region| render(template, region, None);
    let password = of("{sesSmtpPassword}", Some("eu-central-1")).unwrap();
    assert_eq!(password.len(), 44);
    assert_eq!(
        of("{sesSmtpPassword:eu-central-1}", None).as_ref(),
        Some(&password)
    );
    assert_ne!(
        of("{sesSmtpPassword}", Some("us-west-1")).unwrap(),
        password
    );
    assert_eq!(
        of("p={sesSmtpPassword:eu-central-1};", Some("us-west-1")).unwrap(),
        format!("p={password};"),
        "its own Region has precedence"
    );
}

#[test]
fn template_without_one_of_its_values_is_left_out() {
    for template in ["{region}", "x {roleArn}", "{accessKeyId}{sesSmtpPassword}"] {
        assert_eq!(render(template, None, None), None, "{template}");
    }
    assert_eq!(render("{region}", Some("r"), None).as_deref(), Some("r"));
}

#[test]
fn template_keeps_text_lines_and_doubled_braces() {
    for (template, expected) in [
        ("", ""),
        ("plain\n[text]\n", "plain\n[text]\n"),
        ("{{\"user\": \"{userName}\"}}", "{\"user\": \"mailer\"}"),
        ("{{{userName}}}", "{mailer}"),
        ("{{userName}}", "{userName}"),
        ("}}{{", "}{"),
        ("é{userName}ü", "émailerü"),
    ] {
        assert_eq!(
            render(template, None, None).as_deref(),
            Some(expected),
            "{template}"
        );
    }
}

#[test]
fn template_with_an_unknown_placeholder_is_refused() {
    for template in [
        "{}",
        "{ accessKeyId }",
        "{accesskeyid}",
        "{sesSmtpPassword:}",
        "{sesSmtpPassword:ca central}",
        "{sesSmtpPassword:'r'}",
        "{\u{1b}[2J}",
    ] {
        let problem = Template::parse(template).unwrap_err();
        assert!(
            problem.starts_with("has the unknown placeholder \""),
            "{problem}"
        );
        assert!(problem.contains("; expected {accessKeyId}, "), "{problem}");
        assert!(!problem.contains(char::is_control), "{problem:?}");
    }
}

#[test]
fn template_with_a_single_brace_is_refused() {
    for template in [
        "{",
        "}",
        "a}b",
        "{userName",
        "{{userName}",
        "{userName}}",
        "{a{userName}",
    ] {
        let problem = Template::parse(template).unwrap_err();
        assert!(problem.contains("a single brace"), "{template}: {problem}");
    }
}

#[test]
fn template_problems_do_not_quote_a_secret() {
    let problem = Template::parse(&format!("{{{SECRET}}}")).unwrap_err();
    assert!(!problem.contains(&SECRET[..17]), "{problem}");
}

/// A part of a template: its source, and what it renders to.
fn part() -> impl Strategy<Value = (String, Expected)> {
    let literal = r"[^{}]{0,8}".prop_map(|text| (text.clone(), Expected::Text(text)));
    let fixed = |(source, expected): (&str, Expected)| (source.to_owned(), expected);
    let text = |text: &str| Expected::Text(text.to_owned());
    prop_oneof![
        literal,
        Just(fixed(("{{", text("{")))),
        Just(fixed(("}}", text("}")))),
        Just(fixed(("{userName}", text("mailer")))),
        Just(fixed(("{region}", text("ca-central-1")))),
        Just(fixed(("{accessKeyId}", text("AKIAIOSFODNN7EXAMPLE")))),
        Just(fixed(("{secretAccessKey}", Expected::Secret))),
        Just(fixed(("{sesSmtpPassword}", Expected::Password))),
    ]
}

#[derive(Clone, Debug)]
enum Expected {
    Text(String),
    Secret,
    Password,
}

proptest! {
    /// Each byte of text and key is in its place, and nothing else.
    #[test]
    fn template_renders_exactly_its_parts(
        parts in prop::collection::vec(part(), 0..12),
        secret in "[!-~]{19}[A-Za-z0-9a-z][!-~]{0,21}",
    ) {
        prop_assume!(AccessKey::new("AKIAIOSFODNN7EXAMPLE".to_owned(), secret.as_str().into()).is_ok());
        let source = parts.iter().map(|(source, _)| source.as_str()).collect::<String>();
        let mut password = String::new();
        ses::push_password(&mut password, &secret, "ca-central-1");
        let expected = parts.iter().map(|(_, expected)| match expected {
            Expected::Text(text) => text.as_str(),
            Expected::Secret => &secret,
            Expected::Password => &password,
        });
        let expected = expected.collect::<String>();
        let rendered = render_with(&source, Some("ca-central-1"), None, &key(&secret));
        prop_assert_eq!(rendered, Some(expected));
    }

    /// Whatever is accepted leaves no placeholder behind, and its display is the same template.
    #[test]
    fn template_emits_no_placeholder(source in r"([^{}]|\{[a-zA-Z:]{0,16}\}|\{(region|userName|secretAccessKey|sesSmtpPassword)\}|\{\{|\}\}){0,8}") {
        if let Ok(template) = Template::parse(&source) {
            let resolved = template.resolve(Some("ca-central-1"), Some("role")).unwrap();
            prop_assert_eq!(
                Template::parse(&resolved.to_string()).unwrap().resolve(None, None).map(|it| it.to_string()),
                Some(resolved.to_string())
            );
            if !source.contains("{{") && !source.contains("}}") {
                let rendered = render(&source, Some("ca-central-1"), Some("role")).unwrap();
                prop_assert!(!rendered.contains(['{', '}']), "{}", rendered);
            }
        }
    }
}
