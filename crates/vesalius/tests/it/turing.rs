//! The visual Turing test over HTTP: a reading and its scores, what a client can learn, what is refused, what survives.

use super::Bench;
use super::site::{Client, Response, Server, create, given, images, packs, state};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use vesalius_study::turing::Kind;
use vesalius_study::turing::store::Turing;

const SERVE: [&str; 2] = ["--turing", "turing"];

/// Kind of each of a reader's images, in order: known to the owner's file alone.
fn kinds(bench: &Bench, reader: i64) -> Vec<Kind> {
    let judged = Turing::open(&bench.path("turing")).unwrap().judged(reader).unwrap();
    judged.iter().map(|judged| judged.kind).collect()
}

/// Answers everything with one verdict.
fn answer_all(reader: &Client, verdict: &str) {
    for image in images(reader) {
        let saved = reader.post("/read/answer", &given(&image, 0, verdict, 3));
        assert_eq!(saved.status, 200, "{saved:?}");
    }
}

#[test]
fn a_reading_is_kept_scored_and_reported() {
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--per-reader", "20", "--readers", "3", "--common", "20"]);
    assert_eq!(std::fs::read_to_string(bench.path("turing/links.txt")).unwrap().lines().count(), 3);
    let mut server = Server::start(&bench, &SERVE);
    let readers: Vec<Client> = tokens.iter().map(|token| server.reader(token)).collect();
    bench.refused(
        &["turing", "score", "turing", "--out", "score"],
        &["turing", "nobody has submitted"],
    );
    // The first reader changes every mind until all is right; the second calls everything synthetic; the third stops.
    answer_all(&readers[0], "real");
    for (image, kind) in images(&readers[0]).iter().zip(kinds(&bench, 1)) {
        let saved = readers[0].post("/read/answer", &given(image, 1, kind.name(), 5));
        assert_eq!(saved.json()["saved"]["revision"], 2);
    }
    answer_all(&readers[1], "synthetic");
    let first = images(&readers[2]).remove(0);
    readers[2].post("/read/answer", &given(&first, 0, "real", 1));
    for reader in &readers[..2] {
        assert_eq!(reader.post("/read/submit", &serde_json::Value::Null).json()["submitted"], true);
    }
    server.kill();

    let text = bench.ok(&["turing", "score", "turing", "--out", "score", "--json"]);
    let scores: serde_json::Value = serde_json::from_str(&text).unwrap();
    let score = |metric: &str, of: Option<&str>| {
        let metric = format!("turing_{metric}");
        let all = scores["scores"].as_array().unwrap();
        let found = all.iter().find(|s| s["metric"] == *metric && s["of"].as_str() == of);
        found.unwrap_or_else(|| panic!("{metric} {of:?}"))["value"].as_f64().unwrap()
    };
    assert_eq!(score("accuracy", Some("reader/reader 1")), 1.0);
    assert_eq!(score("auc", Some("reader/reader 1")), 1.0);
    assert_eq!(score("sensitivity", Some("reader/reader 2")), 1.0);
    assert_eq!(score("specificity", Some("reader/reader 2")), 0.0);
    assert_eq!(score("d_prime", Some("reader/reader 2")), 0.0);
    assert_eq!(score("accuracy", None), 0.75);
    assert_eq!(score("secs", None), 1.5, "the first answer's time");
    // On the 20 common images one reader is right half of the time and the other says synthetic: Fleiss' formula by hand.
    let (observed, chance) = (0.5, 0.25_f64.powi(2) + 0.75_f64.powi(2));
    assert!((score("kappa", None) - (observed - chance) / (1.0 - chance)).abs() < 1e-12);
    let csv = std::fs::read_to_string(bench.path("score/answers.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + 40, "of those who submitted");
    assert!(
        csv.lines()
            .skip(1)
            .all(|line| line.starts_with("reader 1,") || line.starts_with("reader 2,"))
    );
    for name in ["most-convincing.png", "least-convincing.png"] {
        assert!(std::fs::read(bench.path("score").join(name)).unwrap().starts_with(b"\x89PNG"));
    }

    bench.ok(&["report", "score", "--out", "report"]);
    let page = std::fs::read_to_string(bench.path("report/report.html")).unwrap();
    for part in ["Visual Turing test", "reader 2", "0.60", "d′", "Fleiss", "WGAN-GP"] {
        assert!(page.contains(part), "{part}");
    }
    let csv = std::fs::read_to_string(bench.path("report/turing.csv")).unwrap();
    assert!(csv.lines().any(|line| line.contains("reader 1")), "{csv}");
    bench.refused(&["turing", "score", "turing", "--out", "score"], &["holds a finished run"]);
}

#[test]
fn what_cannot_be_drawn_is_refused_and_leaves_nothing() {
    let bench = Bench::new();
    packs(&bench);
    let create = ["turing", "create", "--out", "turing"];
    let refused = |more: &[&str], parts: &[&str]| {
        bench.refused(&[&create[..], more].concat(), parts);
        assert!(!bench.path("turing").exists());
    };
    let both = ["--real", "real", "--synthetic", "synthetic"];
    refused(
        &["--real", "synthetic", "--synthetic", "synthetic"],
        &["--real", "expected a real one"],
    );
    refused(
        &["--real", "real", "--synthetic", "real"],
        &["--synthetic", "expected a synthetic one"],
    );
    refused(&[&both[..], &["--per-reader", "122"]].concat(), &["60 real test images", "61"]);
    refused(&[&both[..], &["--per-reader", "99"]].concat(), &["--per-reader 99", "even"]);
    refused(&[&both[..], &["--reader", "a", "--reader", "a"]].concat(), &["--reader", "twice"]);
    refused(&[&both[..], &["--reader", "a,b"]].concat(), &["--reader", "a,b"]);
    refused(&[&both[..], &["--address", "ftp://x"]].concat(), &["--address ftp://x"]);
    bench.phantom_pack("small");
    refused(&["--real", "small", "--synthetic", "synthetic"], &["64x64", "32x32"]);
    bench.refused(&["serve", "--turing", "nowhere"], &["nowhere/turing.sqlite", "turing create"]);
    bench.refused(&["serve"], &[]);
}

/// Bytes of a PNG that are neither pixels nor checksums.
fn frame(png: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = vec![png[..8].to_vec()];
    let mut at = 8;
    while at < png.len() {
        let length = u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
        parts.push(png[at..at + 8].to_vec());
        if &png[at + 4..at + 8] != b"IDAT" {
            parts.push(png[at + 8..at + 12 + length].to_vec());
        }
        at += 12 + length;
    }
    parts
}

#[test]
fn nothing_but_the_picture_tells_which_is_which() {
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--readers", "2", "--overlay"]);
    let server = Server::start(&bench, &SERVE);
    let reader = server.reader(&tokens[0]);
    let names = images(&reader);
    let session = String::from_utf8(reader.get("/read/session").body).unwrap();
    for word in ["real", "synthetic", "patient", "wgan", "slice", "pack"] {
        assert!(!session.contains(word), "{word} in {session}");
    }
    let mut seen: Vec<(Response, Response, Response)> = vec![];
    let mut secs = vec![Duration::MAX; names.len()];
    for _ in 0..2 {
        for (i, name) in names.iter().enumerate() {
            let started = Instant::now();
            reader.get(&format!("/read/image/{name}"));
            secs[i] = secs[i].min(started.elapsed());
        }
    }
    for (i, name) in names.iter().enumerate() {
        let started = Instant::now();
        let image = reader.get(&format!("/read/image/{name}"));
        secs[i] = secs[i].min(started.elapsed());
        let mask = reader.get(&format!("/read/mask/{name}"));
        let answer = reader.post("/read/answer", &given(name, 0, "real", 1 + i as u32 % 5));
        assert_eq!((image.status, mask.status, answer.status), (200, 200, 200));
        seen.push((image, mask, answer));
    }
    // Headers, sizes, and every byte of the files that is no pixel are the same for all; answers echo what was sent.
    let (image, mask, answer) = &seen[0];
    for (other, other_mask, other_answer) in &seen {
        assert_eq!(image.headers, other.headers);
        assert_eq!(frame(&image.body), frame(&other.body));
        assert_eq!(
            (&mask.headers, frame(&mask.body)),
            (&other_mask.headers, frame(&other_mask.body))
        );
        assert_eq!(
            (&answer.headers, answer.body.len()),
            (&other_answer.headers, other_answer.body.len())
        );
    }
    let kinds = kinds(&bench, 1);
    let split = |kind: Kind| -> Vec<f64> {
        let of_kind = secs.iter().zip(&kinds).filter(|(_, other)| **other == kind);
        of_kind.map(|(secs, _)| secs.as_secs_f64()).collect()
    };
    let (real, synthetic) = (split(Kind::Real), split(Kind::Synthetic));
    assert_eq!((real.len(), synthetic.len()), (50, 50));
    // The chance that a real image takes longer than a synthetic one: 0.5 with a standard deviation of 0.058.
    let auc = vesalius_study::statistics::rank::mann_whitney(&real, &synthetic) / 2500.0;
    assert!((auc - 0.5).abs() < 0.25, "times tell: {auc}");
    // Names and their order neither: a name's first digit is above 7 half of the time.
    let high = |kind: Kind| {
        let of_kind = names.iter().zip(&kinds).filter(|(_, other)| **other == kind);
        of_kind.filter(|(name, _)| name.as_bytes()[0] >= b'8').count()
    };
    assert!(high(Kind::Real).abs_diff(high(Kind::Synthetic)) < 30);
    // Another reader gets other names for the same pictures.
    assert!(images(&server.reader(&tokens[1])).iter().all(|name| !names.contains(name)));
}

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
    let wrong = server.reader(&format!("{}0", &tokens[0][..63]));
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

#[test]
fn of_submissions_and_answers_at_once_one_counts() {
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--per-reader", "4", "--readers", "1"]);
    let server = Server::start(&bench, &SERVE);
    let reader = server.reader(&tokens[0]);
    let names = images(&reader);
    let at_once = |ask: &(dyn Fn(usize) -> Response + Sync)| -> Vec<Response> {
        let ready = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            let ask = |i| {
                ready.wait();
                ask(i)
            };
            let threads: Vec<_> = (0..8).map(|i| scope.spawn(move || ask(i))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    };
    // Eight different answers to one image: one is saved, the others are told which.
    let answers = at_once(&|i| {
        let verdict = if i % 2 == 0 { "real" } else { "synthetic" };
        reader.post("/read/answer", &given(&names[0], 0, verdict, 1 + i as u32 / 2))
    });
    let saved: Vec<&Response> = answers.iter().filter(|response| response.status == 200).collect();
    assert_eq!(saved.len(), 1, "{answers:?}");
    let kept = &saved[0].json()["saved"];
    for response in answers.iter().filter(|response| response.status != 200) {
        assert_eq!((response.status, &response.json()["stored"]), (409, kept));
    }
    for name in &names[1..] {
        // The same answer eight times is one answer.
        let same = at_once(&|_| reader.post("/read/answer", &given(name, 0, "real", 2)));
        assert!(
            same.iter().all(|r| r.status == 200 && r.json()["saved"]["revision"] == 1),
            "{same:?}"
        );
    }
    let ends = at_once(&|_| reader.post("/read/submit", &serde_json::Value::Null));
    assert_eq!(ends.iter().filter(|response| response.status == 200).count(), 1, "{ends:?}");
    assert_eq!(ends.iter().filter(|response| response.status == 409).count(), 7);
    let after = state(&bench.path("turing"));
    let late = reader.post("/read/answer", &given(&names[1], 1, "synthetic", 5));
    assert_eq!((late.status, &late.json()["submitted"]), (409, &true.into()));
    assert_eq!(state(&bench.path("turing")), after);
}

#[test]
fn fifty_kills_lose_no_acknowledged_answer() {
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--per-reader", "100", "--readers", "1"]);
    let mut server = Server::start(&bench, &SERVE);
    let address = server.address.clone();
    let reader = server.reader(&tokens[0]);
    let names = images(&reader);
    // What was acknowledged of each image: revision and confidence.
    let mut known: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let (mut acknowledged, mut in_flight) = (0, 0);
    let mut random: u64 = 42;
    for round in 0..50 {
        let seen = AtomicUsize::new(0);
        let saved = Mutex::new(&mut known);
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pause = Duration::from_micros(500 + (random >> 33) % 40_000);
        let asked = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                // Answers as fast as it can, over and over, until there is nobody to answer.
                let mut asked = 0;
                for i in 0.. {
                    let name = &names[(round * 37 + i) % names.len()];
                    let (revision, _) =
                        saved.lock().unwrap().get(name).copied().unwrap_or_default();
                    let confidence = 1 + (i as u32 + round as u32) % 5;
                    asked += 1;
                    match reader
                        .try_post("/read/answer", &given(name, revision as u32, "real", confidence))
                    {
                        Ok(response) if response.status == 200 => {
                            let answer = response.json();
                            let answer = &answer["saved"];
                            let pair = (
                                answer["revision"].as_u64().unwrap(),
                                answer["confidence"].as_u64().unwrap(),
                            );
                            assert_eq!(pair.1, u64::from(confidence));
                            saved.lock().unwrap().insert(name.clone(), pair);
                            seen.fetch_add(1, Ordering::SeqCst);
                        }
                        Ok(response) if response.status == 429 => {
                            std::thread::sleep(Duration::from_millis(5));
                        }
                        // An answer that was saved in the moment of the kill, and is changed again now.
                        Ok(response) if response.status == 409 => {
                            let stored = response.json();
                            let stored = &stored["stored"];
                            let pair = (
                                stored["revision"].as_u64().unwrap(),
                                stored["confidence"].as_u64().unwrap(),
                            );
                            assert_eq!(pair.0, revision + 1, "nothing but the request in flight");
                            saved.lock().unwrap().insert(name.clone(), pair);
                        }
                        Ok(response) => panic!("{response:?}"),
                        Err(_) => break,
                    }
                }
                asked
            });
            super::resume::wait_for("an answer", || seen.load(Ordering::SeqCst) > 0);
            std::thread::sleep(pause);
            server.kill();
            writer.join().unwrap()
        });
        acknowledged += seen.into_inner();
        in_flight += asked;
        server = Server::start_at(&bench, &SERVE, &address);
        let session = reader.get("/read/session").json();
        let stored: BTreeMap<String, (u64, u64)> = session["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|item| {
                let answer = &item["answer"];
                let pair = (answer["revision"].as_u64()?, answer["confidence"].as_u64()?);
                Some((item["name"].as_str()?.to_owned(), pair))
            })
            .collect();
        let mut ahead = 0;
        for (name, &(revision, confidence)) in &known {
            let found = stored[name];
            assert!(found.0 >= revision, "round {round}: an acknowledged answer is lost");
            if found.0 == revision {
                assert_eq!(found.1, confidence, "round {round}: an acknowledged answer changed");
            } else {
                ahead += found.0 - revision;
            }
        }
        ahead += stored.iter().filter(|(name, _)| !known.contains_key(*name)).count() as u64;
        assert!(ahead <= 1, "round {round}: {ahead} answers that nobody asked for");
        known = stored;
    }
    eprintln!("50 kills, {in_flight} requests, {acknowledged} acknowledged answers, none lost");
    assert!(acknowledged >= 50);
}

