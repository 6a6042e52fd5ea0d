//! Clients that do not read, ask by halves or never finish: those who read are served beside them, and the server ends.

use super::SERVE;
use crate::Bench;
use crate::site::{Server, create, given, images, packs};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const SLOW: usize = 2100;
const GOOD: usize = 100;

/// Lets this process and its children have many files open.
fn many_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let files = limit.current.unwrap_or(u64::MAX);
    assert!(files > 5000, "this test needs 5,000 open files, and may have {files}");
}

/// What a client that asks for more than it will read sends: megabytes of answers.
fn greedy(address: &str) -> String {
    format!("GET /assets/viewer.js HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(400)
}

/// One of several ways to be slow.
fn slow(kind: usize, address: &str, token: &str) -> std::io::Result<TcpStream> {
    let text = match kind % 6 {
        // Half a head; nothing at all; a body that does not come.
        0 => format!("GET /read HTTP/1.1\r\nHost: {address}\r\n"),
        1 => String::new(),
        2 => format!(
            "POST /read/answer HTTP/1.1\r\nHost: {address}\r\nCookie: vesalius_reader={token}\r\n\
             Content-Type: application/json\r\nContent-Length: 120\r\n\r\n{{"
        ),
        _ => greedy(address),
    };
    let mut stream = TcpStream::connect(address)?;
    stream.set_nonblocking(true)?;
    match stream.write(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Ok(stream),
    }
}

/// Whether the other side has closed; reads a piece if there is one. What came before a reset can still be read after
/// it.
fn is_closed(stream: &mut TcpStream, piece: &mut [u8]) -> bool {
    if stream.take_error().is_ok_and(|error| error.is_some()) {
        return true;
    }
    match stream.read(piece) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

#[test]
fn slow_readers_hold_nobody_up_and_nothing_open() {
    many_files();
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--per-reader", "10", "--readers", &(GOOD + 1).to_string()]);
    let mut server = Server::start(&bench, &SERVE);
    let (address, last) = (server.address.clone(), tokens[GOOD].clone());
    let begun = Instant::now();
    let mut slow_ones: Vec<TcpStream> =
        (0..SLOW).map(|i| slow(i, &address, &last).expect("a connection")).collect();
    eprintln!("{SLOW} slow readers are there after {:.1?}", begun.elapsed());
    // They stall; the kernel's buffers are full.
    std::thread::sleep(Duration::from_secs(2));
    let (done, again) = (AtomicBool::new(false), AtomicUsize::new(0));
    let waits = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        // Whoever is thrown out comes back at once; every seventh takes a byte now and then.
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                for (i, stream) in slow_ones.iter_mut().enumerate() {
                    let closed = if i % 7 == 0 {
                        is_closed(stream, &mut [0])
                    } else {
                        stream.take_error().is_ok_and(|error| error.is_some())
                    };
                    if closed && let Ok(new) = slow(i, &address, &last) {
                        *stream = new;
                        again.fetch_add(1, Ordering::SeqCst);
                    }
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let good: Vec<_> = tokens[..GOOD]
            .iter()
            .map(|token| {
                let (server, waits) = (&server, &waits);
                scope.spawn(move || {
                    let reader = server.reader(token);
                    let timed = |ask: &dyn Fn() -> u16| {
                        let begun = Instant::now();
                        let status = ask();
                        waits.lock().unwrap().push(begun.elapsed());
                        assert_eq!(status, 200);
                    };
                    timed(&|| reader.get(&format!("/r/{token}")).status);
                    for name in images(&reader) {
                        timed(&|| reader.get(&format!("/read/image/{name}")).status);
                        timed(&|| reader.post("/read/answer", &given(&name, 0, "real", 3)).status);
                        std::thread::sleep(Duration::from_millis(100));
                    }
                })
            })
            .collect();
        let failed = good.into_iter().filter_map(|reader| reader.join().err()).count();
        done.store(true, Ordering::SeqCst);
        assert_eq!(failed, 0, "readers met an error");
    });
    let mut waits = waits.into_inner().unwrap();
    waits.sort();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
    eprintln!(
        "{GOOD} good readers beside {SLOW} slow ones ({again:?} came back): {} requests, p50 {:.1?}, p99 {:.1?}, slowest {:.1?}",
        waits.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    assert!(at(0.99) < Duration::from_secs(1));
    let (took, status) = server.end();
    eprintln!("ended {took:.1?} after SIGTERM");
    assert!(took < Duration::from_secs(5) && status.success(), "{took:?} {status:?}");
}

#[test]
fn patience_ends_with_who_takes_next_to_nothing_and_not_with_a_slow_line() {
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--per-reader", "4", "--readers", "1"]);
    let server = Server::start(&bench, &SERVE);
    let mut silent = slow(3, &server.address, &tokens[0]).unwrap();
    let mut trickling = slow(3, &server.address, &tokens[0]).unwrap();
    let mut slow_line = slow(3, &server.address, &tokens[0]).unwrap();
    let begun = Instant::now();
    let [mut silent_secs, mut trickling_secs] = [None; 2];
    while begun.elapsed() < Duration::from_secs(32) {
        std::thread::sleep(Duration::from_millis(250));
        let now = begun.elapsed().as_secs();
        // Nothing is read of the first: that it was reset is seen by its next byte.
        if silent_secs.is_none()
            && silent.write(b"x").is_err_and(|error| error.kind() != ErrorKind::WouldBlock)
        {
            silent_secs = Some(now);
        }
        if trickling_secs.is_none() && is_closed(&mut trickling, &mut [0; 100]) {
            trickling_secs = Some(now);
        }
        // 12 kB a second.
        assert!(!is_closed(&mut slow_line, &mut [0; 3000]), "a slow line was cut after {now} s");
    }
    eprintln!("cut after: silent {silent_secs:?} s, 400 bytes a second {trickling_secs:?} s");
    for secs in [silent_secs, trickling_secs] {
        assert!(secs.is_some_and(|secs| (19..30).contains(&secs)), "{secs:?}");
    }
    assert_eq!(server.reader(&tokens[0]).get("/read").status, 200);
}

#[test]
fn the_server_ends_beside_requests_that_never_end() {
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--per-reader", "4", "--readers", "1"]);
    let mut server = Server::start(&bench, &SERVE);
    // No time to become quiet: all are at it in this moment.
    let held: Vec<TcpStream> =
        (0..60).map(|i| slow(i, &server.address, &tokens[0]).unwrap()).collect();
    let (took, status) = server.end();
    eprintln!("ended {took:.1?} after SIGTERM beside {} fresh slow readers", held.len());
    assert!(took < Duration::from_secs(4) && status.success(), "{took:?} {status:?}");
}
