//! The rotations and reconcile runs that are measured.

use std::time::Duration;

use crate::measure::ADDED_LATENCY;
use crate::options::Options;
use crate::reconcile::Case;
use crate::targets::Targets;

/// The targets of each user whose rotations are measured.
pub const TARGETS: [Targets; 4] = [
    replaced(1),
    replaced(3),
    replaced(10),
    Targets {
        per_user: 10,
        merge: true,
    },
];

const fn replaced(per_user: usize) -> Targets {
    let merge = false;
    Targets { per_user, merge }
}

/// Returns the reconcile runs to measure: with the requested numbers of users, or the usual ones.
pub fn reconcile_cases(options: &Options) -> Vec<Case> {
    let users = options.users();
    if users.is_empty() {
        usual_cases(options.quick)
    } else {
        users.into_iter().map(with_users).collect()
    }
}

fn with_users(users: usize) -> Case {
    Case {
        users,
        concurrency: 16,
        ssm_limit: None,
        vault_quota: None,
        targets: None,
        added_latency: ADDED_LATENCY,
    }
}

/// Returns growing numbers of users, then 5,000 users with other settings, and users with one and
/// two merged targets each.
fn usual_cases(quick: bool) -> Vec<Case> {
    let mut cases = [100, 1000].map(with_users).to_vec();
    cases.push(Case {
        vault_quota: Some(20),
        ..with_users(80)
    });
    let with_targets = |users, per_user| Case {
        targets: Some(Targets {
            per_user,
            merge: true,
        }),
        ..with_users(users)
    };
    cases.extend([1, 2].map(|per_user| with_targets(1000, per_user)));
    if !quick {
        cases.extend([
            with_users(5000),
            with_users(20_000),
            Case {
                ssm_limit: Some(10),
                ..with_users(5000)
            },
            Case {
                concurrency: 128,
                ..with_users(5000)
            },
            Case {
                added_latency: Duration::ZERO,
                ..with_users(5000)
            },
            with_targets(5000, 1),
            with_targets(5000, 2),
        ]);
    }
    cases
}
