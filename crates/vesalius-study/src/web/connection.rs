//! Sockets: how many at once, how long for a request's head, how they end.

use super::Server;
use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::Request;
use futures_util::future::{Either, select};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::net::{IpAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 2048;
/// For a request's head to come, and between two requests of a connection.
const HEAD_SECS: u64 = 30;
/// For requests at work when the server ends.
const GRACE_SECS: u64 = 5;
/// Between two looks at whether to stop.
const TICK: Duration = Duration::from_millis(100);
/// Threads that wait for the disk at most.
const DISK_THREADS: usize = 16;

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// See [`super::serve`].
pub fn run(
    server: &Arc<Server>,
    router: Router,
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
        let listener = tokio::net::TcpListener::from_std(listener)?;
        if server.site.study.is_some() {
            tokio::spawn(super::study::look_again_and_again(Arc::clone(server)));
        }
        let graceful = GracefulShutdown::new();
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let slot = Arc::clone(&slots).acquire_owned().await.context("no more connections")?;
            let accepted = match select(pin!(listener.accept()), pin!(until(stop))).await {
                Either::Left((accepted, _)) => accepted,
                Either::Right(_) => break,
            };
            let Ok((stream, address)) = accepted else {
                // Out of file descriptors, most likely: others will close.
                tokio::time::sleep(TICK).await;
                continue;
            };
            // Small answers go out at once.
            let _ = stream.set_nodelay(true);
            let inner = TowerToHyperService::new(router.clone());
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer(address.ip()));
                inner.call(request)
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(HEAD_SECS))
                .max_buf_size(16 << 10)
                .serve_connection(TokioIo::new(stream), service);
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                // An error is a client that went away or spoke no HTTP.
                let _ = connection.await;
                drop(slot);
            });
        }
        // Streams of events never end by themselves.
        let _ = tokio::time::timeout(Duration::from_secs(GRACE_SECS), graceful.shutdown()).await;
        anyhow::Ok(())
    })?;
    runtime.shutdown_timeout(Duration::from_secs(GRACE_SECS));
    Ok(())
}

async fn until(stop: &(dyn Fn() -> bool + Sync)) {
    while !stop() {
        tokio::time::sleep(TICK).await;
    }
}
