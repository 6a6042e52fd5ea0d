//! Names that the server answers to.

use super::SERVE;
use crate::Bench;
use crate::site::{Server, create, packs};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// The whole answer to a request for the first page with these lines in its head.
fn answer(address: &str, lines: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET / HTTP/1.1\r\n{lines}Connection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn status(address: &str, host: &str) -> String {
    let text = answer(address, &format!("Host: {host}\r\n"));
    text.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn a_name_that_leads_here_by_somebody_elses_doing_is_refused() {
    let bench = Bench::new();
    packs(&bench);
    create(&bench, &["--per-reader", "4", "--address", "https://reading.example.org"]);
    let server = Server::start(
        &bench,
        &[&SERVE[..], &["--host", "turing.example.org", "--host", "192.0.2.7"]].concat(),
    );
    let port = server.address.rsplit_once(':').unwrap().1;
    for host in [
        &server.address,
        "localhost",
        &format!("localhost:{port}"),
        "127.0.0.1",
        &format!("[::1]:{port}"),
        "turing.example.org",
        "TURING.example.org:443",
        "192.0.2.7:8000",
        // As the test's own links have it.
        "reading.example.org",
    ] {
        assert_eq!(status(&server.address, host), "200", "{host}");
    }
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        "192.0.2.8",
        "localhost.evil.example",
        "a",
    ] {
        let text = answer(&server.address, &format!("Host: {host}\r\n"));
        assert!(text.starts_with("HTTP/1.1 421 "), "{host}: {text}");
        assert!(text.contains("--host NAME") && text.contains("connection: close"), "{text}");
        assert!(!text.contains(host) || host == "a", "nothing of it is repeated: {text}");
    }
    for lines in ["", "Host: localhost\r\nHost: localhost\r\n"] {
        assert!(answer(&server.address, lines).starts_with("HTTP/1.1 400 "), "{lines:?}");
    }
    for host in ["https://turing.example.org", "turing.example.org:443", "", "a b"] {
        bench.refused(
            &["serve", "--turing", "turing", "--host", host],
            &["--host", "without scheme and port"],
        );
    }
}

#[test]
fn one_that_listens_on_all_addresses_answers_to_each_of_them() {
    let bench = Bench::new();
    packs(&bench);
    create(&bench, &["--per-reader", "4"]);
    let server = Server::start_at(&bench, &SERVE, "0.0.0.0:0");
    let port = server.address.rsplit_once(':').unwrap().1;
    let here = format!("127.0.0.1:{port}");
    // The link that it printed.
    assert_eq!(status(&here, &server.address), "200");
    assert_eq!(status(&here, &here), "200");
    assert_eq!(status(&here, "evil.example"), "421");
    // The address by which this machine would reach others, where it has one: no packet is sent.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    if socket.connect("192.0.2.1:9").is_ok() {
        let own = socket.local_addr().unwrap().ip();
        let there = format!("{own}:{port}");
        assert_eq!(status(&there, &there), "200");
        assert_eq!(status(&there, "192.0.2.1"), "421");
        assert_eq!(status(&here, &there), if own.is_loopback() { "200" } else { "421" });
    }
}
