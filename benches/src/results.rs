//! All measured figures.

use crate::figures::Figures;
use crate::reconcile::ReconcileRun;

/// All measured figures. Those that could not be measured are missing.
pub struct Results {
    /// The figures of each command; at least one.
    pub commands: Vec<Measured>,
    /// The size of the first command's program, in bytes.
    pub binary_size: u64,
    /// The size of its deployment package in bytes, if the package was given.
    pub package_size: Option<u64>,
}

/// The figures of one command.
#[derive(Default)]
pub struct Measured {
    /// The name of the command.
    pub name: String,
    /// The rotations without a targets document.
    pub rotations: Option<Figures>,
    /// The rotations with a login in place of a stored token.
    pub login: Option<Figures>,
    /// The rotations with targets, for each number of them.
    pub targets: Vec<Figures>,
    /// The reconcile runs.
    pub reconcile_runs: Vec<ReconcileRun>,
    /// True if nothing is missing.
    pub is_complete: bool,
}

impl Results {
    /// Returns the figures of the first command, which is the function.
    pub fn first(&self) -> &Measured {
        &self.commands[0]
    }

    /// Returns the names of the commands whose figures are incomplete.
    pub fn incomplete(&self) -> Vec<&str> {
        let incomplete = self.commands.iter().filter(|command| !command.is_complete);
        incomplete.map(|command| command.name.as_str()).collect()
    }
}
