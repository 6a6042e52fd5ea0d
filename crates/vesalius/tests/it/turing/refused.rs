//! Requests that are refused and change nothing.

use super::SERVE;
use crate::Bench;
use crate::site::{Client, Server, create, given, images, packs, state};

#[test]
fn bad_requests_are_refused_and_change_nothing() {
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--per-reader", "6", "--readers", "2"]);
    let server = Server::start(&bench, &SERVE);
    let (reader, other) = (server.reader(&tokens[0]), server.reader(&tokens[1]));
    let (own, others) = (images(&reader), images(&other));
    for (image, verdict) in own[..2].iter().zip(["real", "synthetic"]) {
        assert_eq!(reader.post("/read/answer", &given(image, 0, verdict, 2)).status, 200);
    }
    assert_eq!(reader.post("/read/answer", &given(&own[0], 1, "synthetic", 4)).status, 200);
    let before = state(&bench.path("turing"));
    let nobody = Client { cookie: String::new(), ..reader.clone() };
    let (start, last) = tokens[0].split_at(63);
    let wrong = server.reader(&format!("{start}{}", if last == "0" { "1" } else { "0" }));
    let as_owner = Client { cookie: format!("vesalius_owner={}", tokens[0]), ..reader.clone() };
    let as_reader = server.reader(&server.owner);

    // Who, path, status: nothing of it is for them.
    for (who, path, status) in [
        (&nobody, "/read", 401),
        (&nobody, "/read/session", 401),
        (&wrong, "/read/session", 401),
        (&as_reader, "/read/session", 401),
        (&as_owner, "/owner/readers", 401),
        (&reader, "/owner/readers", 401),
        (&reader, "/study/data/overview", 401),
        (&reader, "/study/events", 401),
        (&nobody, "/r/", 404),
        (&nobody, "/r/0000", 401),
        (&nobody, "/owner/0000", 401),
    ] {
        assert_eq!(who.get(path).status, status, "{path}");
    }
    // Paths that want out, names that are none, another reader's images.
    let theirs = format!("/read/image/{}", others[0]);
    for path in [
        theirs.as_str(),
        "/read/image/..%2f..%2fturing.sqlite",
        "/read/image/../../turing.sqlite",
        "/read/image/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/read/image/....//....//etc/passwd",
        "/read/image/%00",
        "/read/image/'%20OR%201=1%20--",
        "/read/mask/..%2flinks.txt",
        "/assets/..%2f..%2fCargo.toml",
        "/assets/../../../../etc/passwd",
        "/turing.sqlite",
        "/links.txt",
        "//etc/passwd",
        "/read/../../links.txt",
    ] {
        assert_eq!(reader.get(path).status, 404, "{path}");
    }
    let mask = format!("/read/mask/{}", own[0]);
    assert_eq!(reader.get(&mask).status, 404, "this test shows no masks");

    let json = "Content-Type: application/json";
    let post = |path: &str, headers: &[&str], body: &[u8]| {
        reader.ask("POST", path, headers, body).map(|response| response.status)
    };
    let good = given(&own[2], 0, "real", 3);
    let text = good.to_string();
    let edited = |field: &str, value: serde_json::Value| {
        let mut edited = good.clone();
        edited[field] = value;
        edited.to_string()
    };
    // Headers, body, status.
    for (headers, body, status) in [
        (&[][..], text.clone(), 415),
        (&["Content-Type: text/plain"], text.clone(), 415),
        (&["Content-Type: application/x-www-form-urlencoded"], text.clone(), 415),
        (&[json, "Sec-Fetch-Site: cross-site"], text.clone(), 403),
        (&[json, "Sec-Fetch-Site: same-site"], text.clone(), 403),
        (&[json, "Origin: http://evil.example"], text.clone(), 403),
        (&[json, "Origin: null"], text.clone(), 403),
        (&[json], String::new(), 400),
        (&[json], "{".to_owned(), 400),
        (&[json], "[]".to_owned(), 422),
        (&[json], "null".to_owned(), 422),
        (&[json], edited("confidence", 0.into()), 422),
        (&[json], edited("confidence", 6.into()), 422),
        (&[json], edited("confidence", (-1).into()), 422),
        (&[json], edited("confidence", 3.5.into()), 422),
        (&[json], edited("confidence", 1e300.into()), 422),
        (&[json], edited("confidence", "3".into()), 422),
        (&[json], edited("verdict", "maybe".into()), 422),
        (&[json], edited("verdict", serde_json::Value::Null), 400),
        (&[json], edited("revision", (-1).into()), 422),
        (&[json], edited("viewed_ms", (-5).into()), 422),
        (&[json], edited("reader", 2.into()), 422),
        (&[json], edited("image", "'; DROP TABLE answer; --".into()), 404),
        (&[json], edited("image", others[2].clone().into()), 404),
        (&[json], edited("image", "x".repeat(3000).into()), 413),
        (&[json], edited("revision", 1.into()), 409),
        // Replays: the first answer again after it was changed, the change again with another verdict.
        (&[json], given(&own[0], 0, "real", 2).to_string(), 409),
        (&[json], given(&own[0], 1, "real", 4).to_string(), 409),
    ] {
        let found = post("/read/answer", headers, body.as_bytes()).unwrap();
        assert_eq!(found, status, "{headers:?} {body:.120}");
    }
    let long = format!("/read/image/{}", "a".repeat(400));
    assert_eq!(reader.get(&long).status, 414);
    let header = format!("X: {}", "x".repeat(100_000));
    assert!(
        reader.ask("GET", "/read", &[&header], b"").map_or(431, |response| response.status) >= 400
    );
    let megabyte = vec![b' '; 1 << 20];
    // Refused by an answer, or by a connection that closes before it was all sent.
    assert!(post("/read/answer", &[json], &megabyte).map_or(413, |status| status) == 413);
    for (method, path) in [
        ("GET", "/read/answer"),
        ("GET", "/read/submit"),
        ("PUT", "/read/answer"),
        ("DELETE", "/read/session"),
        ("POST", "/read/session"),
        ("TRACE", "/read"),
    ] {
        assert_eq!(reader.ask(method, path, &[], b"").unwrap().status, 405, "{method} {path}");
    }
    let early = reader.post("/read/submit", &serde_json::Value::Null);
    assert_eq!((early.status, early.json()["missing"].as_u64()), (409, Some(4)));
    assert_eq!(other.post("/read/answer", &given(&own[2], 0, "real", 3)).status, 404);
    assert_eq!(nobody.post("/read/answer", &good).status, 401);
    assert_eq!(nobody.post("/read/submit", &serde_json::Value::Null).status, 401);

    // Guessing tokens is slowed down, and holds nobody up who has one.
    let guesses: Vec<u16> = (0..60).map(|i| nobody.get(&format!("/r/{i:064x}")).status).collect();
    assert!(guesses.contains(&429) && !guesses.contains(&200), "{guesses:?}");
    assert_eq!(reader.get("/read/session").status, 200);

    assert_eq!(state(&bench.path("turing")), before, "a refused request changed something");
    let page = reader.get("/read");
    for part in ["default-src 'none'", "nosniff", "no-store", "no-referrer", "DENY"] {
        assert!(page.headers.iter().any(|line| line.contains(part)), "{part}: {:?}", page.headers);
    }
    let welcome = nobody.ask("GET", &format!("/r/{}", tokens[0]), &[], b"").unwrap();
    // The address is at its limit after the guesses: the token is right, so it is let in.
    let cookie = welcome.headers.iter().find(|line| line.starts_with("set-cookie")).unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
}
