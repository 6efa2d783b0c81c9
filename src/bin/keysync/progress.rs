//! The progress of a command: the bar on a terminal, and Ctrl-C.

use indicatif::{ProgressBar, ProgressStyle};
use nr_iam_key_sync::{CancellationToken, Progress, Stage};

use crate::printable::print_stderr;

/// The exit code of a program that an interrupt ended at once.
pub const INTERRUPTED: i32 = 130;

/// The bar of a command, and its cancellation by Ctrl-C.
#[derive(Clone, Debug)]
pub struct Bar {
    shown: ProgressBar,
    cancel: CancellationToken,
    /// What a first interrupt leads to.
    notice: &'static str,
}

impl Bar {
    /// Starts the bar, which shows nothing if standard error is not a terminal.
    pub fn start(bar: ProgressBar) -> Self {
        // Until the number of users is known.
        bar.set_style(style("{spinner} {pos} users"));
        Self {
            shown: bar,
            cancel: CancellationToken::new(),
            notice: "stopping after the users in flight; interrupt again to end at once",
        }
    }

    /// Starts the bar of a rehearsal, which has stages instead of users.
    pub fn of_stages(bar: ProgressBar) -> Self {
        bar.set_style(style("{spinner} {pos} stages"));
        let notice = "deleting the parameter; interrupt again to end at once, and leave it";
        Self {
            shown: bar,
            cancel: CancellationToken::new(),
            notice,
        }
    }

    /// Shows that a stage has ended.
    pub fn show_stage(&self, stage: &Stage) {
        tracing::info!("{}: {}", stage.name, stage.detail);
        self.shown.inc(1);
    }

    /// Runs the work. A first Ctrl-C (or SIGTERM, or SIGHUP) lets it finish the users in flight; a
    /// second Ctrl-C or SIGTERM ends the program.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let interrupted = async {
            interrupt().await;
            self.cancel.cancel();
            self.shown.suspend(|| {
                print_stderr(self.notice);
            });
            // Both the kernel and the shell send a SIGHUP when a terminal closes.
            interrupt_of(false).await;
            std::process::exit(INTERRUPTED);
        };
        let done = tokio::select! {
            done = work => done,
            () = interrupted => unreachable!("the second interrupt ends the program"),
        };
        self.shown.finish_and_clear();
        done
    }

    /// Returns the token that a first Ctrl-C cancels.
    pub fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Shows how far the work is.
    pub fn show(&self, progress: &Progress<'_>) {
        match progress {
            Progress::Total(users) => {
                self.shown
                    .set_style(style("{bar:30} {pos}/{len} users  {per_sec}  {eta} left"));
                self.shown
                    .set_length((*users as u64).max(self.shown.position()));
            }
            Progress::User(results) => {
                for result in *results {
                    let (user, outcome) = (&result.user, result.outcome().as_str());
                    tracing::info!("{user}: {outcome}, {}", result.reason());
                }
                self.shown.inc(1);
                if self
                    .shown
                    .length()
                    .is_some_and(|length| length < self.shown.position())
                {
                    self.shown.set_length(self.shown.position());
                }
            }
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are correct")
}

#[cfg(unix)]
/// Waits for Ctrl-C, SIGTERM or SIGHUP.
pub async fn interrupt() {
    interrupt_of(true).await;
}

#[cfg(unix)]
/// Waits for Ctrl-C or SIGTERM, or also for SIGHUP.
async fn interrupt_of(hangup_counts: bool) {
    use tokio::signal::unix::{SignalKind, signal};
    let signal = |kind| signal(kind).expect("the runtime handles signals");
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    );
    let mut hangup = signal(SignalKind::hangup());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = hangup.recv(), if hangup_counts => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
/// Waits for Ctrl-C, SIGTERM or SIGHUP.
pub async fn interrupt() {
    interrupt_of(true).await;
}

#[cfg(not(unix))]
async fn interrupt_of(_: bool) {
    tokio::signal::ctrl_c()
        .await
        .expect("the runtime handles signals");
}
