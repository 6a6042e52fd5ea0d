//! What readers get: a welcome, the page to read on, pictures, and a place for answers.

use super::guard::{self, Caller, ReaderId};
use super::page::{blocking, fill, html, plain};
use super::site::Server;
use crate::turing::store::{Given, Saved, Submitted, Turing};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use std::sync::Arc;

/// Longest time in sight that is believed: an hour. A tab that was forgotten says more.
const LONGEST_MS: u32 = 3_600_000;

/// Works on the test's file in a thread that may wait for the disk.
async fn with<T: Send + 'static>(
    server: &Arc<Server>,
    work: impl FnOnce(&Turing) -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Response> {
    let server = Arc::clone(server);
    blocking(move || work(server.site.turing.as_ref().expect("a reader was found in it"))).await
}

/// `/r/TOKEN`: says what to do and hands out the cookie. A page, not a redirection: browsers do not send a strict
/// cookie
/// along a redirection that began in an e-mail.
pub async fn welcome(
    State(server): State<Arc<Server>>,
    Caller(peer): Caller,
    Path(token): Path<String>,
) -> Result<Response, Response> {
    let reader = guard::reader(&server, Some(&token), peer)?;
    let (items, over) = with(&server, move |turing| turing.session(reader)).await?;
    let about = server.site.turing.as_ref().expect("a reader was found in it").about();
    let answered = items.iter().filter(|item| item.answer.is_some()).count();
    let (state, go) = match (answered, over) {
        (_, true) => ("You have submitted this reading. Thank you.".to_owned(), "See the end"),
        (0, _) => ("Nothing is answered yet.".to_owned(), "Begin"),
        (n, _) => (
            format!("{n} of {} images have an answer. You go on where you were.", items.len()),
            "Continue",
        ),
    };
    let stack = match about.planes {
        1 => String::new(),
        planes => format!(
            "Each image is a volume of {planes} planes: turn the wheel, move the slider or use the keys below to go through it."
        ),
    };
    let values = [
        ("STACK", stack.as_str()),
        ("TITLE", about.title.as_str()),
        ("COUNT", &items.len().to_string()),
        ("PAUSE", &about.pause_every.to_string()),
        ("STATE", &state),
        ("GO", go),
    ];
    let mut response = html(fill(include_str!("pages/welcome.html"), &values));
    let cookie = guard::cookie(&server, guard::READER, &token);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// `/read`
pub async fn page(State(server): State<Arc<Server>>, _: ReaderId) -> Response {
    let title = server.site.turing.as_ref().map_or("", |turing| turing.about().title.as_str());
    html(fill(include_str!("pages/read.html"), &[("TITLE", title)]))
}

/// `/read/session`: images in order with the reader's own answers.
pub async fn session(
    State(server): State<Arc<Server>>,
    ReaderId(reader): ReaderId,
) -> Result<Response, Response> {
    let found = with(&server, move |turing| {
        let (items, over) = turing.session(reader)?;
        let about = turing.about();
        // Masks have names where readers see them; else a reader need not know that there are any.
        let classes: &[String] = if about.overlay { &about.classes } else { &[] };
        Ok(json!({
            "items": items, "submitted": over, "pause_every": about.pause_every, "overlay": about.overlay, "planes": about.planes,
            "classes": classes,
        }))
    });
    Ok(Json(found.await?).into_response())
}

/// `/read/image/NAME`
pub async fn image(
    State(server): State<Arc<Server>>,
    ReaderId(reader): ReaderId,
    Path(name): Path<String>,
) -> Result<Response, Response> {
    let found = with(&server, move |turing| turing.picture(reader, &name, false));
    Ok(picture(found.await?))
}

/// `/read/mask/NAME`, where the test shows masks.
pub async fn mask(
    State(server): State<Arc<Server>>,
    ReaderId(reader): ReaderId,
    Path(name): Path<String>,
) -> Result<Response, Response> {
    let found = with(&server, move |turing| {
        if turing.about().overlay { turing.picture(reader, &name, true) } else { Ok(None) }
    });
    Ok(picture(found.await?))
}

fn picture(png: Option<Vec<u8>>) -> Response {
    match png {
        Some(png) => ([(header::CONTENT_TYPE, "image/png")], png).into_response(),
        None => plain(StatusCode::NOT_FOUND, "You have no such image."),
    }
}

/// `/read/answer`: `saved` means that it is on the disk.
pub async fn answer(
    State(server): State<Arc<Server>>,
    ReaderId(reader): ReaderId,
    given: Result<Json<Given>, JsonRejection>,
) -> Result<Response, Response> {
    let Json(mut given) = given.map_err(|rejection| {
        plain(
            rejection.status(),
            "Expected an answer: image, revision, verdict, confidence, viewed_ms.",
        )
    })?;
    if !given.rating().is_valid() {
        return Err(plain(StatusCode::UNPROCESSABLE_ENTITY, "Expected a confidence of 1 to 5."));
    }
    given.viewed_ms = given.viewed_ms.min(LONGEST_MS);
    let saved = with(&server, move |turing| turing.answer(reader, &given)).await?;
    Ok(match saved {
        Saved::Yes(answer) => Json(json!({ "saved": answer })).into_response(),
        Saved::NoSuchImage => plain(StatusCode::NOT_FOUND, "You have no such image."),
        Saved::Stale(stored) => {
            (StatusCode::CONFLICT, Json(json!({ "stored": stored }))).into_response()
        }
        Saved::Closed => (StatusCode::CONFLICT, Json(json!({ "submitted": true }))).into_response(),
    })
}

/// `/read/submit`
pub async fn submit(
    State(server): State<Arc<Server>>,
    ReaderId(reader): ReaderId,
) -> Result<Response, Response> {
    let outcome = with(&server, move |turing| turing.submit(reader)).await?;
    Ok(match outcome {
        Submitted::Yes => Json(json!({ "submitted": true })).into_response(),
        Submitted::Before => {
            (StatusCode::CONFLICT, Json(json!({ "submitted": true }))).into_response()
        }
        Submitted::Missing(missing) => {
            (StatusCode::CONFLICT, Json(json!({ "missing": missing }))).into_response()
        }
    })
}
