//! `vesalius serve`: the visual Turing test and the view of a study in a browser.
//!
//! `connection` accepts; `places` gives each connection one and takes it back, `meter` knows whom it waits for,
//! `patience` ends
//! with clients that do not read. `guard` stands before every page (headers, limits, tokens; `host`: names of this
//! server),
//! `reading` serves readers, `owner` and `study` the owner. Nothing that comes from outside becomes a path: pictures
//! are rows
//! or come from a list that this side made.

#![expect(
    clippy::result_large_err,
    reason = "a refusal is a whole response, made once per refused request"
)]

pub mod connections;
mod guard;
mod owner;
mod page;
mod reading;
mod site;
mod study;
pub mod turing;
pub mod watch;

use anyhow::Result;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use connections::rate::Rates;
use site::Server;
use std::net::TcpListener;
use std::sync::Arc;

pub use site::Site;

/// Bytes of a request's body at most: an answer has about 120.
const BODY_BYTES: usize = 2048;

/// Serves until `stop` says so; requests at work are finished, and nobody is waited for longer than three seconds.
///
/// # Errors
/// When the runtime cannot start.
pub fn serve(site: Site, listener: TcpListener, stop: &(dyn Fn() -> bool + Sync)) -> Result<()> {
    let server = Arc::new(Server { site, rates: Rates::default() });
    let look =
        server.site.study.is_some().then(|| study::look_again_and_again(Arc::clone(&server)));
    connections::connection::run(router(server), look, listener, stop)
}

fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/", get(page::home))
        .route("/assets/{name}", get(page::asset))
        .route("/r/{token}", get(reading::welcome))
        .route("/read", get(reading::page))
        .route("/read/session", get(reading::session))
        .route("/read/image/{name}", get(reading::image))
        .route("/read/mask/{name}", get(reading::mask))
        .route("/read/answer", post(reading::answer))
        .route("/read/submit", post(reading::submit))
        .route("/owner", get(owner::page))
        .route("/owner/{token}", get(owner::enter))
        .route("/owner/readers", get(owner::readers))
        .route("/study", get(study::page))
        .route("/study/run", get(study::run_page))
        .route("/study/compare", get(study::compare_page))
        .route("/study/data/overview", get(study::overview))
        .route("/study/data/run/{name}", get(study::run))
        .route("/study/data/preview/{name}/{place}", get(study::preview))
        .route("/study/events", get(study::events))
        .fallback(page::missing)
        .method_not_allowed_fallback(page::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&server), guard::every_request))
        .with_state(server)
}
