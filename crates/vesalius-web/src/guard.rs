//! What stands before every page: limits, headers, and who is asking.

use super::page;
use super::site::Server;
use crate::connections::ends::Ends;
use crate::connections::host;
use crate::connections::rate::Who;
use crate::turing::token::TokenDigest;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// For a request to be answered (a stream of events: to begin).
const REQUEST_SECS: u64 = 10;
/// Characters of an address at most: the longest of ours has 96.
const ADDRESS: usize = 256;
/// Days that a browser keeps who it is: readings take weeks at times.
const COOKIE_DAYS: u32 = 60;

/// Scripts, styles and pictures of this server alone; no frames, no forms, nothing inline, nothing kept.
const HEADERS: [(HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Middleware of every request.
pub async fn every_request(
    State(server): State<Arc<Server>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = if let Some(refusal) = refusal(&server, &request) {
        refusal
    } else {
        let limit = Duration::from_secs(REQUEST_SECS);
        tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
            page::plain(StatusCode::REQUEST_TIMEOUT, "The request took too long.")
        })
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn refusal(server: &Server, request: &Request) -> Option<Response> {
    if let Some(text) = server.site.hosts.refusal(request) {
        let another = text == host::ANOTHER;
        let status =
            if another { StatusCode::MISDIRECTED_REQUEST } else { StatusCode::BAD_REQUEST };
        let mut refused = page::plain(status, text);
        // Whatever else comes by this connection is no more for this server.
        refused.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return Some(refused);
    }
    let address = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if address > ADDRESS {
        return Some(page::plain(StatusCode::URI_TOO_LONG, "The address is too long."));
    }
    // Cookies are SameSite=Strict; a browser that says where a request comes from is believed on top.
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let headers = request.headers();
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let foreign = site.is_some_and(|site| site != b"same-origin")
            || text(headers, header::ORIGIN).is_some_and(|origin| {
                let host = text(headers, header::HOST).unwrap_or_default();
                origin.split_once("://").map_or(origin, |(_, host)| host) != host
            });
        if foreign {
            return Some(page::plain(StatusCode::FORBIDDEN, "The request came from another site."));
        }
    }
    None
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Cookie of a reader.
pub const READER: &str = "vesalius_reader";
/// Cookie of the owner.
pub const OWNER: &str = "vesalius_owner";

/// `Set-Cookie` with a token.
pub fn cookie(server: &Server, name: &str, token: &str) -> HeaderValue {
    let secure = if server.site.https { "; Secure" } else { "" };
    let age = COOKIE_DAYS * 24 * 3600;
    let text = format!("{name}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).expect("tokens are hexadecimal here: they matched a digest")
}

fn from_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// The reader of a token, from a link or a cookie.
///
/// # Errors
/// The answer to a wrong token, or to too many requests.
pub fn reader(server: &Server, token: Option<&str>, peer: IpAddr) -> Result<i64, Response> {
    let found = token.and_then(|token| server.site.turing.as_ref()?.reader_of(token));
    allow(server, found.map(Who::Reader), peer)?;
    found.ok_or_else(page::unknown)
}

/// Whether a token is the owner's.
///
/// # Errors
/// As above.
pub fn owner(server: &Server, token: Option<&str>, peer: IpAddr) -> Result<(), Response> {
    let known = token.is_some_and(|token| server.site.owner.matches(&TokenDigest::of(token)));
    allow(server, known.then_some(Who::Owner), peer)?;
    if known { Ok(()) } else { Err(page::unknown()) }
}

fn allow(server: &Server, known: Option<Who>, peer: IpAddr) -> Result<(), Response> {
    if server.rates.allow(known.unwrap_or(Who::Stranger(peer))) {
        return Ok(());
    }
    let mut refused =
        page::plain(StatusCode::TOO_MANY_REQUESTS, "Too many requests; wait a moment.");
    refused.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    Err(refused)
}

/// Where a request comes from.
pub fn peer(parts: &Parts) -> IpAddr {
    parts.extensions.get::<Ends>().map_or(Ipv4Addr::UNSPECIFIED.into(), |ends| ends.peer)
}

/// A reader who showed a cookie.
#[derive(Debug, Clone, Copy)]
pub struct ReaderId(pub i64);

impl FromRequestParts<Arc<Server>> for ReaderId {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Response> {
        reader(server, from_cookie(&parts.headers, READER), peer(parts)).map(Self)
    }
}

/// The owner, who showed a cookie.
#[derive(Debug, Clone, Copy)]
pub struct Owner;

impl FromRequestParts<Arc<Server>> for Owner {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Response> {
        owner(server, from_cookie(&parts.headers, OWNER), peer(parts)).map(|()| Self)
    }
}

/// The address of whoever asks.
#[derive(Debug, Clone, Copy)]
pub struct Caller(pub IpAddr);

impl FromRequestParts<Arc<Server>> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &Arc<Server>,
    ) -> Result<Self, std::convert::Infallible> {
        Ok(Self(peer(parts)))
    }
}
