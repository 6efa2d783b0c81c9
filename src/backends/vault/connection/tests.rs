use rustls::{InvalidMessage, OtherError, PeerIncompatible};

use super::*;
use crate::testing::remedies::assert_names_a_change;

#[derive(Debug, thiserror::Error)]
#[error("CaUsedAsEndEntity")]
struct CaUsedAsEndEntity;

fn rejected(fault: Certificate) -> Tls {
    Tls::InvalidCertificate(fault)
}

#[test]
fn a_tls_error_has_its_fault_and_a_remedy() {
    let other = OtherError(std::sync::Arc::new(CaUsedAsEndEntity));
    for (error, fault) in [
        (
            rejected(Certificate::UnknownIssuer),
            "issuer is not trusted",
        ),
        (rejected(Certificate::BadSignature), "issuer is not trusted"),
        (rejected(Certificate::NotValidForName), "another name"),
        (rejected(Certificate::Expired), "expired"),
        (rejected(Certificate::NotValidYet), "not valid yet"),
        (rejected(Certificate::Revoked), "revoked"),
        (rejected(Certificate::InvalidPurpose), "not for a server"),
        (rejected(Certificate::Other(other)), "CA:TRUE"),
        (
            Tls::AlertReceived(Alert::CertificateRequired),
            "client certificate",
        ),
        (
            Tls::AlertReceived(Alert::BadCertificate),
            "client certificate",
        ),
        (
            Tls::AlertReceived(Alert::HandshakeFailure),
            "old cipher suites",
        ),
        (
            Tls::AlertReceived(Alert::HandshakeFailure),
            "client certificate",
        ),
        (Tls::AlertReceived(Alert::ProtocolVersion), "below 1.2"),
        (Tls::AlertReceived(Alert::UnrecognisedName), "host name"),
        (
            Tls::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
            "in common",
        ),
        (
            Tls::InvalidMessage(InvalidMessage::InvalidContentType),
            "does not answer with TLS",
        ),
    ] {
        let (text, remedy) = tls(&error).unwrap_or_else(|| panic!("{error:?} is not in the table"));
        assert!(text.contains(fault), "{error:?}: {text}");
        assert_names_a_change(remedy);
    }
}

#[test]
fn an_unknown_tls_error_is_not_in_the_table() {
    for error in [
        rejected(Certificate::BadEncoding),
        Tls::AlertReceived(Alert::InternalError),
        Tls::HandshakeNotComplete,
    ] {
        assert_eq!(tls(&error), None, "{error:?}");
    }
    assert_names_a_change(CHECK_ADDRESS);
}

#[test]
fn the_cause_of_an_io_error_is_the_error_inside() {
    let error = io::Error::new(io::ErrorKind::InvalidData, Tls::DecryptError);
    assert_eq!(find::<Tls>(&error), Some(&Tls::DecryptError));
    assert_eq!(innermost(&error).to_string(), Tls::DecryptError.to_string());
}
