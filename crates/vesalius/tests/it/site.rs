//! A served test as its clients see it: packs, a server that can be killed, and HTTP down to the bytes.

use super::Bench;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use vesalius_data::pack::manifest::{CaseRecord, Manifest, Provenance, SliceRecord, Split};
use vesalius_data::pack::{Pack, PackWriter};

/// Writes `real` (60 slices of a test patient, 20 of a training patient) and `synthetic` (90): phantoms at 64x64, the
/// synthetic ones smoothed. Fast, and nothing but the pixels differs.
pub fn packs(bench: &Bench) {
    bench.phantom_pack_of("phantom", "64x64");
    let phantom = Pack::open(&bench.path("phantom")).unwrap();
    let manifest = |provenance: Provenance, cases: &[(&str, Split)]| Manifest {
        provenance,
        cases: cases.iter().map(|(name, split)| CaseRecord::new(*name, *name, *split)).collect(),
        slices: vec![],
        ..phantom.manifest().clone()
    };
    let write = |name: &str, count: usize, smooth: bool, cases: &[(&str, Split)], manifest| {
        let mut writer = PackWriter::create(&bench.path(name), phantom.slice_shape()).unwrap();
        for i in 0..count {
            let slice = phantom.slice(i % phantom.len()).unwrap();
            let pixels =
                varied(slice.pixels, phantom.slice_shape().width, i / phantom.len(), smooth);
            let case = i * cases.len() / count;
            writer.push(&pixels, slice.labels, SliceRecord { case, position: i }).unwrap();
        }
        writer.finish(manifest).unwrap();
    };
    let cases = [
        ("patient1", Split::Test),
        ("patient2", Split::Test),
        ("patient3", Split::Test),
        ("patient4", Split::Train),
    ];
    let real = phantom.manifest().provenance.clone();
    write("real", 80, false, &cases, manifest(real, &cases));
    let sampled = Provenance::made("wgan-gp", Pack::open(&bench.path("real")).unwrap().digest());
    let cases = [("synthetic", Split::Train)];
    write("synthetic", 90, true, &cases, manifest(sampled, &cases));
}

/// Another image of the same kind: brighter from copy to copy, smoothed along its rows.
fn varied(pixels: &[u8], width: usize, copy: usize, smooth: bool) -> Vec<u8> {
    let at = |i: usize| u16::from(pixels[i].saturating_add(copy as u8));
    (0..pixels.len())
        .map(|i| {
            let edge = i % width == 0 || i % width == width - 1;
            if smooth && !edge { ((at(i - 1) + at(i) + at(i + 1)) / 3) as u8 } else { at(i) as u8 }
        })
        .collect()
}

/// Draws a test; gives the readers' tokens.
pub fn create(bench: &Bench, more: &[&str]) -> Vec<String> {
    let arguments =
        ["turing", "create", "--real", "real", "--synthetic", "synthetic", "--out", "turing"];
    let links = bench.ok(&[&arguments[..], more].concat());
    links.lines().map(|line| line.rsplit('/').next().unwrap().to_owned()).collect()
}

/// A server at work; killed when it is dropped.
pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// The owner's token.
    pub owner: String,
}

impl Server {
    pub fn start(bench: &Bench, arguments: &[&str]) -> Self {
        Self::start_at(bench, arguments, "127.0.0.1:0")
    }

    pub fn start_at(bench: &Bench, arguments: &[&str], listen: &str) -> Self {
        let all = [&["serve", "--listen", listen], arguments].concat();
        let mut child = bench
            .command(&all)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let (address, owner) = line
            .trim()
            .strip_prefix("http://")
            .and_then(|link| link.split_once("/owner/"))
            .unwrap_or_else(|| panic!("{all:?}: a link, not {line:?}"));
        Self { address: address.to_owned(), owner: owner.to_owned(), child }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; gives how long it took to end, and how it did.
    pub fn end(&mut self) -> (Duration, ExitStatus) {
        let begun = Instant::now();
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        (self.child.wait().map(|status| (begun.elapsed(), status))).unwrap()
    }

    /// A client who shows a cookie.
    pub fn reader(&self, token: &str) -> Client {
        Client { address: self.address.clone(), cookie: format!("vesalius_reader={token}") }
    }

    /// The owner.
    pub fn owner(&self) -> Client {
        let cookie = format!("vesalius_owner={}", self.owner);
        Client { address: self.address.clone(), cookie }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    /// Lines, without the date.
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}: {}", self.status, String::from_utf8_lossy(&self.body)))
    }
}

/// Somebody with a cookie.
#[derive(Debug, Clone)]
pub struct Client {
    pub address: String,
    pub cookie: String,
}

impl Client {
    pub fn get(&self, path: &str) -> Response {
        self.ask("GET", path, &[], b"").unwrap()
    }

    pub fn post(&self, path: &str, body: &serde_json::Value) -> Response {
        self.try_post(path, body).unwrap()
    }

    pub fn try_post(&self, path: &str, body: &serde_json::Value) -> std::io::Result<Response> {
        let headers = ["Content-Type: application/json"];
        self.ask("POST", path, &headers, body.to_string().as_bytes())
    }

    /// A request as it is written here, byte for byte.
    pub fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &[u8],
    ) -> std::io::Result<Response> {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        if !self.cookie.is_empty() {
            let _ = write!(head, "Cookie: {}\r\n", self.cookie);
        }
        if method != "GET" {
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        for header in headers {
            let _ = write!(head, "{header}\r\n");
        }
        head += "\r\n";
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(head.as_bytes())?;
        // Who refuses a body may close before it was all sent.
        let _ = stream.write_all(body);
        let mut bytes = vec![];
        if let Err(error) = stream.read_to_end(&mut bytes)
            && bytes.is_empty()
        {
            return Err(error);
        }
        let cut = || std::io::Error::other("the connection closed without an answer");
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(cut)?;
        let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let is_date = |line: &&str| line.to_ascii_lowercase().starts_with("date:");
        let headers: Vec<String> =
            lines.filter(|line| !is_date(line)).map(ToOwned::to_owned).collect();
        let body = bytes[end + 4..].to_vec();
        let length = headers.iter().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok()
        });
        if length.is_some_and(|length| length != body.len()) {
            return Err(cut());
        }
        Ok(Response { status: status.ok_or_else(cut)?, headers, body })
    }
}

/// Names of a session's images, in order.
pub fn images(reader: &Client) -> Vec<String> {
    let session = reader.get("/read/session").json();
    let items = session["items"].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

/// An answer as the page sends it.
pub fn given(image: &str, revision: u32, verdict: &str, confidence: u32) -> serde_json::Value {
    serde_json::json!({
        "image": image, "revision": revision, "verdict": verdict, "confidence": confidence, "viewed_ms": 1500,
    })
}

/// What the file of a test says of answers and ends: to see whether something changed.
pub fn state(folder: &Path) -> String {
    let turing = vesalius_web::turing::store::Turing::open(folder).unwrap();
    let readers = turing.readers().unwrap();
    let sessions: Vec<_> =
        readers.iter().map(|reader| turing.session(reader.id).unwrap()).collect();
    format!("{readers:?} {sessions:?}")
}
