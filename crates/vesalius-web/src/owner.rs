//! What the owner gets beside the study: a way in, and how far readers are.

use super::guard::{self, Caller, Owner};
use super::page::{blocking, fill, html};
use super::site::Server;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use std::sync::Arc;

/// `/owner/TOKEN`: hands out the cookie.
pub async fn enter(
    State(server): State<Arc<Server>>,
    Caller(peer): Caller,
    Path(token): Path<String>,
) -> Result<Response, Response> {
    guard::owner(&server, Some(&token), peer)?;
    let mut response = front(&server);
    let cookie = guard::cookie(&server, guard::OWNER, &token);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// `/owner`
pub async fn page(State(server): State<Arc<Server>>, _: Owner) -> Response {
    front(&server)
}

fn front(server: &Server) -> Response {
    let is = |there: bool, text: &'static str| if there { text } else { "" };
    let values = [
        ("STUDY", is(server.site.study.is_some(), "The study: tasks, curves, samples")),
        ("NO_STUDY", is(server.site.study.is_none(), "No study is served here (--study).")),
        (
            "NO_TURING",
            is(server.site.turing.is_none(), "No visual Turing test is served here (--turing)."),
        ),
    ];
    html(fill(include_str!("pages/owner.html"), &values))
}

/// `/owner/readers`: how far each is; no answer, no token.
pub async fn readers(State(server): State<Arc<Server>>, _: Owner) -> Result<Response, Response> {
    let found = blocking(move || match &server.site.turing {
        Some(turing) => Ok(json!({ "title": turing.about().title, "readers": turing.readers()? })),
        None => Ok(json!({ "readers": [] })),
    });
    Ok(Json(found.await?).into_response())
}
