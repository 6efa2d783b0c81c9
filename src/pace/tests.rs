//! The pace against a quota like Vault's: so many calls per interval.

use super::*;

/// Makes calls, 16 at a time, against a quota that starts anew every `interval`; returns how long
/// they take and how many were rejected.
async fn run(calls: u32, quota: u32, interval: Duration, states_wait: bool) -> (Duration, u32) {
    let pace = VaultPace::new(None);
    let started = Instant::now();
    let used = RefCell::new((0, 0));
    let (left, rejected) = (RefCell::new(calls), RefCell::new(0));
    let worker = async || {
        while *left.borrow() > 0 {
            *left.borrow_mut() -= 1;
            loop {
                pace.wait().await;
                tokio::time::sleep(Duration::from_millis(5)).await;
                let elapsed = started.elapsed();
                let tick = elapsed.as_millis() / interval.as_millis();
                let mut used = used.borrow_mut();
                if used.0 != tick {
                    *used = (tick, 0);
                }
                if used.1 < quota {
                    used.1 += 1;
                    pace.accepted();
                    break;
                }
                *rejected.borrow_mut() += 1;
                let next = interval * u32::try_from(tick + 1).unwrap();
                let wait = next.saturating_sub(elapsed).as_secs_f64().floor();
                pace.rejected(states_wait.then(|| Duration::from_secs_f64(wait)));
            }
        }
    };
    futures_util::future::join_all((0..16).map(|_| worker())).await;
    let rejected = *rejected.borrow();
    (started.elapsed(), rejected)
}

#[tokio::test(start_paused = true)]
async fn pace_finds_the_quota_and_ends_close_to_its_time() {
    for states_wait in [true, false] {
        for (calls, quota, seconds) in [
            (80, 10, 1),
            (160, 20, 1),
            (1000, 20, 1),
            (30, 1, 1),
            (60, 20, 10),
        ] {
            let interval = Duration::from_secs(seconds);
            let (took, rejected) = run(calls, quota, interval, states_wait).await;
            // The first interval's calls take no time.
            let least = interval * (calls / quota - 1);
            let ratio = took.as_secs_f64() / least.as_secs_f64();
            let case = format!(
                "{calls} at {quota} in {seconds} s, wait {states_wait}: {took:?}, {rejected} rejected"
            );
            // A long interval is found only if the server states how long to wait.
            let most = if states_wait || seconds == 1 {
                1.2
            } else {
                1.6
            };
            assert!(ratio < most, "{case}, ratio {ratio:.2}");
            assert!(rejected < 2 * calls, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pace_without_a_limit_does_not_wait() {
    let pace = VaultPace::new(None);
    let started = Instant::now();
    for _ in 0..1000 {
        pace.wait().await;
        pace.accepted();
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn pace_keeps_below_its_cap() {
    let pace = VaultPace::new(Some(5));
    let started = Instant::now();
    for _ in 0..51 {
        pace.wait().await;
        pace.accepted();
    }
    assert_eq!(started.elapsed(), Duration::from_secs(10));
    assert!(pace.rejected(None) <= 5.0);
}

#[tokio::test(start_paused = true)]
async fn pace_waits_as_long_as_the_server_asks() {
    let pace = VaultPace::new(None);
    let started = Instant::now();
    pace.wait().await;
    pace.rejected(Some(Duration::from_secs(7)));
    pace.rejected(None);
    pace.wait().await;
    assert_eq!(started.elapsed(), Duration::from_secs(7));
}
