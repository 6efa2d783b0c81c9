//! Why a plan is what it is: the sentences that people read.

/// Why a plan is what it is. The text names what was seen, for reports and logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Parameter, state and Vault agree.
    #[error("Vault holds the current key")]
    InStep,
    /// The legacy had written the key.
    #[error("Vault holds the current key, written by the legacy")]
    TakenOver,
    /// No state: the user is new to us.
    #[error("new: no key of this user was recorded")]
    New,
    /// The parameter has another key than we recorded.
    #[error("rotated: the parameter holds a newer key")]
    Rotated,
    /// The user had been retired.
    #[error("came back: the user was retired and has a key again")]
    CameBack,
    /// The state tells of a key at another place in Vault.
    #[error("moved: the recorded key is at another path in Vault")]
    Moved,
    /// Vault is at another version than we wrote.
    #[error("drift: Vault is at version {found}, we wrote {recorded}")]
    OtherVersion {
        /// Vault's current version.
        found: u64,
        /// The version that we recorded.
        recorded: u64,
    },
    /// Vault's current version is deleted or destroyed.
    #[error("drift: the key's version {0} in Vault is deleted or destroyed")]
    Unreadable(u64),
    /// Vault has no such secret.
    #[error("drift: Vault has no such secret")]
    Vanished,
    /// The state is newer than the parameter that was read.
    #[error("the state is newer than the parameter that was read: another run was faster")]
    Superseded,
    /// The parameter has no `current`.
    #[error(
        "the parameter has no current key (a rotation is under way or stuck); Vault keeps the last good key"
    )]
    WithoutCurrent,
    /// Absent, and gone from the roster.
    #[error("the parameter is gone and the user is not on the roster")]
    Gone,
    /// Absent, as an event told; there is no roster to ask.
    #[error("the parameter was deleted")]
    ToldDeleted,
    /// Gone, and retired already.
    #[error("the user is gone and was retired before")]
    AlreadyRetired,
    /// Absent, on the roster.
    #[error(
        "on the roster, but there is no parameter; ask the platform team if that lasts for more than an hour"
    )]
    ListedWithoutParameter,
    /// Absent, and nothing says that the user was deleted.
    #[error(
        "there is no parameter, and nothing says that the user was deleted; check the name, the Region and SSM_PARAMETER_PREFIX"
    )]
    NoParameter,
    /// Gone, and never seen by us.
    #[error(
        "there is neither a parameter nor a recorded key; check the name, the Region and SSM_PARAMETER_PREFIX"
    )]
    NeverSeen,
    /// The name can be no parameter's.
    #[error(
        "the user's name holds a character that no parameter name can hold (+ = , @): the platform cannot publish its keys"
    )]
    Unnameable,
    /// The parameter does not hold what the platform writes.
    #[error("BadParameter: {0}; Vault keeps the last good key")]
    Malformed(String),
    /// The parameter could not be read.
    #[error("{0}")]
    NotRead(String),
}

impl Reason {
    /// Whether Vault had been changed behind our back.
    pub fn is_drift(&self) -> bool {
        matches!(
            self,
            Self::OtherVersion { .. } | Self::Unreadable(_) | Self::Vanished
        )
    }
}
