//! A socket with limited patience for clients that do not read.

use super::meter::Meter;
use std::future::Future as _;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// For so long a client is waited for ...
const PATIENCE: Duration = Duration::from_secs(20);
/// ... until it has taken so many bytes: 1.6 kB a second, slower than any modem. The kernel gives its buffer free in
/// large
/// pieces (a third of [`BUFFER`] at once), so less than such a piece could not be asked for.
const LEAST: u64 = 32 << 10;

/// Bytes that the kernel holds for a client who reads more slowly than this side writes. Its own choice would be
/// megabytes
/// for each of two thousand clients, and a slow one's progress would be seen once in minutes.
pub const BUFFER: usize = 64 << 10;

/// A socket whose writes fail when its client takes nothing, or next to nothing.
///
/// The account runs only while this side waits: pauses between two requests cost a client nothing.
#[derive(Debug)]
pub struct Patient<S: Closing> {
    stream: S,
    meter: Arc<Meter>,
    /// Since when the write at hand waits, and when patience ends.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    /// Waited for, and taken meanwhile, since the account was last settled.
    waited: Duration,
    taken: u64,
}

/// How a socket is closed.
pub trait Closing: AsyncRead + AsyncWrite + Unpin {
    /// The kernel shall forget what the client has not taken, or two thousand half-read answers stay in its memory for
    /// minutes.
    fn forget(&self);
}

impl Closing for tokio::net::TcpStream {
    fn forget(&self) {
        let _ = self.set_zero_linger();
    }
}

impl<S: Closing> Patient<S> {
    /// Of an accepted socket.
    pub fn new(stream: S, meter: Arc<Meter>) -> Self {
        Self { stream, meter, waiting: None, waited: Duration::ZERO, taken: 0 }
    }

    /// Keeps the account of a write that the socket answered with `written`.
    fn account(
        &mut self,
        context: &mut Context,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = written {
            if let Some((since, _)) = self.waiting.take() {
                self.waited += since.elapsed();
            }
            self.taken += *outcome.as_ref().unwrap_or(&0) as u64;
            self.meter.took();
            return Poll::Ready(outcome);
        }
        self.meter.stall();
        if self.waiting.is_none() && (self.waited.is_zero() || self.taken >= LEAST) {
            // The account begins anew. What the kernel took before it was its own room, or enough.
            (self.waited, self.taken) = (Duration::ZERO, 0);
        }
        let left = PATIENCE.saturating_sub(self.waited);
        let (_, end) = self.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(sleep_until(now + left)))
        });
        if end.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.meter.cut();
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl<S: Closing> Drop for Patient<S> {
    fn drop(&mut self) {
        if self.meter.is_cut() {
            self.stream.forget();
        }
    }
}

impl<S: Closing> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: Closing> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.account(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        pieces: &[IoSlice],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.account(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
