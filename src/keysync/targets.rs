//! The operations on the targets document.

use super::KeySync;
use crate::error::Error;
use crate::keys::UserName;
use crate::targets::{ImportedTargets, Targets, TargetsCheck};

impl KeySync {
    /// Returns the targets of all users, or of one, as the targets document names them.
    ///
    /// # Errors
    /// Those of reading the document, and [`Error::BadTargets`] if it is refused.
    pub async fn targets(&self, user: Option<&UserName>) -> Result<TargetsCheck, Error> {
        let targets = self.ctx.targets().await?;
        Ok(self.table(&targets, user))
    }

    /// Stores a targets document, unless it is the stored one.
    ///
    /// # Errors
    /// [`Error::BadTargets`] if it is refused; [`Error::BadConfiguration`] without a bucket, or if
    /// `TARGETS_FILE` is set; [`Error::Contended`] if another process stored one at the same time;
    /// those of the bucket.
    pub async fn import_targets(&self, document: Vec<u8>) -> Result<ImportedTargets, Error> {
        let (targets, is_stored) = self.ctx.import_targets(document).await?;
        let check = self.table(&targets, None);
        Ok(ImportedTargets { is_stored, check })
    }

    fn table(&self, targets: &Targets, user: Option<&UserName>) -> TargetsCheck {
        TargetsCheck {
            document: targets
                .are_of_document()
                .then(|| self.ctx.document_address()),
            ..TargetsCheck::of(targets, user)
        }
    }
}
