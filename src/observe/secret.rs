//! Makes the snapshot of one secret.

use std::cell::OnceCell;

use futures_util::future::join_all;
use jiff::Timestamp;

use super::assemble::StoredView;
use super::reader::Reader;
use super::secret_reader::SecretReading;
use super::{Attempt, ObservedSecret, Subject};
use crate::backends::Backends;
use crate::snapshot::{
    Assignment, ParameterView, RosterView, SecretRecord, Snapshot, StateView, TargetView, VaultView,
};
use crate::targets::{Target, Targets};

/// What all secrets of a user have in common.
pub(super) struct Common<'a, B: Backends> {
    pub(super) reader: &'a Reader<'a, B>,
    pub(super) subject: Subject<'a>,
    pub(super) parameter: ParameterView,
    pub(super) roster: RosterView,
    pub(super) state: &'a StoredView,
    pub(super) is_listed: bool,
}

impl<B: Backends> Common<'_, B> {
    /// Makes the snapshot of a target, and reads the secret's metadata last if the plan depends on
    /// it.
    pub(super) async fn of_target(
        &self,
        target: Target,
        reading: SecretReading,
        attempt: Option<Attempt>,
    ) -> ObservedSecret {
        let (reader, user) = (self.reader, self.subject.user);
        let is_basic = reader.is_basic();
        let mut view = reader.view_of(&target);
        let record = match self.state {
            StoredView::Recorded(state, _) => state.record_of(&view.location, view.is_default()),
            _ => None,
        };
        let former = record
            .filter(|_| view.is_default() && matches!(self.parameter, ParameterView::Absent))
            .and_then(|record| record.former_location(&view.location, user));
        let is_former = former.is_some();
        let mut reading = reading;
        if let Some(former) = former {
            view.location = former;
            reading = SecretReading::default();
        }
        // Metadata is hidden; the version just written is the current one.
        if let (VaultView::Hidden, Some(written)) = (
            &reading.vault,
            attempt.as_ref().and_then(|attempt| attempt.written),
        ) {
            reading.vault = VaultView::At(written);
        }
        let state = match (reading.state.take(), self.state) {
            (Some(published), _) => published,
            (None, StoredView::Unreadable(error)) => StateView::Unreadable(error.clone()),
            (None, StoredView::Damaged(_)) => StateView::Damaged,
            (None, _) => record.cloned().map_or(StateView::Absent, StateView::from),
        };
        let is_needed = needs_metadata(
            &self.parameter,
            state.recorded(),
            self.is_listed,
            reader.deletes(),
        ) || self.may_be_of_others(&view, &state);
        let reads_last = is_needed && matches!(reading.vault, VaultView::NotRead);
        if reads_last {
            reading = reader.metadata(&view.location.path, false).await;
        }
        let state = match state {
            StateView::Absent if is_basic => self.marked(&view, &reading),
            state => state,
        };
        let ctx = reader.invocation.ctx;
        let unrecorded = ctx.unrecorded(user, &view.location.path, state.recorded());
        let unrecorded = unrecorded.filter(|_| !matches!(state, StateView::Unreadable(_)));
        let is_unrecorded = unrecorded.is_some();
        let state = unrecorded.map_or(state, StateView::from);
        // What a retirement deletes is a version, not a key that was held before; and a secret that
        // does not exist is only created.
        let is_absent = matches!(reading.vault, VaultView::Absent);
        let is_proven = !reads_last || is_absent || (is_former && !self.is_listed);
        let snapshot = Snapshot {
            target: view,
            assignment: Assignment::Named,
            vault: reading.vault,
            created_at: reading.created_at,
            created_by: reading.created_by.clone(),
            mark: reading.mark,
            is_unrecorded,
            rejected: attempt.and_then(|attempt| attempt.rejected),
            safe_to_write: if is_basic { !self.is_listed } else { is_proven },
            ..self.snapshot(state, reader.default_view())
        };
        ObservedSecret {
            snapshot,
            target: Some(target),
            record: record.cloned(),
        }
    }

    /// Returns the recorded secrets that no target names any more. A reconcile run also reads
    /// whether they still exist.
    pub(super) async fn removed(
        &self,
        targets: &Targets,
        named: &[ObservedSecret],
    ) -> Vec<ObservedSecret> {
        let StoredView::Recorded(state, _) = self.state else {
            return Vec::new();
        };
        let named = named.iter().filter_map(|secret| secret.record.as_ref());
        let named = named.collect::<Vec<_>>();
        let records = state.records.iter().filter(|record| {
            record.retired_at.is_none() && record.vault_path.is_some() && !named.contains(record)
        });
        let mounts = OnceCell::new();
        let removed = records.map(async |record| {
            let path = record.path_on(mounts.get_or_init(|| targets.mounts()));
            let recorded = record.full_path();
            let of_another = |path| targets.is_of_another(self.reader.user, path);
            let is_reassigned = path.as_ref().is_some_and(of_another);
            let assignment = if is_reassigned {
                Assignment::Reassigned(recorded)
            } else {
                Assignment::Removed(recorded)
            };
            let reading = match &path {
                Some(path) if self.is_listed && !is_reassigned => {
                    self.reader.metadata(path, false).await
                }
                _ => SecretReading::default(),
            };
            let mut target = self.reader.default_view();
            if let Some(path) = path {
                target.location.path = path;
            }
            ObservedSecret {
                snapshot: Snapshot {
                    assignment,
                    vault: reading.vault,
                    ..self.snapshot(StateView::from(record.clone()), target)
                },
                target: None,
                record: Some(record.clone()),
            }
        });
        join_all(removed).await
    }

    /// Returns the entry of a user without a target, or whose targets are unknown: with the newest
    /// record, whatever secret it is about.
    pub(super) fn without_target(&self, assignment: Assignment) -> ObservedSecret {
        let state = match self.state {
            StoredView::Recorded(state, _) => state
                .newest()
                .cloned()
                .map_or(StateView::Absent, StateView::from),
            StoredView::Unreadable(error) => StateView::Unreadable(error.clone()),
            StoredView::Damaged(_) => StateView::Damaged,
            StoredView::Absent => StateView::Absent,
        };
        ObservedSecret {
            snapshot: Snapshot {
                assignment,
                ..self.snapshot(state, self.reader.default_view())
            },
            target: None,
            record: None,
        }
    }

    fn snapshot(&self, state: StateView, target: TargetView) -> Snapshot {
        let now = Timestamp::now();
        let written = state.recorded().map(|record| record.last_synced_at);
        Snapshot {
            parameter: self.parameter.clone(),
            state_age: written.map(|written| now.duration_since(written)),
            state,
            user: self.state.user_view(),
            is_unrecorded: false,
            vault: VaultView::NotRead,
            created_at: None,
            created_by: None,
            roster: self.roster.clone(),
            target,
            assignment: Assignment::Named,
            mark: None,
            event: self.subject.event,
            rejected: None,
            is_listed: self.is_listed,
            safe_to_write: true,
        }
    }

    /// Returns whether a reconcile run must see the secret before it is written, because another tool
    /// may manage it.
    fn may_be_of_others(&self, target: &TargetView, state: &StateView) -> bool {
        let is_current = matches!(self.parameter, ParameterView::Current(_));
        let is_unrecorded = matches!(state, StateView::Absent | StateView::Damaged);
        self.is_listed && is_current && is_unrecorded && !target.is_default()
    }

    /// Returns the record that the mark of a secret stands for, in basic mode.
    fn marked(&self, target: &TargetView, reading: &SecretReading) -> StateView {
        let (ParameterView::Current(current), Some(mark), VaultView::At(version)) =
            (&self.parameter, &reading.mark, &reading.vault)
        else {
            return StateView::Absent;
        };
        if !mark.proves(current.revision.version, *version, target) {
            return StateView::Absent;
        }
        let now = Timestamp::UNIX_EPOCH;
        let user = self.subject.user;
        StateView::from(SecretRecord::of_written(
            user,
            current,
            target,
            (*version, reading.created_at),
            now,
        ))
    }
}

/// Returns whether a plan depends on Vault's version. A reconcile run also needs it if the recorded
/// key is the current one.
fn needs_metadata(
    parameter: &ParameterView,
    record: Option<&SecretRecord>,
    is_listed: bool,
    deletes: bool,
) -> bool {
    match (parameter, record) {
        // Only the latest version may be deleted.
        (ParameterView::Absent, Some(record)) => record.retired_at.is_none() && deletes,
        // A state of the legacy service has no version.
        (ParameterView::Current(current), Some(record)) => {
            record.vault_version.is_none()
                || (is_listed && record.last_secret_hash == current.fingerprint)
        }
        _ => false,
    }
}
