//! A TLS listener that counts connections and the bytes on the wire.

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

/// What went over the wire so far.
#[derive(Debug, Default)]
pub struct Wire {
    /// TLS handshakes.
    pub handshakes: AtomicU64,
    /// Bytes both ways, TLS included.
    pub bytes: AtomicU64,
}

/// The authority that signs the stand-ins' certificate, and their TLS configuration.
pub struct Identity {
    /// The authority, as PEM.
    pub authority: String,
    tls: Arc<ServerConfig>,
}

impl Identity {
    /// A new authority with a certificate for 127.0.0.1.
    pub fn new() -> Self {
        let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = rcgen::KeyPair::generate().expect("a key");
        let certificate = authority.self_signed(&authority_key).expect("a certificate");
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let key = rcgen::KeyPair::generate().expect("a key");
        let server = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
        let server = server.signed_by(&key, &issuer).expect("a certificate");
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let tls = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![server.der().clone()], private)
            .expect("the key is the certificate's");
        Self { authority: certificate.pem(), tls: Arc::new(tls) }
    }
}

/// Accepts connections with TLS.
pub struct Counting {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    wire: Arc<Wire>,
}

impl Counting {
    /// On a free port.
    pub async fn bind(identity: &Identity, wire: Arc<Wire>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        Self { listener, acceptor: identity.tls.clone().into(), wire }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("https://{}", self.listener.local_addr().expect("it is bound"))
    }
}

impl Listener for Counting {
    type Io = TlsStream<Counted>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            // Otherwise small answers wait for the acknowledgement of others.
            stream.set_nodelay(true).expect("the socket is open");
            let counted = Counted { stream, wire: self.wire.clone() };
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

/// A connection whose bytes are counted.
pub struct Counted {
    stream: TcpStream,
    wire: Arc<Wire>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.wire.bytes.fetch_add((buffer.filled().len() - before) as u64, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.wire.bytes.fetch_add(written as u64, Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
