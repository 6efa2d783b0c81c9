//! A TLS listener that counts handshakes and the bytes sent and received.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

/// The traffic so far.
#[derive(Debug, Default)]
pub struct Wire {
    /// The number of TLS handshakes.
    pub handshakes: AtomicU64,
    /// The bytes sent and received, including TLS.
    pub bytes: AtomicU64,
}

/// A CA, and the TLS configuration of the fake services, whose certificate it
/// signed.
pub struct TlsIdentity {
    /// The CA's certificate as PEM.
    pub authority: String,
    config: Arc<ServerConfig>,
}

impl TlsIdentity {
    /// Generates a CA and a certificate for 127.0.0.1.
    pub fn new() -> Self {
        let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("no subject names");
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = rcgen::KeyPair::generate().expect("key generation succeeds");
        let certificate = authority
            .self_signed(&authority_key)
            .expect("signing succeeds");
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let key = rcgen::KeyPair::generate().expect("key generation succeeds");
        let server = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()])
            .expect("a valid subject name");
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

/// Accepts TLS connections and counts their traffic.
pub struct CountingListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    wire: Arc<Wire>,
}

impl CountingListener {
    /// Binds a free loopback port.
    pub async fn bind(identity: &TlsIdentity, wire: Arc<Wire>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self {
            listener,
            acceptor: identity.config.clone().into(),
            wire,
        }
    }

    /// Returns the URL of the listener.
    pub fn url(&self) -> String {
        format!("https://{}", self.listener.local_addr().expect("is bound"))
    }
}

impl Listener for CountingListener {
    type Io = TlsStream<CountedStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else {
                continue;
            };
            // With Nagle's algorithm a small response waits for an earlier acknowledgement.
            stream.set_nodelay(true).expect("an open socket");
            let counted = CountedStream {
                stream,
                wire: self.wire.clone(),
            };
            if let Ok(stream) = self.acceptor.accept(counted).await {
                self.wire.handshakes.fetch_add(1, Relaxed);
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A TCP connection whose bytes are counted.
pub struct CountedStream {
    stream: TcpStream,
    wire: Arc<Wire>,
}

impl AsyncRead for CountedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.wire
            .bytes
            .fetch_add((buffer.filled().len() - before) as u64, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for CountedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.wire.bytes.fetch_add(written as u64, Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
