//! No type that holds a secret gives it away: none can be serialised or displayed, and none shows it when it is debugged.
//!
//! The list of those types is held to the sources, so that a new one cannot be forgotten. Each keeps its secret in a
//! [`secrecy::SecretString`] or in another type of the list, and so wipes it on drop.

use std::collections::BTreeSet;
use std::path::Path;

use secrecy::SecretString;
use secrecy::zeroize::ZeroizeOnDrop;

use crate::backends::VaultSecret;
use crate::config::{Config, VaultConfig};
use crate::keys::AccessKey;
use crate::observe::Observed;
use crate::snapshot::{ParameterReading, Revision};
use crate::token::TokenObject;

/// Does not compile for a type that has the trait.
macro_rules! never {
    ($trait:path: $($type:ty),+) => {$(const _: () = {
        trait AmbiguousIfImplemented<A> {
            fn here() {}
        }
        impl<T: ?Sized> AmbiguousIfImplemented<()> for T {}
        struct Implemented;
        impl<T: ?Sized + $trait> AmbiguousIfImplemented<Implemented> for T {}
        let _ = <$type as AmbiguousIfImplemented<_>>::here;
    };)+};
}

never!(serde::Serialize: SecretString, AccessKey, ParameterReading, Observed, VaultSecret, TokenObject, VaultConfig, Config);
never!(std::fmt::Display: SecretString, AccessKey, ParameterReading, Observed, VaultSecret, TokenObject, VaultConfig, Config);

/// Every type with a member that is a secret. What holds one of these can neither derive what they lack, nor show more than
/// they do.
const HOLDERS: [&str; 12] = [
    "AccessKey",
    "CachedToken",
    "KeyDocument",
    "KeyFields",
    "Login",
    "Observed",
    "ParameterReading",
    "Stored",
    "TokenObject",
    "TokenSource",
    "VaultConfig",
    "VaultSecret",
];

/// The sources of the library and the binaries, without those of tests.
fn sources(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let tests = ["tests", "memory", "convergence", "secrets", "fuzzing"];
    let ours = entries.filter(|path| !tests.contains(&path.file_stem().unwrap().to_str().unwrap()));
    ours.map(|path| {
        if path.is_dir() {
            sources(&path)
        } else {
            std::fs::read_to_string(path).unwrap()
        }
    })
    .collect()
}

/// The types that are declared, each with the text of its members.
fn types(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let declared = line
            .trim_start_matches("pub(super) ")
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub ");
        let Some(rest) = declared
            .strip_prefix("struct ")
            .or_else(|| declared.strip_prefix("enum "))
        else {
            continue;
        };
        let name: String = rest
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        let mut members = rest[name.len()..].to_owned();
        if !line.ends_with([';', '}']) {
            members.extend(
                lines
                    .by_ref()
                    .take_while(|line| *line != "}")
                    .filter(|line| !line.trim().starts_with("//")),
            );
        }
        found.push((name, members));
    }
    found
}

/// Whether a text names a type, as a word.
fn names(text: &str, name: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| word == name)
}

#[test]
fn every_type_that_holds_a_secret_is_listed_and_can_be_neither_serialised_nor_displayed() {
    let source = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let types = types(&source);
    let holders = types
        .iter()
        .filter(|(_, members)| names(members, "SecretString") || names(members, "AccessKey"));
    let holders = holders
        .map(|(name, _)| name.as_str())
        .collect::<BTreeSet<_>>();
    assert_eq!(holders.into_iter().collect::<Vec<_>>(), HOLDERS);
    for holder in HOLDERS {
        for implemented in [
            "Serialize",
            "Display",
            "fmt::Display",
            "LowerHex",
            "ToString",
        ] {
            assert!(
                !source.contains(&format!("{implemented} for {holder} ")),
                "{holder} is {implemented}"
            );
        }
    }
    let derived = source
        .split("#[derive(")
        .skip(1)
        .filter_map(|rest| rest.split_once(")]"));
    for (derives, rest) in derived.filter(|(derives, _)| names(derives, "Serialize")) {
        let declared = rest
            .lines()
            .find(|line| line.contains("struct ") || line.contains("enum "))
            .unwrap();
        assert!(
            !HOLDERS
                .iter()
                .any(|holder| names(declared.split('{').next().unwrap(), holder)),
            "{derives}: {declared}"
        );
    }
}

#[test]
fn no_type_that_holds_a_secret_shows_it_when_it_is_debugged() {
    const SENTINEL: &str = "SENTINEL/secret";
    let key = || AccessKey::new("AKIAEXAMPLE".to_owned(), SENTINEL.into()).unwrap();
    let value = format!(
        r#"{{"current": {{"AccessKeyID": "AKIAEXAMPLE", "SecretAccessKey": "{SENTINEL}"}}}}"#
    );
    let revision = Revision {
        modified: jiff::Timestamp::UNIX_EPOCH,
        version: 1,
    };
    let config = Config::read(|name| match name {
        "VAULT_ADDR" => Some("https://vault.example.org".to_owned()),
        "VAULT_TOKEN" => Some(SENTINEL.to_owned()),
        _ => None,
    });
    for shown in [
        format!("{:?}", key()),
        format!(
            "{:#?}",
            ParameterReading::parse(&value.as_str().into(), revision)
        ),
        format!("{:?}", VaultSecret::Key(Some(key()), 1)),
        format!(
            "{:?}",
            TokenObject::parse(format!(r#"{{"token": "{SENTINEL}"}}"#).as_bytes()).unwrap()
        ),
        format!("{:?}", config.unwrap()),
    ] {
        assert!(
            shown.contains("REDACTED") && !shown.contains(SENTINEL),
            "{shown}"
        );
    }
}

#[test]
fn a_secret_is_wiped_when_it_is_dropped() {
    fn is_wiped<T: ZeroizeOnDrop>() {}
    is_wiped::<SecretString>();
}
