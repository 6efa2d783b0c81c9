//! A TLS listener that counts handshakes and the bytes sent and received.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::tls::TlsIdentity;

/// The time until connections are accepted again after a failure.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// The traffic so far.
#[derive(Debug, Default)]
pub struct Wire {
    /// The number of TLS handshakes.
    pub handshakes: AtomicU64,
    /// The bytes sent and received, including TLS.
    pub bytes: AtomicU64,
    /// Why the last failed handshake failed.
    failed_handshake: Mutex<Option<String>>,
    /// Why no connection can be accepted.
    failure: watch::Sender<Option<String>>,
}

impl Wire {
    /// Waits until a connection cannot be accepted. Returns the reason.
    pub async fn failure(&self) -> String {
        let mut failure = self.failure.subscribe();
        let failure = failure.wait_for(Option::is_some).await;
        failure
            .ok()
            .and_then(|failure| failure.clone())
            .unwrap_or_default()
    }

    /// Returns why the last failed handshake failed, if one did.
    pub fn failed_handshake(&self) -> Option<String> {
        self.lock_failed_handshake().clone()
    }

    /// Forgets all failures.
    pub fn forget_failures(&self) {
        self.failure.send_replace(None);
        *self.lock_failed_handshake() = None;
    }

    fn lock_failed_handshake(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        let guard = self.failed_handshake.lock();
        guard.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Accepts TLS connections and counts their traffic.
pub struct CountingListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    /// Handshakes in progress. They run concurrently, so that a slow client delays no other.
    handshakes: JoinSet<std::io::Result<(TlsStream<CountedStream>, SocketAddr)>>,
    wire: Arc<Wire>,
}

impl CountingListener {
    /// Binds a free loopback port.
    pub async fn bind(identity: &TlsIdentity, wire: Arc<Wire>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self {
            listener,
            acceptor: identity.config.clone().into(),
            handshakes: JoinSet::new(),
            wire,
        }
    }

    /// Returns the URL of the listener.
    pub fn url(&self) -> String {
        format!("https://{}", self.listener.local_addr().expect("is bound"))
    }

    fn start_handshake(&mut self, stream: TcpStream, address: SocketAddr) {
        // With Nagle's algorithm a small response waits for an earlier acknowledgement.
        let _ = stream.set_nodelay(true);
        let counted = CountedStream {
            stream,
            wire: self.wire.clone(),
        };
        let accept = self.acceptor.accept(counted);
        self.handshakes
            .spawn(async move { Ok((accept.await?, address)) });
    }
}

impl Listener for CountingListener {
    type Io = TlsStream<CountedStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, address)) => self.start_handshake(stream, address),
                    Err(error) if is_of_connection(&error) => {}
                    Err(error) => {
                        let failure = format!("a fake cannot accept a connection: {error}");
                        self.wire.failure.send_replace(Some(failure));
                        tokio::time::sleep(RETRY_AFTER).await;
                    }
                },
                Some(Ok(finished)) = self.handshakes.join_next() => match finished {
                    Ok(connection) => {
                        self.wire.handshakes.fetch_add(1, Relaxed);
                        return connection;
                    }
                    Err(error) => {
                        *self.wire.lock_failed_handshake() = Some(error.to_string());
                    }
                },
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// Returns true if only the connection failed, and not the listener.
fn is_of_connection(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
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
