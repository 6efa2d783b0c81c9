//! The certificate authorities that are trusted.
//!
//! PEM text is understood wholly or refused. The parsers of TLS libraries skip what they do not
//! understand, so that an authority is missing without notice.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::reader::Reader;
use crate::error::Error;

/// Certificate authorities, and where they come from.
#[derive(Clone)]
pub struct Authorities {
    variable: Option<&'static str>,
    certificates: Vec<CertificateDer<'static>>,
}

impl std::fmt::Debug for Authorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authorities")
            .field("variable", &self.variable)
            .field("certificates", &self.certificates.len())
            .finish()
    }
}

impl Authorities {
    /// Loads the authorities of the system.
    ///
    /// # Errors
    /// [`Error::BadConfiguration`] if there are none.
    pub fn of_system() -> Result<Self, Error> {
        let mut certificates = rustls_native_certs::load_native_certs().certs;
        if certificates.is_empty() {
            // A blank SSL_CERT_FILE hides the files of the system, but counts as unset here.
            let found = openssl_probe::probe();
            let (file, folder) = (found.cert_file.as_deref(), found.cert_dir.first());
            let folder = folder.map(AsRef::as_ref);
            certificates = rustls_native_certs::load_certs_from_paths(file, folder).certs;
        }
        certificates.retain(is_usable);
        if certificates.is_empty() {
            let problem = "is not set, and the host has no CA certificates; install \
                ca-certificates, or set this variable to a file of CA certificates";
            return Err(Error::misconfigured("SSL_CERT_FILE", problem));
        }
        Ok(Self {
            variable: None,
            certificates,
        })
    }

    /// Returns the variable that names the authorities; `None` for those of the system.
    pub fn variable(&self) -> Option<&'static str> {
        self.variable
    }

    /// Returns the certificates in DER.
    pub fn certificates(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.certificates.iter().map(AsRef::as_ref)
    }

    /// Returns when the first authority ends; `None` if a certificate does not show it.
    pub fn first_end(&self) -> Option<Timestamp> {
        let ends = self.certificates().map(not_after);
        ends.collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    /// Returns the certificates as PEM text.
    pub fn to_pem(&self) -> String {
        let blocks = self.certificates().map(|certificate| {
            let text = BASE64_STANDARD.encode(certificate);
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        });
        blocks.collect()
    }
}

fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let end = certificate.tbs_certificate().validity().not_after;
    let seconds = end.to_unix_duration().as_secs();
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

fn is_usable(certificate: &CertificateDer<'_>) -> bool {
    webpki::anchor_from_trusted_cert(certificate).is_ok()
}

/// Parses PEM text. Text outside of the blocks is a comment.
fn parse(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    const EXPECTED: &str = "expected PEM text with -----BEGIN CERTIFICATE-----";
    let text = std::str::from_utf8(pem).map_err(|_| format!("is not UTF-8 text; {EXPECTED}"))?;
    // Files that were joined have byte order marks, or no line break between two blocks.
    let text = text.replace('\u{feff}', "");
    let text = text.replace("-----BEGIN", "\n-----BEGIN");
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes())
        .filter_map(Result::ok)
        .collect::<Vec<_>>();
    let markers = |marker: &str| text.to_ascii_uppercase().matches(marker).count();
    let (begins, ends) = (markers("-BEGIN "), markers("-END "));
    let understood = certificates.len();
    match (understood, begins) {
        (0, 0) => return Err(format!("contains no certificate; {EXPECTED}")),
        (0, _) => {
            let found = "contains no certificate, but other or damaged PEM blocks";
            return Err(format!("{found} ({begins}); {EXPECTED}"));
        }
        _ => {}
    }
    if (begins, ends) != (understood, understood) {
        return Err(format!(
            "contains {begins} BEGIN and {ends} END lines, but only {understood} complete \
             CERTIFICATE blocks are understood; expected no other blocks, and no incomplete ones"
        ));
    }
    if let Some(unusable) = certificates.iter().position(|one| !is_usable(one)) {
        return Err(format!(
            "contains {understood} certificates, of which number {} is not a valid X.509 \
             certificate; expected only valid ones",
            unusable + 1
        ));
    }
    Ok(certificates)
}

impl Reader<'_> {
    /// Reads the authorities that the variable `text` holds, else those of the file that the
    /// variable `file` names.
    pub(super) fn authorities(
        &mut self,
        text: Option<&'static str>,
        file: &'static str,
    ) -> Option<Authorities> {
        let given = text.and_then(|variable| Some((variable, self.text(variable)?)));
        let (variable, certificates) = if let Some((variable, text)) = given {
            (variable, parse(text.as_bytes()))
        } else {
            let pem = std::fs::read(self.text(file)?);
            let pem = pem.map_err(|error| {
                format!("cannot be read ({error}); expected a file of PEM certificates")
            });
            (file, pem.and_then(|pem| parse(&pem)))
        };
        match certificates {
            Ok(certificates) => Some(Authorities {
                variable: Some(variable),
                certificates,
            }),
            Err(problem) => {
                self.problem(variable, problem);
                None
            }
        }
    }

    /// Reads the authorities that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, as OpenSSL does.
    pub(super) fn host_authorities(&mut self) -> Option<Authorities> {
        let file = self.authorities(None, "SSL_CERT_FILE");
        let Some(folders) = self.text("SSL_CERT_DIR") else {
            return file;
        };
        let mut certificates = file
            .as_ref()
            .map_or_else(Vec::new, |file| file.certificates.clone());
        for folder in std::env::split_paths(&folders).filter(|path| path != Path::new("")) {
            if let Err(error) = std::fs::read_dir(&folder) {
                let problem =
                    format!("cannot be read ({error}); expected folders of PEM certificates");
                self.problem("SSL_CERT_DIR", problem);
                return None;
            }
            let found = rustls_native_certs::load_certs_from_paths(None, Some(&folder));
            if !found.errors.is_empty() {
                let (bad, good) = (found.errors.len(), found.certs.len());
                let problem = format!(
                    "contains {good} certificates, but {bad} files are not understood; expected only PEM certificates"
                );
                self.problem("SSL_CERT_DIR", problem);
                return None;
            }
            certificates.extend(found.certs.into_iter().filter(is_usable));
        }
        if certificates.is_empty() {
            let problem = "contains no certificate; expected folders of PEM certificates";
            self.problem("SSL_CERT_DIR", problem);
            return None;
        }
        let variable = file.map_or("SSL_CERT_DIR", |_| "SSL_CERT_FILE");
        Some(Authorities {
            variable: Some(variable),
            certificates,
        })
    }
}

#[cfg(test)]
mod tests;
