//! The certificates of the fakes, which OpenSSL accepts as well as rustls.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A CA, and the TLS configuration of the fakes, whose certificate it signed.
pub struct TlsIdentity {
    /// The CA's certificate as PEM.
    pub authority: String,
    /// The configuration of the fakes.
    pub config: Arc<ServerConfig>,
}

impl TlsIdentity {
    /// Generates a CA, and a certificate for 127.0.0.1 and localhost.
    ///
    /// The two need different subjects: OpenSSL takes a certificate whose subject and issuer are
    /// the same for a self-signed one.
    pub fn generate() -> Self {
        let mut authority = with_name("bench CA", &[]);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_key = new_key();
        let certificate = authority
            .self_signed(&authority_key)
            .expect("signing succeeds");
        let issuer = Issuer::new(authority, authority_key);
        let mut server = with_name("bench fakes", &["127.0.0.1", "localhost"]);
        server.is_ca = IsCa::ExplicitNoCa;
        server.use_authority_key_identifier_extension = true;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = new_key();
        let server = server.signed_by(&key, &issuer).expect("signing succeeds");
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![server.der().clone()], private)
            .expect("the key matches the certificate");
        Self {
            authority: certificate.pem(),
            config: Arc::new(config),
        }
    }
}

fn with_name(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
    let mut parameters = CertificateParams::new(hosts).expect("valid host names");
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("key generation succeeds")
}
