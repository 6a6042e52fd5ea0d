//! Pages and files that are part of the program, and plain answers.

use axum::extract::Path;
use axum::http::header::{self, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use vesalius_data::say;

const HTML: &str = "text/html; charset=utf-8";

/// Name, type and content of every file that pages refer to.
const ASSETS: [(&str, &str, &str); 8] = [
    ("site.css", "text/css", include_str!("pages/site.css")),
    ("read.css", "text/css", include_str!("pages/read.css")),
    ("read.js", "text/javascript", include_str!("pages/read.js")),
    ("viewer.js", "text/javascript", include_str!("pages/viewer.js")),
    ("readers.js", "text/javascript", include_str!("pages/readers.js")),
    ("study.js", "text/javascript", include_str!("pages/study.js")),
    ("run.js", "text/javascript", include_str!("pages/run.js")),
    ("chart.js", "text/javascript", include_str!("pages/chart.js")),
];

/// A file by its name in the list above: nothing else can be asked for.
pub async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, text)) => {
            let kind = format!("{kind}; charset=utf-8");
            ([(header::CONTENT_TYPE, kind)], *text).into_response()
        }
        None => plain(StatusCode::NOT_FOUND, "There is no such page."),
    }
}

/// Whoever comes without a link.
pub async fn home() -> Response {
    message(StatusCode::OK, "Vesalius", "Please open the link that you were given.")
}

/// Any other address.
pub async fn missing(_: Uri) -> Response {
    plain(StatusCode::NOT_FOUND, "There is no such page.")
}

/// A known address, but not so.
pub async fn wrong_method() -> Response {
    plain(StatusCode::METHOD_NOT_ALLOWED, "This page cannot be asked for in this way.")
}

/// The same answer to a wrong token, none, or another's.
pub fn unknown() -> Response {
    let text = "This link is not known here. Please open the link that you were given.";
    message(StatusCode::UNAUTHORIZED, "Not known", text)
}

/// A line of text.
pub fn plain(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}

/// Something of ours broke: the log says what, the page does not.
fn broken(error: &anyhow::Error) -> Response {
    say!("error: {error:#}");
    plain(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here; nothing was changed.")
}

/// Works in a thread that may wait for the disk.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Response> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| broken(&error)),
        Err(error) => Err(broken(&anyhow::anyhow!("a request broke: {error}"))),
    }
}

fn message(status: StatusCode, title: &str, text: &str) -> Response {
    let page = fill(include_str!("pages/message.html"), &[("TITLE", title), ("TEXT", text)]);
    (status, html(page)).into_response()
}

/// A page.
pub fn html(text: String) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(HTML));
    response
}

/// Fills `{{NAME}}` with escaped text.
pub fn fill(page: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(page.to_owned(), |page, (name, value)| {
        page.replace(&format!("{{{{{name}}}}}"), &vesalius_data::text::escape::html(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_from_outside_and_nothing_is_inline() {
        let pages = [
            include_str!("pages/message.html"),
            include_str!("pages/welcome.html"),
            include_str!("pages/read.html"),
            include_str!("pages/owner.html"),
            include_str!("pages/study.html"),
            include_str!("pages/run.html"),
            include_str!("pages/compare.html"),
        ];
        for page in pages {
            for part in ["://", "style=", "onclick", "<style", "<script>"] {
                assert!(!page.contains(part), "{part} in {page:.80}");
            }
            // Every file that a page names is there.
            for name in page.split("/assets/").skip(1) {
                let name = name.split('"').next().unwrap();
                assert!(ASSETS.iter().any(|(known, ..)| *known == name), "{name}");
            }
        }
        for (name, _, text) in ASSETS {
            assert!(!text.contains("://") || name == "chart.js", "{name}");
            assert!(!text.contains("innerHTML"), "{name}: text is set as text");
        }
    }
}
