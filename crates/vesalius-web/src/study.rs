//! Pages that look at a study, for its owner.

use super::guard::Owner;
use super::page::{blocking, fill, html, plain};
use super::site::Server;
use super::watch::Watch;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks while somebody watches.
const TICK: Duration = Duration::from_secs(1);

/// Looks once a second as long as a page listens.
pub async fn look_again_and_again(server: Arc<Server>) {
    loop {
        tokio::time::sleep(TICK).await;
        if server.site.study.as_ref().is_some_and(Watch::is_watched) {
            let server = Arc::clone(&server);
            let look = move || server.site.study.as_ref().map(Watch::overview);
            let _ = tokio::task::spawn_blocking(look).await;
        }
    }
}

/// `/study`
pub async fn page(State(server): State<Arc<Server>>, _: Owner) -> Response {
    shell(&server, include_str!("pages/study.html"))
}

/// `/study/run#NAME`
pub async fn run_page(State(server): State<Arc<Server>>, _: Owner) -> Response {
    shell(&server, include_str!("pages/run.html"))
}

/// `/study/compare#NAME,NAME`
pub async fn compare_page(State(server): State<Arc<Server>>, _: Owner) -> Response {
    shell(&server, include_str!("pages/compare.html"))
}

fn shell(server: &Server, page: &str) -> Response {
    if server.site.study.is_none() { none() } else { html(fill(page, &[])) }
}

fn none() -> Response {
    plain(StatusCode::NOT_FOUND, "No study is served here.")
}

/// Asks the study in a thread that may wait for the disk.
async fn with<T: Send + 'static>(
    server: Arc<Server>,
    work: impl FnOnce(&Watch) -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Response> {
    let found = blocking(move || server.site.study.as_ref().map(work).transpose());
    found.await?.ok_or_else(none)
}

/// `/study/data/overview`
pub async fn overview(State(server): State<Arc<Server>>, _: Owner) -> Result<Response, Response> {
    let found = with(server, |watch| Ok(watch.overview())).await?;
    Ok(Json(&*found).into_response())
}

/// `/study/data/run/NAME`
pub async fn run(
    State(server): State<Arc<Server>>,
    _: Owner,
    Path(name): Path<String>,
) -> Result<Response, Response> {
    match with(server, move |watch| watch.detail(&name)).await? {
        Some(detail) => Ok(Json(detail).into_response()),
        None => Err(plain(StatusCode::NOT_FOUND, "The study has no such task.")),
    }
}

/// `/study/data/preview/NAME/PLACE`
pub async fn preview(
    State(server): State<Arc<Server>>,
    _: Owner,
    Path((name, place)): Path<(String, usize)>,
) -> Result<Response, Response> {
    match with(server, move |watch| watch.preview(&name, place)).await? {
        Some(png) => Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response()),
        None => Err(plain(StatusCode::NOT_FOUND, "The task has no such preview.")),
    }
}

/// `/study/events`: a line whenever something changed; pages ask for what they show then.
pub async fn events(State(server): State<Arc<Server>>, _: Owner) -> Result<Response, Response> {
    let Some(watch) = &server.site.study else { return Err(none()) };
    let changes = stream::unfold(watch.subscribe(), |mut changes| async move {
        changes.changed().await.ok()?;
        let counts = serde_json::json!(changes.borrow_and_update().counts);
        Some((Ok::<Event, Infallible>(Event::default().data(counts.to_string())), changes))
    });
    Ok(Sse::new(changes).keep_alive(KeepAlive::default()).into_response())
}
