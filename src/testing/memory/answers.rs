//! What the AWS services in memory answer.

use secrecy::ExposeSecret;

use super::{Memory, page};
use crate::backends::{
    DocumentReading, Etag, Identity, Page, Parameters, PutResult, ReconcileRecords, Roster, States,
    StoredState, TargetDocuments, Tokens,
};
use crate::error::Error;
use crate::keys::{ParameterName, ParameterNaming, UserName};
use crate::snapshot::{ParameterReading, ParameterView, ReconcileRecord, SecretRecord, UserState};
use crate::token::{LoginRequest, TokenObject};

impl Parameters for Memory {
    async fn read(&self, name: &ParameterName) -> ParameterReading {
        if let Err(error) = self.call("ssm-read", name.as_str()).await {
            return ParameterView::Unreadable(error).into();
        }
        match self.inner().parameters.get(name.as_str()) {
            None => ParameterView::Absent.into(),
            Some((value, revision)) => ParameterReading::parse(&value.as_str().into(), *revision),
        }
    }

    async fn page(
        &self,
        naming: &ParameterNaming,
        from: Option<String>,
    ) -> Result<Page<(UserName, ParameterReading)>, Error> {
        self.call("ssm-page", "").await?;
        let inner = self.inner();
        let all = inner.parameters.iter().map(|(name, (value, revision))| {
            let reading = ParameterReading::parse(&value.as_str().into(), *revision);
            (naming.user_of(name).unwrap(), reading)
        });
        Ok(page("ssm-page", &inner, all.collect(), from))
    }
}

impl States for Memory {
    async fn load(&self, user: &UserName) -> Result<StoredState, Error> {
        self.call("s3-load", user.as_str()).await?;
        let inner = self.inner();
        let Some((state, etag)) = inner.states.get(user.as_str()) else {
            return Ok(StoredState {
                state: inner.legacy.get(user.as_str()).cloned().map(state_of),
                ..StoredState::default()
            });
        };
        let damaged = inner.damaged.iter().any(|damaged| damaged == user.as_str());
        Ok(StoredState {
            state: (!damaged).then(|| state.clone()),
            etag: Some(Etag(etag.to_string())),
            damaged,
        })
    }

    async fn save(
        &self,
        user: &UserName,
        state: &UserState,
        if_match: Option<&Etag>,
    ) -> Result<PutResult, Error> {
        let user = user.as_str();
        let call = self.call("s3-save", user).await?;
        let etag = {
            let mut inner = self.inner();
            let current = inner.states.get(user).map(|(_, etag)| *etag);
            if !matches(current, if_match) {
                return Ok(PutResult::PreconditionFailed);
            }
            let etag = inner.next_etag();
            inner.damaged.retain(|damaged| damaged != user);
            let saved = (state.clone(), etag);
            inner.states.insert(user.to_owned(), saved);
            Etag(etag.to_string())
        };
        self.answer(call, PutResult::Saved(etag)).await
    }

    async fn page(&self, from: Option<String>) -> Result<Page<String>, Error> {
        self.call("s3-page", "").await?;
        let inner = self.inner();
        let users = inner.states.keys().chain(inner.legacy.keys());
        Ok(page("s3-page", &inner, users.cloned().collect(), from))
    }
}

impl ReconcileRecords for Memory {
    async fn load_record(&self) -> Result<(Option<ReconcileRecord>, Option<Etag>), Error> {
        self.call("s3-run", "").await?;
        let record = self.inner().record.clone();
        Ok(record
            .map(|(record, etag)| (record, Etag(etag.to_string())))
            .unzip())
    }

    async fn save_record(
        &self,
        record: &ReconcileRecord,
        if_match: Option<&Etag>,
    ) -> Result<PutResult, Error> {
        let call = self.call("s3-run-save", "").await?;
        let saved = {
            let mut inner = self.inner();
            let current = inner.record.as_ref().map(|(_, etag)| *etag);
            if !matches(current, if_match) {
                return Ok(PutResult::PreconditionFailed);
            }
            let etag = inner.next_etag();
            inner.record = Some((record.clone(), etag));
            inner.saved_as(etag.to_string())
        };
        self.answer(call, saved).await
    }
}