#[test]
fn two_hundred_readers_at_once_read_without_an_error() {
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--per-reader", "10", "--readers", "200"]);
    let server = Server::start(&bench, &SERVE);
    let started = Instant::now();
    let slowest = Mutex::new(Duration::ZERO);
    let requests = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for token in &tokens {
            let (server, slowest, requests) = (&server, &slowest, &requests);
            scope.spawn(move || {
                let reader = server.reader(token);
                let timed = |ask: &dyn Fn() -> Response| {
                    let begun = Instant::now();
                    let response = ask();
                    assert_eq!(response.status, 200, "{response:?}");
                    let mut slowest = slowest.lock().unwrap();
                    *slowest = begun.elapsed().max(*slowest);
                    requests.fetch_add(1, Ordering::Relaxed);
                };
                timed(&|| reader.get(&format!("/r/{token}")));
                timed(&|| reader.get("/read"));
                for (i, name) in images(&reader).iter().enumerate() {
                    timed(&|| reader.get(&format!("/read/image/{name}")));
                    timed(&|| {
                        reader.post("/read/answer", &given(name, 0, "real", 1 + i as u32 % 5))
                    });
                }
                timed(&|| reader.post("/read/submit", &serde_json::Value::Null));
            });
        }
    });
    let (secs, slowest) = (started.elapsed().as_secs_f64(), slowest.into_inner().unwrap());
    eprintln!(
        "200 readers at once: {requests:?} requests in {secs:.1} s, the slowest {slowest:.2?}"
    );
    let turing = Turing::open(&bench.path("turing")).unwrap();
    let readers = turing.readers().unwrap();
    assert!(readers.iter().all(|reader| reader.submitted && reader.answered == 10));
}
