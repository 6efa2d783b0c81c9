use super::*;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn now() -> Timestamp {
    at("2025-06-02T00:00:00Z")
}

/// A renewable token with `left` of `full` seconds.
fn plain(left: u64, full: u64) -> Lifetime {
    Lifetime {
        ttl_seconds: Some(left),
        period_seconds: None,
        explicit_max_ttl_seconds: None,
        creation_ttl_seconds: full,
        renewable: true,
        shrunk_from: None,
        created_at: at("2025-06-01T00:00:00Z"),
        as_of: now(),
    }
}

fn periodic(left: u64, period: u64) -> Lifetime {
    Lifetime {
        period_seconds: Some(period),
        ..plain(left, period)
    }
}

#[test]
fn renewal_is_due_below_the_threshold_unless_fresh() {
    let never_expires = Lifetime {
        ttl_seconds: None,
        ..plain(0, 0)
    };
    for (case, token, threshold_hours, due) in [
        (
            "fresh, and the threshold is its whole period",
            periodic(DAY, DAY),
            24,
            false,
        ),
        (
            "more than nine tenths left",
            periodic(DAY * 9 / 10 + 1, DAY),
            24,
            false,
        ),
        ("nine tenths left", periodic(DAY * 9 / 10, DAY), 24, true),
        (
            "less than the threshold, of a long period",
            periodic(23 * HOUR, 32 * DAY),
            24,
            true,
        ),
        (
            "exactly half of its period",
            periodic(16 * DAY, 32 * DAY),
            24,
            false,
        ),
        (
            "less than half of its period",
            periodic(16 * DAY - 1, 32 * DAY),
            24,
            true,
        ),
        (
            "more than half of a short period, more than the threshold",
            periodic(13 * HOUR, DAY),
            1,
            false,
        ),
        (
            "less than half of a short period, more than the threshold",
            periodic(11 * HOUR, DAY),
            1,
            true,
        ),
        (
            "less than half, but not periodic",
            plain(4 * DAY, 32 * DAY),
            24,
            false,
        ),
        ("exactly the threshold", plain(DAY, 32 * DAY), 24, false),
        (
            "less than the threshold",
            plain(DAY - 1, 32 * DAY),
            24,
            true,
        ),
        (
            "fresh, not periodic, shorter than the threshold",
            plain(HOUR, HOUR),
            24,
            false,
        ),
        (
            "not fresh, not periodic, shorter than the threshold",
            plain(HOUR / 2, HOUR),
            24,
            true,
        ),
        (
            "the longest threshold",
            periodic(31 * DAY, 32 * DAY),
            8760,
            false,
        ),
        (
            "the longest threshold, not fresh",
            periodic(28 * DAY, 32 * DAY),
            8760,
            true,
        ),
        ("nothing left", periodic(0, DAY), 1, true),
        ("never expires", never_expires, 8760, false),
    ] {
        assert_eq!(token.renewal_due(now(), threshold_hours), due, "{case}");
    }
}

#[test]
fn token_ages_by_the_wall_clock() {
    let token = periodic(DAY, DAY);
    for (time, left, due) in [
        ("2025-06-02T00:00:00Z", DAY, false),
        ("2025-06-02T11:59:59Z", 12 * HOUR + 1, false),
        ("2025-06-02T12:00:01Z", 12 * HOUR - 1, true),
        ("2025-06-02T23:59:59.5Z", 1, true),
        ("2025-06-02T23:59:59.501Z", 0, true),
        ("2025-06-03T00:00:00Z", 0, true),
        ("2035-01-01T00:00:00Z", 0, true),
    ] {
        assert_eq!(
            (token.seconds_left(at(time)), token.renewal_due(at(time), 1)),
            (Some(left), due),
            "{time}"
        );
    }
}

#[test]
fn lifetime_beyond_the_calendar_never_expires() {
    for ttl_seconds in [None, Some(u64::MAX), Some(1 << 62)] {
        let token = Lifetime {
            ttl_seconds,
            ..plain(0, DAY)
        };
        assert_eq!(
            (token.expires_at(), token.seconds_left(now())),
            (None, None),
            "{ttl_seconds:?}"
        );
        assert!(!token.renewal_due(now(), 24), "{ttl_seconds:?}");
    }
    assert_eq!(
        plain(DAY, DAY).expires_at(),
        Some(at("2025-06-03T00:00:00Z"))
    );
}

#[test]
fn renewal_changes_ttl_and_time() {
    let later = at("2025-06-02T18:00:00Z");
    let renewed = periodic(DAY, DAY).renewed(DAY - 1, later);
    assert_eq!(
        renewed,
        Lifetime {
            ttl_seconds: Some(DAY - 1),
            as_of: later,
            ..periodic(DAY, DAY)
        }
    );
    assert_eq!(
        periodic(DAY, DAY).renewed(0, later).ttl_seconds,
        None,
        "Vault reports 0 for a token that never expires"
    );
}

