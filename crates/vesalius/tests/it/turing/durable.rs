//! Many at once, and a server that is killed: one answer counts, and none that was acknowledged is lost.

use super::SERVE;
use crate::Bench;
use crate::site::{Response, Server, create, given, images, packs, state};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use vesalius_web::turing::store::Turing;

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
            crate::resume::wait_for("an answer", || seen.load(Ordering::SeqCst) > 0);
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
