//! Sockets: how many at once, how long each side may take, how they end.

use super::ends::Ends;
use super::meter::{Answered, Asked, Meter, Phase};
use super::patience::{BUFFER, Patient};
use super::places::Places;
use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::Request;
use axum::http::header;
use axum::response::Response;
use futures_util::future::{Either, select};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

/// For a request's head to come, and between two requests of a connection.
const HEAD: Duration = Duration::from_secs(30);
/// For requests at work when the server ends; then for threads that wait for the disk.
const GRACE: Duration = Duration::from_secs(2);
const DISK_GRACE: Duration = Duration::from_secs(1);
/// Between two looks at whether to stop.
const TICK: Duration = Duration::from_millis(100);
/// Threads that wait for the disk at most.
const DISK_THREADS: usize = 16;
/// Connections that the kernel holds until they are accepted: more than come at once, because a client that finds no
/// room
/// there tries again after a second.
const QUEUE: i32 = 4096;

/// Serves until `stop` says so, and runs `beside` as long; see [`crate::serve`].
pub fn run(
    router: Router,
    beside: Option<impl Future<Output = ()> + Send + 'static>,
    listener: TcpListener,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(DISK_THREADS)
        .build()
        .context("the server's threads cannot start")?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        // Without it the server is only less quick.
        let _ = rustix::net::listen(&listener, QUEUE);
        let listener = tokio::net::TcpListener::from_std(listener)?;
        if let Some(beside) = beside {
            tokio::spawn(beside);
        }
        let (graceful, places) = (GracefulShutdown::new(), Arc::new(Places::new()));
        let mut stopping = pin!(until(stop));
        // Nothing in this loop waits for a client.
        loop {
            let accepted = match select(pin!(listener.accept()), stopping.as_mut()).await {
                Either::Left((accepted, _)) => accepted,
                Either::Right(_) => break,
            };
            match accepted {
                Ok((stream, address)) => {
                    let meter = Arc::new(Meter::new());
                    let begin = |number| {
                        let ends = Ends {
                            peer: address.ip().to_canonical(),
                            here: stream.local_addr().map_or(address.ip(), |here| here.ip()),
                        };
                        let leave = Leave { places: Arc::clone(&places), number };
                        begin(&router, &graceful, stream, ends, &meter, leave)
                    };
                    // Dropped otherwise, which closes it.
                    places.take(address.ip(), &meter, begin);
                }
                Err(error) => {
                    // Out of file descriptors, or gone before it was accepted.
                    if error.kind() != std::io::ErrorKind::ConnectionAborted {
                        places.make_room();
                        tokio::time::sleep(TICK / 10).await;
                    }
                }
            }
        }
        drop(listener);
        places.close_waiting();
        let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
        anyhow::Ok(())
    })?;
    runtime.shutdown_timeout(DISK_GRACE);
    Ok(())
}

/// Starts to serve a connection.
fn begin(
    router: &Router,
    graceful: &GracefulShutdown,
    stream: TcpStream,
    ends: Ends,
    meter: &Arc<Meter>,
    leave: Leave,
) -> AbortHandle {
    // Small answers go out at once.
    let _ = stream.set_nodelay(true);
    // Not once on the listener: who came before this loop began would have inherited nothing.
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&stream, BUFFER);
    let stream = TokioIo::new(Patient::new(stream, Arc::clone(meter)));
    let (inner, meter) = (TowerToHyperService::new(router.clone()), Arc::clone(meter));
    let service = service_fn(move |mut request: Request<Incoming>| {
        let meter = Arc::clone(&meter);
        meter.enter(Phase::Work);
        request.extensions_mut().insert(ends);
        let response = inner.call(request.map(|body| Asked::new(body, Arc::clone(&meter))));
        async move {
            let response: Response = response.await?;
            meter.enter(if is_endless(&response) { Phase::Events } else { Phase::Answer });
            Ok::<_, std::convert::Infallible>(response.map(|body| Answered::new(body, meter)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(16 << 10)
        .serve_connection(stream, service);
    let connection = graceful.watch(connection);
    let task = tokio::spawn(async move {
        let _leave = leave;
        // An error is a client that went away, read nothing or spoke no HTTP.
        let _ = connection.await;
    });
    task.abort_handle()
}

fn is_endless(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// Gives a place back when its connection ends, however it does.
struct Leave {
    places: Arc<Places>,
    number: u64,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.places.leave(self.number);
    }
}

async fn until(stop: &(dyn Fn() -> bool + Sync)) {
    while !stop() {
        tokio::time::sleep(TICK).await;
    }
}
