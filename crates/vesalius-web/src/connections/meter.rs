//! What a connection is doing, seen from outside of it: whom it waits for, and since when.

use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Whom a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// The client: a request's head, or the next request.
    Head,
    /// The client: a request's body.
    Body,
    /// This side: an answer is being made.
    Work,
    /// Nobody: an answer goes out.
    Answer,
    /// Nobody: events go out as they happen.
    Events,
}

/// Shared by a connection's socket, its service, and whoever looks for one to close.
#[derive(Debug)]
pub struct Meter {
    opened: Instant,
    phase: AtomicU8,
    /// The last step forward, milliseconds after `opened`.
    moved_ms: AtomicU64,
    /// The client does not take what is ready for it.
    stalled: AtomicBool,
    /// At least one request was answered.
    served: AtomicBool,
    /// Closed by this side before its end.
    cut: AtomicBool,
}

impl Meter {
    /// Of a connection that begins now.
    pub fn new() -> Self {
        Self {
            opened: Instant::now(),
            phase: AtomicU8::new(Phase::Head as u8),
            moved_ms: AtomicU64::new(0),
            stalled: AtomicBool::new(false),
            served: AtomicBool::new(false),
            cut: AtomicBool::new(false),
        }
    }

    /// A step forward into a phase. Bytes of a head or a body are none: only the whole is, or a client could stay by a
    /// byte
    /// now and then.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
        self.moved();
    }

    fn moved(&self) {
        self.moved_ms.store(self.opened.elapsed().as_millis() as u64, Relaxed);
    }

    /// The client took something.
    pub fn took(&self) {
        self.stalled.store(false, Relaxed);
        self.moved();
    }

    /// The client takes nothing at the moment.
    pub fn stall(&self) {
        self.stalled.store(true, Relaxed);
    }

    fn answered(&self) {
        self.served.store(true, Relaxed);
        self.enter(Phase::Head);
    }

    /// Marks it as closed before its end.
    pub fn cut(&self) {
        self.cut.store(true, Relaxed);
    }

    /// Whether it was.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Relaxed)
    }

    /// Since the last step forward.
    pub fn quiet(&self, now: Instant) -> Duration {
        let moved = Duration::from_millis(self.moved_ms.load(Relaxed));
        now.saturating_duration_since(self.opened).saturating_sub(moved)
    }

    /// How little would be lost by closing it; none where this side has work to finish. A client that does not read
    /// counts for more than one that never asked, and that one for more than one that may ask again: a browser between
    /// two
    /// images, which would only have to connect once more.
    pub fn spare(&self, now: Instant) -> Option<Duration> {
        let phase = self.phase.load(Relaxed);
        let waits = phase == Phase::Head as u8 || phase == Phase::Body as u8;
        let weight = match (self.stalled.load(Relaxed), waits, self.served.load(Relaxed)) {
            (true, ..) => 8,
            (_, true, false) => 4,
            (_, true, true) => 1,
            (_, false, _) => return None,
        };
        Some(self.quiet(now) * weight)
    }

    /// Whether it would never end by itself.
    pub fn is_endless(&self) -> bool {
        self.phase.load(Relaxed) == Phase::Events as u8
    }
}

/// A request's body, which says when its client is waited for.
#[derive(Debug)]
pub struct Asked<B> {
    body: B,
    meter: Arc<Meter>,
    waits: bool,
}

impl<B> Asked<B> {
    /// Of a body.
    pub fn new(body: B, meter: Arc<Meter>) -> Self {
        Self { body, meter, waits: false }
    }
}

impl<B: Body + Unpin> Body for Asked<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if frame.is_pending() && !self.waits {
            self.waits = true;
            self.meter.enter(Phase::Body);
        } else if self.waits && (matches!(frame, Poll::Ready(None)) || self.body.is_end_stream()) {
            self.waits = false;
            self.meter.enter(Phase::Work);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body, which says when it is over.
#[derive(Debug)]
pub struct Answered<B> {
    body: B,
    meter: Arc<Meter>,
}

impl<B> Answered<B> {
    /// Of a body.
    pub fn new(body: B, meter: Arc<Meter>) -> Self {
        Self { body, meter }
    }
}

impl<B: Body + Unpin> Body for Answered<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Answered<B> {
    fn drop(&mut self) {
        self.meter.answered();
    }
}