impl Tokens for Memory {
    async fn load(&self) -> Result<(TokenObject, Etag), Error> {
        self.call("s3-token", "").await?;
        let token = self.inner().tokens.1.clone();
        let unusable = |problem: String| {
            Error::unexpected("test", "test", &problem).with_remedy("store a token (`keysync`)")
        };
        if token.is_empty() {
            return Err(Error::missing("test", "test", "store a token (`keysync`)"));
        }
        let object = TokenObject::parse(format!(r#"{{"token": "{token}"}}"#).as_bytes());
        Ok((object.map_err(unusable)?, Etag(token)))
    }

    async fn version(&self) -> Result<Option<Etag>, Error> {
        self.call("s3-token-version", "").await?;
        let token = self.inner().tokens.1.clone();
        Ok(Some(token).filter(|token| !token.is_empty()).map(Etag))
    }

    async fn save(
        &self,
        object: &TokenObject,
        if_match: Option<&Etag>,
    ) -> Result<PutResult, Error> {
        let call = self.call("s3-token-save", "").await?;
        let saved = {
            let mut inner = self.inner();
            if inner.tokens.1 != if_match.map(|etag| etag.0.clone()).unwrap_or_default() {
                return Ok(PutResult::PreconditionFailed);
            }
            object.token.expose_secret().clone_into(&mut inner.tokens.1);
            let etag = inner.tokens.1.clone();
            inner.saved_as(etag)
        };
        self.answer(call, saved).await
    }
}

impl Identity for Memory {
    async fn login_request(&self) -> Result<LoginRequest, Error> {
        Ok(LoginRequest {
            role: "role".to_owned(),
            mount: "aws".to_owned(),
            url: "https://sts.ca-central-1.amazonaws.com/".to_owned(),
            body: "",
            headers: "{}".to_owned().into(),
        })
    }
}

impl Roster for Memory {
    async fn contains(&self, user: &UserName) -> Result<bool, Error> {
        self.call("roster", user.as_str()).await?;
        let roster = &self.inner().roster;
        Ok(roster.iter().any(|listed| listed == user.as_str()))
    }

    async fn page(&self, from: Option<String>) -> Result<Page<String>, Error> {
        self.call("roster-page", "").await?;
        let inner = self.inner();
        Ok(page("roster-page", &inner, inner.roster.clone(), from))
    }
}

impl TargetDocuments for Memory {
    async fn load(&self, known: Option<&Etag>) -> Result<DocumentReading, Error> {
        self.call("s3-document", "").await?;
        Ok(match &self.inner().document {
            None => DocumentReading::Absent,
            Some((_, etag)) if known.is_some_and(|known| known.0 == etag.to_string()) => {
                DocumentReading::Unchanged
            }
            Some((text, etag)) => {
                DocumentReading::Document(text.clone().into(), Some(Etag(etag.to_string())))
            }
        })
    }

    async fn save(&self, text: Vec<u8>, if_match: Option<&Etag>) -> Result<PutResult, Error> {
        self.call("s3-save-document", "").await?;
        let mut inner = self.inner();
        let current = inner.document.as_ref().map(|(_, etag)| *etag);
        if !matches(current, if_match) {
            return Ok(PutResult::PreconditionFailed);
        }
        let etag = inner.next_etag();
        inner.document = Some((String::from_utf8(text).unwrap(), etag));
        Ok(inner.saved_as(etag.to_string()))
    }

    fn address(&self) -> String {
        "s3://bucket/targets.json".to_owned()
    }
}

/// Returns the state that one record is.
pub fn state_of(record: SecretRecord) -> UserState {
    UserState {
        records: vec![record],
    }
}

/// Returns whether an object is at the version that a conditional write requires.
fn matches(current: Option<u64>, if_match: Option<&Etag>) -> bool {
    current.map(|etag| etag.to_string()).as_ref() == if_match.map(|etag| &etag.0)
}
