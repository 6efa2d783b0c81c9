//! The certificate authorities: how many are trusted, and until when.

use jiff::{SignedDuration, Timestamp};

use super::check::{Finding, pass, warn};
use crate::config::{Authorities, Config};

/// How long before the end of an authority the check warns.
const WARN_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Describes the authorities that are trusted for Vault and for AWS. The system maintains its own,
/// so only given ones cause a warning.
pub(super) fn finding(config: &Config, now: Timestamp) -> Finding {
    let trusted = [
        ("Vault", &config.vault.authorities),
        ("AWS", &config.aws.authorities),
    ];
    let detail =
        trusted.map(|(service, authorities)| format!("{service}: {}", text(authorities.as_ref())));
    let ends = trusted.into_iter().filter_map(|(_, authorities)| {
        let authorities = authorities.as_ref()?;
        let end = authorities.first_end()?;
        (end < now + WARN_BEFORE).then_some((end, authorities.variable()?))
    });
    match ends.min() {
        None => pass(detail.join("; ")),
        Some((end, variable)) => {
            let verb = if end < now { "ended" } else { "ends" };
            let problem = format!("an authority of {variable} {verb} on {}", date(end));
            warn(
                format!("{problem} ({})", detail.join("; ")),
                format!("add its successor to {variable}, before servers change to it"),
            )
        }
    }
}

fn text(authorities: Option<&Authorities>) -> String {
    let Some(authorities) = authorities else {
        return "those of the system".to_owned();
    };
    let count = authorities.certificates().len();
    match (authorities.variable(), authorities.first_end()) {
        (None, _) => format!("the {count} of the system"),
        (Some(variable), Some(end)) => {
            format!("{count} of {variable}, the first until {}", date(end))
        }
        (Some(variable), None) => format!("{count} of {variable}, with an unknown end"),
    }
}

fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::CheckStatus;
    use crate::testing::memory::Memory;

    /// It ends on 2125-01-01.
    const AUTHORITY: &str = include_str!("../config/authorities/test_ca.pem");

    fn at(now: &str) -> (CheckStatus, String) {
        let ctx = Memory::default().ctx(&[("VAULT_CACERT_BYTES", AUTHORITY)]);
        let finding = finding(&ctx.config, now.parse().unwrap());
        let Finding { status, .. } = finding;
        (
            status,
            finding.of("authorities", std::time::Duration::ZERO).detail,
        )
    }

    #[test]
    fn authorities_are_counted_with_their_end() {
        let (status, detail) = at("2124-12-01T00:00:00Z");
        assert_eq!(status, CheckStatus::Pass);
        assert_eq!(
            detail,
            "Vault: 1 of VAULT_CACERT_BYTES, the first until 2125-01-01; AWS: those of the system"
        );
    }

    #[test]
    fn authority_that_ends_within_30_days_is_a_warning() {
        for (now, expected) in [
            (
                "2124-12-03T00:00:00Z",
                "an authority of VAULT_CACERT_BYTES ends on 2125-01-01 (",
            ),
            (
                "2125-01-02T00:00:00Z",
                "an authority of VAULT_CACERT_BYTES ended on 2125-01-01 (",
            ),
        ] {
            let (status, detail) = at(now);
            assert_eq!(status, CheckStatus::Warn, "{now}");
            assert!(detail.starts_with(expected), "{detail}");
        }
    }
}
