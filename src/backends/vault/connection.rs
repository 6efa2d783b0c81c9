//! Names the fault of a connection to Vault, and its remedy.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error as Tls};

/// The remedy for a fault that has no other: the address is what is unreachable.
const CHECK_ADDRESS: &str = "check VAULT_ADDR, and that Vault runs there";

/// A fault, and its remedy.
pub(super) type Diagnosis = (String, &'static str);

/// Describes a failed connection.
pub(super) fn diagnose(error: &reqwest::Error) -> Diagnosis {
    if error.is_timeout() {
        let remedy = "check VAULT_ADDR, and the route and the firewall on the way there";
        return ("no response within the time limit".to_owned(), remedy);
    }
    if let Some(error) = find::<Tls>(error) {
        return match tls(error) {
            Some((fault, remedy)) => (format!("{fault} ({error})"), remedy),
            None => (format!("TLS failed: {error}"), CHECK_ADDRESS),
        };
    }
    let cause = innermost(error).to_string();
    if cause.contains("lookup address") {
        let is_passing = cause.contains("Temporary failure");
        let problem = if is_passing {
            "the DNS of this network does not answer"
        } else {
            "the host name does not resolve"
        };
        let remedy = "check the host in VAULT_ADDR, and the DNS of this network";
        return (problem.to_owned(), remedy);
    }
    match find::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => ("connection refused".to_owned(), CHECK_ADDRESS),
        Some(io::ErrorKind::UnexpectedEof) if cause.contains("handshake") => (
            "the connection closed during the TLS handshake".to_owned(),
            "check that VAULT_ADDR is the port of Vault's TLS listener, and the proxies on the way",
        ),
        Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => (
            cause.to_ascii_lowercase(),
            "check VAULT_ADDR, and the route there (subnets, transit gateway)",
        ),
        _ => (cause, CHECK_ADDRESS),
    }
}

/// Returns the fault and the remedy of a TLS error; `None` for an unknown one.
fn tls(error: &Tls) -> Option<(&'static str, &'static str)> {
    Some(match error {
        Tls::InvalidCertificate(fault) => return certificate(fault),
        // Both mean that the certificate which the server demands was not sent.
        Tls::AlertReceived(Alert::CertificateRequired | Alert::BadCertificate) => (
            "the server demands a client certificate, which is not supported",
            "remove `tls_require_and_verify_client_cert` from Vault's listener, or set VAULT_ADDR \
             to a listener without it",
        ),
        // TLS 1.2 has one alert for both.
        Tls::AlertReceived(Alert::HandshakeFailure) => (
            "the server accepts only old cipher suites, or demands a client certificate",
            "allow ECDHE with AES-GCM or ChaCha20 (`tls_cipher_suites` of Vault's listener), and \
             no client certificate (`tls_require_and_verify_client_cert`)",
        ),
        Tls::AlertReceived(Alert::InsufficientSecurity) | Tls::PeerIncompatible(_) => (
            "the server has no TLS version or cipher suite in common with this client",
            "allow TLS 1.2 or later with ECDHE and AES-GCM or ChaCha20 (`tls_cipher_suites` of \
             Vault's listener)",
        ),
        Tls::AlertReceived(Alert::ProtocolVersion) => (
            "the server offers only TLS versions below 1.2",
            "allow TLS 1.2 or 1.3 (`tls_max_version` of Vault's listener)",
        ),
        Tls::AlertReceived(Alert::UnrecognisedName) => (
            "the server does not know this host name",
            "set the host in VAULT_ADDR to a name that the server has",
        ),
        Tls::InvalidMessage(_) => (
            "the server does not answer with TLS",
            "set VAULT_ADDR to the port of Vault's TLS listener",
        ),
        _ => return None,
    })
}

fn certificate(fault: &Certificate) -> Option<(&'static str, &'static str)> {
    Some(match fault {
        // A bad signature is that of another CA with the same name, such as a renewed one.
        Certificate::UnknownIssuer | Certificate::BadSignature => (
            "the certificate's issuer is not trusted",
            "set VAULT_CACERT to the CA of Vault's certificate",
        ),
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => (
            "the certificate is for another name",
            "set the host in VAULT_ADDR to a name that the certificate is valid for",
        ),
        Certificate::Expired | Certificate::ExpiredContext { .. } => (
            "the certificate has expired",
            "renew the server's certificate (`tls_cert_file` of Vault's listener)",
        ),
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => (
            "the certificate is not valid yet",
            "synchronize the clocks of this host and of Vault (`timedatectl`)",
        ),
        Certificate::Revoked => (
            "the certificate is revoked",
            "replace the server's certificate (`tls_cert_file` of Vault's listener)",
        ),
        Certificate::InvalidPurpose | Certificate::InvalidPurposeContext { .. } => (
            "the certificate is not for a server",
            "issue one for `serverAuth` (`tls_cert_file` of Vault's listener)",
        ),
        #[allow(
            deprecated,
            reason = "older versions of rustls report it without the context"
        )]
        Certificate::UnsupportedSignatureAlgorithm
        | Certificate::UnsupportedSignatureAlgorithmContext { .. }
        | Certificate::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
            "the certificate has a signature of an algorithm that is not accepted, such as SHA-1",
            "issue one that is signed with SHA-256 (`tls_cert_file` of Vault's listener)",
        ),
        Certificate::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => (
            "the server's certificate is one of a CA (CA:TRUE)",
            "issue one with CA:FALSE (`tls_cert_file` of Vault's listener)",
        ),
        Certificate::Other(other) if other.to_string().contains("UnsupportedCertVersion") => (
            "the server's certificate is not of X.509 version 3",
            "issue one with a subject alternative name (`tls_cert_file` of Vault's listener)",
        ),
        _ => return None,
    })
}

/// Returns the first error of this type among an error and its causes.
fn find<'a, E: StdError + 'static>(mut error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    loop {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        error = cause(error)?;
    }
}

fn innermost<'a>(mut error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    while let Some(cause) = cause(error) {
        error = cause;
    }
    error
}

/// Returns the cause of an error. The source of an I/O error is that of the error inside it.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    inner.map_or_else(|| error.source(), |inner| Some(inner))
}

#[cfg(test)]
mod tests;
