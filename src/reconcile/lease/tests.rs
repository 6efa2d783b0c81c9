use tokio::time::Instant;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_lease_never_outlasts_its_term_or_its_run() {
    for (run, longest) in [(10, 12), (60, 62), (900, 120)] {
        let deadlines = Deadlines::until(Instant::now() + Duration::from_secs(run));
        let left = leased_until(&deadlines).duration_since(Timestamp::now());
        assert!(
            (longest - 1..=longest).contains(&left.as_secs()),
            "{run} s: {left}"
        );
    }
}
