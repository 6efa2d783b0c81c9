//! The probe of conditional writes, for the doctor.

use jiff::Timestamp;

use super::StateObjects;
use crate::backends::diagnostics::{Probe, ProbeResult};
use crate::backends::{Etag, PutResult};
use crate::error::Error;

/// The object that conditional writes are probed with. It is overwritten, never deleted, because
/// the function may not delete objects.
const PROBE_OBJECT: &str = "doctor.json";

/// The attempts to probe while another probe writes the same object.
const PROBE_ATTEMPTS: u32 = 5;

/// The `ETag` of an empty object, which the probe object never has.
const NON_MATCHING_ETAG: &str = "\"d41d8cd98f00b204e9800998ecf8427e\"";

impl Probe for StateObjects {
    async fn probe(&self) -> Result<ProbeResult, Error> {
        const OPERATION: &str = "probing conditional writes on";
        let key = format!("{}{PROBE_OBJECT}", self.prefix);
        let text = || format!(r#"{{"checkedAt":"{}"}}"#, Timestamp::now()).into_bytes();
        for _ in 0..PROBE_ATTEMPTS {
            let if_match = self
                .objects
                .get(OPERATION, &key)
                .await?
                .map(|object| object.etag);
            let (saved, encryption) = self
                .objects
                .put_reporting_encryption(OPERATION, &key, text(), if_match.as_ref())
                .await?;
            if saved == PutResult::PreconditionFailed {
                continue;
            }
            let mut conditions_hold = true;
            for if_match in [None, Some(Etag(NON_MATCHING_ETAG.to_owned()))] {
                conditions_hold &= self
                    .objects
                    .put(OPERATION, &key, text(), if_match.as_ref())
                    .await?
                    == PutResult::PreconditionFailed;
            }
            return Ok(ProbeResult {
                conditions_hold,
                encryption,
            });
        }
        Err(Error::Contended {
            subject: key,
            attempts: PROBE_ATTEMPTS,
        })
    }
}
