//! Why a plan is what it is: the sentences that operators read.

/// Why a plan is what it is. The text names what was read, for reports and logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Parameter, state and Vault agree.
    #[error("Vault holds the current key")]
    InSync,
    /// The legacy service wrote the key.
    #[error("Vault holds the current key, written by the legacy service")]
    Adopted,
    /// No state exists: the user is new.
    #[error("new: no key of this user was recorded")]
    New,
    /// The parameter holds another key than was recorded.
    #[error("rotated: the parameter holds a newer key")]
    Rotated,
    /// The user had been retired.
    #[error("came back: the user was retired and has a key again")]
    CameBack,
    /// The definition of the target's fields has changed.
    #[error("redefined: the fields, the Region or the role of the target have changed")]
    Redefined,
    /// The mark of the secret names the current version of the parameter.
    #[error("Vault holds the current key, as the mark in its metadata shows")]
    AdoptedByMark,
    /// Another tool manages the secret.
    #[error(
        "foreign: the secret exists and its metadata names {0:?} as its manager; choose another \
         path, or take the secret over with `keysync sync USER --adopt`"
    )]
    Foreign(String),
    /// No target is named for the user.
    #[error(
        "untargeted: the targets document names no target for the user, and has none for others"
    )]
    Untargeted,
    /// The target of a recorded secret is no longer named.
    #[error(
        "untargeted: the secret holds a key of the user, but the targets document no longer names \
         it; delete the secret, or name it again"
    )]
    TargetRemoved,
    /// The secret of a target that is no longer named was deleted.
    #[error("the secret, which no target names any more, was deleted; it is no longer reported")]
    RemovedAndDeleted,
    /// The secret is that of another user now.
    #[error("the targets document gives the secret to another user; it is no longer reported")]
    Reassigned,
    /// A change needs the version of the secret, which the token may not read.
    #[error(
        "the secret is not at the version that was expected, and the token may not read its \
         metadata: a change could replace what others keep there; allow read on the metadata"
    )]
    MetadataNeeded,
    /// The state names another place in Vault.
    #[error(
        "moved: the recorded key is at another path, namespace or address of Vault; delete it \
         there if that secret is no longer used"
    )]
    Moved,
    /// Vault is at another version than was recorded.
    #[error("drift: Vault is at version {found}, but version {recorded} was recorded")]
    OtherVersion {
        /// Vault's current version.
        found: u64,
        /// The recorded version.
        recorded: u64,
    },
    /// The version of that number in Vault is another one.
    #[error(
        "drift: version {0} in Vault was not created when it was recorded: the secret was created \
         anew, or Vault was replaced"
    )]
    Recreated(u64),
    /// The record names another address of the same Vault.
    #[error("Vault holds the current key, as recorded under another address or namespace")]
    Readdressed,
    /// Vault's current version is deleted or destroyed.
    #[error("drift: version {0} in Vault is deleted or destroyed")]
    Unreadable(u64),
    /// Vault has no such secret.
    #[error("drift: the secret does not exist in Vault")]
    Vanished,
    /// The state is newer than the parameter that was read.
    #[error(
        "the recorded key is newer than the parameter that was read: another invocation \
         was first"
    )]
    Superseded,
    /// The state is newer than the parameter, but too old to be from an invocation at the same time.
    #[error(
        "overruled: the recorded key seems newer than the parameter, but no other invocation \
         has written it recently"
    )]
    Overruled,
    /// This process wrote the key, but could not record it.
    #[error("Vault holds the current key, which is not recorded yet")]
    Unrecorded,
    /// The recorded key was put again, in a newer revision.
    #[error("Vault holds the current key, which was put again")]
    PutAgain,
    /// The parameter has no `current`.
    #[error(
        "the parameter has no current key (a rotation is in progress or stuck); Vault keeps the \
         last good key"
    )]
    WithoutCurrent,
    /// The parameter is absent, and the user is not on the roster.
    #[error("the parameter does not exist and the user is not on the roster")]
    Gone,
    /// The parameter is absent, as an event reported, and there is no roster to check.
    #[error("the parameter was deleted")]
    DeleteEvent,
    /// The parameter is absent, but a newer one than the deleted one was recorded.
    #[error(
        "the parameter was deleted, but a newer one was recorded since; a reconcile run decides"
    )]
    RecordedAfterDeletion,
    /// The user is gone, and the key is at a place that the service no longer reaches.
    #[error(
        "the user is gone, but the last key was recorded at {0}, on another mount, server or \
         namespace, and was not deleted; delete it there"
    )]
    LeftBehind(String),
    /// The user is gone, and another tool manages the secret.
    #[error(
        "the user is gone, but the metadata of the secret names {0:?} as its manager, so it was left \
         as it is"
    )]
    LeftToOther(String),
    /// The parameter is absent, but events have retired several users a short time before.
    #[error(
        "the user is gone, but events have retired 3 users within an hour, and many deletions at \
         once may be a mistake; put the parameters again, or wait until the message is delivered \
         again"
    )]
    TooManyRetired,
    /// The user is gone and already retired.
    #[error("the user is gone and was retired before")]
    AlreadyRetired,
    /// The parameter is absent, but the user is on the roster.
    #[error(
        "the user is on the roster but has no parameter; ask the platform team if this lasts for \
         more than an hour"
    )]
    ListedWithoutParameter,
    /// The parameter is absent, and nothing shows that the user was deleted.
    #[error(
        "the parameter does not exist and nothing shows that the user was deleted; check the name, \
         the Region and SSM_PARAMETER_PREFIX"
    )]
    NoParameter,
    /// The parameter is absent, although an event reported that it was put.
    #[error(
        "the parameter does not exist, although an event reports that it was put; a later event or \
         the next reconcile run decides"
    )]
    PutNotRead,
    /// The user is gone, and no key was ever recorded.
    #[error(
        "neither a parameter nor a recorded key exists; check the name, the Region and \
         SSM_PARAMETER_PREFIX"
    )]
    NeverSeen,
    /// The user is gone, and this target never held a key.
    #[error("the user is gone, and no key was recorded for this target")]
    NeverPublished,
    /// No parameter can have the user's name.
    #[error(
        "the user name contains a character that no parameter name can contain (+ = , @); the \
         platform cannot publish its keys"
    )]
    Unnameable,
    /// The parameter does not have the platform's format.
    #[error("BadParameter: {0}; Vault keeps the last good key")]
    Malformed(String),
    /// A source could not be read.
    #[error("{0}")]
    NotRead(String),
}

impl Reason {
    /// Returns whether Vault was changed by something other than this service.
    pub fn is_drift(&self) -> bool {
        matches!(
            self,
            Self::OtherVersion { .. } | Self::Recreated(_) | Self::Unreadable(_) | Self::Vanished
        )
    }
}
