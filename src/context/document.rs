//! The targets document: read if it has changed, and stored.

use std::rc::Rc;

use super::Context;
use crate::backends::{Backends, DocumentReading, PutResult, TargetDocuments};
use crate::config::TargetDefaults;
use crate::error::Error;
use crate::targets::Targets;

impl<B: Backends> Context<B> {
    /// Reads the targets document, if it has changed.
    ///
    /// # Errors
    /// Those of reading the document, and [`Error::BadTargets`] if it is refused.
    pub async fn targets(&self) -> Result<Rc<Targets>, Error> {
        let Some(document) = &self.document else {
            return Ok(self.default_targets.clone());
        };
        let known = self.targets.borrow().clone();
        let reading = document.load(known.as_ref().map(|(etag, _)| etag)).await?;
        match (reading, known) {
            (DocumentReading::Unchanged, Some((_, targets))) => Ok(targets),
            (DocumentReading::Absent | DocumentReading::Unchanged, _) => {
                *self.targets.borrow_mut() = None;
                Ok(self.default_targets.clone())
            }
            (DocumentReading::Document(text, etag), _) => {
                let targets = Targets::parse(&text, &TargetDefaults::of(&self.config));
                let targets = targets.map_err(|problems| Error::BadTargets {
                    document: document.address(),
                    problems,
                });
                let targets = Rc::new(targets?);
                *self.targets.borrow_mut() = etag.map(|etag| (etag, targets.clone()));
                Ok(targets)
            }
        }
    }

    /// Returns where the targets document is looked for, for messages.
    pub fn document_address(&self) -> String {
        let document = self.document.as_ref();
        document.map_or_else(String::new, TargetDocuments::address)
    }

    /// Stores a targets document, unless it is the stored one. Returns whether it was stored.
    ///
    /// # Errors
    /// [`Error::BadTargets`] if it is refused, [`Error::Contended`] if another process stored one at
    /// the same time, and those of the store.
    pub async fn import_targets(&self, text: Vec<u8>) -> Result<(Rc<Targets>, bool), Error> {
        let address = self.document_address();
        let Some(document) = &self.document else {
            let problem = "is not set; expected the bucket that stores the targets document";
            return Err(Error::misconfigured("S3_BUCKET_NAME", problem));
        };
        let defaults = TargetDefaults::of(&self.config);
        if self.config.targets_file.is_some() {
            let problem = "is set, so a stored document would not be used; unset it first";
            return Err(Error::misconfigured("TARGETS_FILE", problem));
        }
        let targets = Targets::parse(&text, &defaults).map_err(|problems| Error::BadTargets {
            document: "as given".to_owned(),
            problems,
        })?;
        let etag = match document.load(None).await? {
            DocumentReading::Document(stored, _) if stored == text => {
                return Ok((Rc::new(targets), false));
            }
            DocumentReading::Document(_, etag) => etag,
            DocumentReading::Absent | DocumentReading::Unchanged => None,
        };
        if let PutResult::Saved(_) = document.save(text.clone(), etag.as_ref()).await? {
            return Ok((Rc::new(targets), true));
        }
        match document.load(None).await? {
            // Only the answer to this write was lost, and the SDK's repetition was rejected.
            DocumentReading::Document(stored, _) if stored == text => Ok((Rc::new(targets), true)),
            _ => Err(Error::Contended {
                subject: address,
                attempts: 1,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::memory::Memory;

    #[tokio::test]
    async fn an_import_with_a_lost_answer_counts() {
        let memory = Memory::default();
        let ctx = memory.ctx(&[]);
        memory.inner().lose_answer = true;
        let text = br#"{"others": {"mount": "apps", "path": "{userName}"}}"#;
        let (_, is_new) = ctx.import_targets(text.to_vec()).await.unwrap();
        assert!(is_new);
        let (_, is_new) = ctx.import_targets(text.to_vec()).await.unwrap();
        assert!(!is_new);
    }

    #[tokio::test]
    async fn an_import_beside_another_one_fails() {
        let memory = Memory::default();
        let ctx = memory.ctx(&[]);
        memory.before_call("s3-save-document", |inner| {
            let etag = inner.next_etag();
            inner.document = Some(("{}".to_owned(), etag));
        });
        let text = br#"{"others": {"mount": "apps", "path": "{userName}"}}"#;
        let error = ctx.import_targets(text.to_vec()).await.unwrap_err();
        assert_eq!(error.kind(), "Contended");
        assert_eq!(memory.inner().document.as_ref().unwrap().0, "{}");
    }
}