#[test]
fn expiring_token_has_warnings() {
    let end = at("2025-06-03T00:00:00Z");
    let capped = |token: Lifetime| Lifetime {
        explicit_max_ttl_seconds: Some(2 * DAY),
        ..token
    };
    let fixed = |token: Lifetime| Lifetime {
        renewable: false,
        ..token
    };
    let never_expires = |token: Lifetime| Lifetime {
        ttl_seconds: None,
        ..token
    };
    let shrinking = |left| Warning::Shrinking { left, full: DAY };
    let renewed = |token: Lifetime, ttl| token.renewed(ttl, now());
    let nine_tenths = DAY * 9 / 10;
    for (case, token, warnings) in [
        ("periodic", periodic(DAY, DAY), vec![]),
        (
            "periodic, with little left before its renewal",
            periodic(60, DAY),
            vec![],
        ),
        ("never expires", never_expires(plain(0, 0)), vec![]),
        (
            "never expires and is not renewable",
            never_expires(fixed(plain(0, 0))),
            vec![],
        ),
        (
            "not renewable",
            fixed(plain(DAY, DAY)),
            vec![Warning::NotRenewable(end)],
        ),
        (
            "not renewable, though periodic and capped",
            fixed(capped(periodic(DAY, DAY))),
            vec![Warning::NotRenewable(end)],
        ),
        (
            "periodic, but capped",
            capped(periodic(HOUR, DAY)),
            vec![Warning::Capped(end)],
        ),
        (
            "neither periodic nor without a cap",
            capped(plain(HOUR, DAY)),
            vec![Warning::Capped(end)],
        ),
        ("not periodic", plain(DAY, DAY), vec![Warning::NotPeriodic]),
        (
            "not periodic, with little left before its renewal",
            plain(60, DAY),
            vec![Warning::NotPeriodic],
        ),
        (
            "not periodic, renewed to nine tenths",
            renewed(plain(HOUR, DAY), nine_tenths),
            vec![Warning::NotPeriodic, shrinking(nine_tenths)],
        ),
        (
            "not periodic, renewed to less than half",
            renewed(plain(HOUR, DAY), 7 * HOUR),
            vec![Warning::NotPeriodic, shrinking(7 * HOUR)],
        ),
        (
            "periodic, renewed in full",
            renewed(periodic(HOUR, DAY), DAY),
            vec![],
        ),
        (
            "periodic, renewed to more than nine tenths",
            renewed(periodic(HOUR, DAY), nine_tenths + 1),
            vec![],
        ),
        (
            "periodic, renewed to nine tenths",
            renewed(periodic(HOUR, DAY), nine_tenths),
            vec![shrinking(nine_tenths)],
        ),
        (
            "periodic, but renewed to less",
            renewed(periodic(HOUR, DAY), 7 * HOUR),
            vec![shrinking(7 * HOUR)],
        ),
        (
            "renewed to less, but capped",
            renewed(capped(periodic(HOUR, DAY)), 7 * HOUR),
            vec![Warning::Capped(at("2025-06-03T00:00:00Z"))],
        ),
        (
            "renewed to never expire",
            renewed(periodic(HOUR, DAY), 0),
            vec![],
        ),
    ] {
        assert_eq!(token.warnings(now()), warnings, "{case}");
    }
}

#[test]
fn lowered_period_is_not_a_maximum_lifetime() {
    let lowered = periodic(60 * HOUR, 72 * HOUR).renewed(DAY, now());
    assert_eq!(
        (lowered.period_seconds, lowered.warnings(now())),
        (Some(DAY), vec![])
    );
    assert!(!lowered.renewal_due(now(), 24), "it is fresh");
    let later = at("2025-06-02T06:00:00Z");
    let steady = lowered.renewed(DAY, later);
    assert_eq!(
        steady.warnings(later),
        vec![],
        "the next renewal gives as much"
    );
    let short = lowered.renewed(6 * HOUR, later);
    assert_eq!(short.warnings(later), vec![Warning::ShortPeriod(6 * HOUR)]);
    // The end stays where it is, and the token is lost there.
    let full = 24 * HOUR;
    let capped = lowered.renewed(18 * HOUR, later);
    assert_eq!(
        capped.warnings(later),
        vec![Warning::Shrinking {
            left: 18 * HOUR,
            full
        }]
    );
}

#[test]
fn short_period_has_a_warning() {
    let short = |period| vec![Warning::ShortPeriod(period)];
    for (case, token, warnings) in [
        (
            "of twice the schedule",
            periodic(12 * HOUR, 12 * HOUR),
            vec![],
        ),
        (
            "a second shorter",
            periodic(12 * HOUR - 1, 12 * HOUR - 1),
            short(12 * HOUR - 1),
        ),
        ("short, with little left", periodic(60, HOUR), short(HOUR)),
        (
            "short, renewed in full",
            periodic(60, HOUR).renewed(HOUR, now()),
            short(HOUR),
        ),
        (
            "short, and renewed to less",
            periodic(60, HOUR).renewed(HOUR / 2, now()),
            vec![Warning::Shrinking {
                left: HOUR / 2,
                full: HOUR,
            }],
        ),
        (
            "without a period",
            plain(HOUR, HOUR),
            vec![Warning::NotPeriodic],
        ),
        (
            "short, but never expires",
            Lifetime {
                ttl_seconds: None,
                ..periodic(0, HOUR)
            },
            vec![],
        ),
    ] {
        assert_eq!(token.warnings(now()), warnings, "{case}");
    }
}

#[test]
fn warnings_contain_the_remedy() {
    let end = at("2025-06-03T00:00:00Z");
    let warnings = [
        Warning::NotRenewable(end),
        Warning::NotPeriodic,
        Warning::Shrinking {
            left: 25_200,
            full: 86_400,
        },
        Warning::ShortPeriod(3600),
        Warning::Capped(end),
    ];
    insta::assert_snapshot!(warnings.map(|warning| warning.to_string()).join("\n"), @"
    the Vault token cannot be renewed and expires at 2025-06-03 00:00:00 UTC: store a periodic, renewable token before then
    the Vault token is not periodic and expires at its maximum lifetime despite renewals: store one created with -period
    a renewal gave the Vault token only 25200 of 86400 s: its maximum lifetime is near, store a new periodic token
    the Vault token's period of 3600 s is shorter than twice the renewal interval: store a token with a period of 24 h or more
    the Vault token has an explicit maximum lifetime and expires at 2025-06-03 00:00:00 UTC: store one without -explicit-max-ttl before then
    ");
}
