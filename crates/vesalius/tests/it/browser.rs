//! Pages in a real Chromium without a window, driven by keys and mouse as a reader would.

use super::Bench;
use super::site::{Server, create, packs};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use vesalius_study::turing::Kind;
use vesalius_study::turing::store::Turing;

/// Chromium with its driver, and a profile of its own. The driver's protocol (WebDriver, W3C) is JSON over HTTP, which the
/// program's own client speaks: a crate for it would bring sixty more.
pub struct Browser {
    driver: Child,
    agent: ureq::Agent,
    /// `http://127.0.0.1:PORT/session/ID`
    session: String,
    _profile: tempfile::TempDir,
}

/// Width and height of windows, pixels.
pub const DESKTOP: [u32; 2] = [1440, 900];
pub const TABLET: [u32; 2] = [820, 1180];
pub const PHONE: [u32; 2] = [390, 844];

/// The first of some programs that there is.
fn program(names: &[&str]) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let all = std::env::split_paths(&folders);
    all.flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|path| path.is_file())
}

impl Browser {
    /// `None`, loudly, where there is no Chromium or no driver.
    pub fn start(size: [u32; 2]) -> Option<Self> {
        let browser = program(&["chromium", "chromium-browser", "google-chrome"]);
        let (Some(browser), Some(driver)) = (browser, program(&["chromedriver"])) else {
            eprintln!("SKIPPED: no chromium or no chromedriver; scripts/browser.sh installs both");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-proxy-server".to_owned(),
            "--no-first-run".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
            format!("--window-size={},{}", size[0], size[1]),
        ];
        let options = json!({ "args": arguments, "binary": browser });
        let wish = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let agent = ureq::Agent::config_builder().proxy(None).http_status_as_error(false).build();
        let agent = ureq::Agent::new_with_config(agent);
        let begun = Instant::now();
        let id = loop {
            match send(&agent, &format!("http://127.0.0.1:{port}/session"), &wish) {
                Ok(value) => break value["sessionId"].as_str().expect("a session").to_owned(),
                Err(error) => {
                    assert!(begun.elapsed() < Duration::from_secs(30), "no session: {error}");
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        let session = format!("http://127.0.0.1:{port}/session/{id}");
        Some(Self { driver, agent, session, _profile: profile })
    }

    /// A command of the protocol; what it gives.
    fn tell(&self, path: &str, command: &Value) -> Value {
        let address = format!("{}/{path}", self.session);
        send(&self.agent, &address, command).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn ask(&self, path: &str) -> Value {
        let address = format!("{}/{path}", self.session);
        value(self.agent.get(address).call()).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn goto(&self, address: &str) {
        self.tell("url", &json!({ "url": address }));
    }

    pub fn run(&self, script: &str) -> Value {
        self.tell("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Waits until a script gives true.
    pub fn until(&self, what: &str, script: &str) {
        let begun = Instant::now();
        while self.run(&format!("return Boolean({script})")) != Value::Bool(true) {
            if begun.elapsed() > Duration::from_secs(30) {
                let text = self.run("return document.body.innerText");
                panic!("waited for {what}: {text}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn element(&self, css: &str) -> String {
        let begun = Instant::now();
        loop {
            let address = format!("{}/element", self.session);
            let command = json!({ "using": "css selector", "value": css });
            match send(&self.agent, &address, &command) {
                Ok(found) => return reference(&found),
                Err(error) => assert!(begun.elapsed() < Duration::from_secs(30), "{css}: {error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn click(&self, css: &str) {
        let element = self.element(css);
        self.tell(&format!("element/{element}/click"), &json!({}));
    }

    /// Keys to whatever has the focus.
    pub fn press(&self, keys: &str) {
        let active = reference(&self.ask("element/active"));
        self.tell(&format!("element/{active}/value"), &json!({ "text": keys }));
    }

    /// Waits for image `number`, in sight and without an answer on its way.
    fn image(&self, number: usize) {
        let script = format!(
            "!document.getElementById('reading').hidden && \
             document.getElementById('count').textContent.startsWith('Image {number} of') && \
             document.getElementById('image').dataset.ready === '{number}'"
        );
        self.until(&format!("image {number}"), &script);
    }

    pub fn shot(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screens");
        std::fs::create_dir_all(&folder).unwrap();
        let text = self.ask("screenshot");
        std::fs::write(folder.join(name), base64(text.as_str().unwrap())).unwrap();
    }

    /// Makes the page as large as a screen is: windows have a least width.
    pub fn resize(&self, size: [u32; 2]) {
        let parameters =
            json!({ "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": false });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": parameters });
        self.tell("goog/cdp/execute", &command);
    }

    /// No script failed and the page's policy stopped nothing.
    pub fn nothing_complained(&self) {
        let log = self.tell("se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().unwrap();
        // Browsers ask for an icon; a server that was killed on purpose is complained of, too.
        let known = ["favicon", "ERR_CONNECTION"];
        let severe: Vec<&Value> = entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .filter(|entry| !known.iter().any(|word| entry["message"].to_string().contains(word)))
            .collect();
        assert!(severe.is_empty(), "{severe:?}");
    }

    /// What axe-core finds wrong with the page as it is; nothing, loudly, without axe-core.
    pub fn audit(&self, what: &str) {
        let path = std::env::var_os("VESALIUS_AXE").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/browser/axe.min.js"),
            PathBuf::from,
        );
        let Ok(axe) = std::fs::read_to_string(&path) else {
            eprintln!("SKIPPED: no axe-core at {}; scripts/browser.sh fetches it", path.display());
            return;
        };
        // Injected by the driver: the page's own policy does not ask it.
        self.run(&axe);
        let script = "const done = arguments[arguments.length - 1]; \
                      axe.run(document).then((found) => done(found.violations.map((v) => \
                      `${v.id}: ${v.nodes.map((n) => n.html).join(' ')}`)))";
        let found = self.tell("execute/async", &json!({ "script": script, "args": [] }));
        assert_eq!(found, json!([]), "{what}");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends with its session, not with its driver.
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The value of an answer of the driver.
fn value(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, String> {
    let mut answer = answer.map_err(|error| error.to_string())?;
    let is_ok = answer.status().is_success();
    let text = answer.body_mut().with_config().limit(64 << 20).read_to_string();
    let text = text.map_err(|error| error.to_string())?;
    let mut found: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if is_ok { Ok(found["value"].take()) } else { Err(found["value"]["message"].to_string()) }
}

fn send(agent: &ureq::Agent, address: &str, command: &Value) -> Result<Value, String> {
    value(agent.post(address).send(command.to_string()))
}

/// The protocol's name of an element.
fn reference(element: &Value) -> String {
    let names = element.as_object().expect("an element");
    names.values().next().and_then(Value::as_str).expect("a name").to_owned()
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
}

/// Keys without a letter, as the protocol writes them.
const SHIFT: char = '\u{e008}';
const ENTER: &str = "\u{e007}";
const TAB: &str = "\u{e004}";
const LEFT: &str = "\u{e012}";
const UP: &str = "\u{e013}";
const RIGHT: &str = "\u{e014}";

/// Begins a reading by a click; gives the milliseconds until its first image was in sight.
fn begin(browser: &Browser, number: usize) -> f64 {
    browser.run(
        "document.getElementById('go').addEventListener('click', () => \
         sessionStorage.setItem('clicked', performance.timeOrigin + performance.now()))",
    );
    browser.click("#go");
    browser.image(number);
    let script = "return performance.timeOrigin + performance.getEntriesByName('image in sight')[0].startTime \
                  - Number(sessionStorage.getItem('clicked'))";
    let first_ms = browser.run(script).as_f64().expect("a time");
    eprintln!("image {number} in sight {first_ms:.0} ms after the click");
    first_ms
}

/// The answer that this reader gives to image `number`.
fn answer(number: usize) -> (&'static str, usize) {
    (if number * 7 % 11 < 5 { "real" } else { "synthetic" }, 1 + number * 3 % 5)
}

#[test]
fn a_whole_reading_by_mouse_and_keys_survives_a_kill_and_is_scored() {
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--reader", "Ada", "--reader", "Ben", "--overlay"]);
    let Some(browser) = Browser::start(DESKTOP) else { return };
    let mut server = Server::start(&bench, &["--turing", "turing"]);
    browser.goto(&format!("http://{}/r/{}", server.address, tokens[0]));
    browser.resize(DESKTOP);
    browser.audit("the welcome");
    browser.shot("welcome-desktop.png");

    let mut first_ms = begin(&browser, 1);
    browser.audit("the first image");

    let mut number = 1;
    while number <= 100 {
        let (verdict, confidence) = answer(number);
        let keys = format!("{}{confidence}", &verdict[..1]);
        match number {
            1..=30 => {
                // By mouse; in either order.
                let verdict = format!("[data-verdict={verdict}]");
                let confidence = format!("[data-confidence='{confidence}']");
                let order =
                    if number % 2 == 0 { [&verdict, &confidence] } else { [&confidence, &verdict] };
                for button in order {
                    browser.click(button);
                }
            }
            60 => {
                server.kill();
                browser.press(&keys);
                let status =
                    "document.getElementById('status').textContent.startsWith('Not saved yet')";
                browser.until("to be told that it is not saved", status);
                server = Server::start_at(&bench, &["--turing", "turing"], &server.address);
            }
            80 => {
                // Half an answer, then a closed tab: the link goes on at this image.
                browser.press("r");
                browser.goto("about:blank");
                browser.goto(&format!("http://{}/r/{}", server.address, tokens[0]));
                let text = browser.run("return document.body.innerText");
                assert!(text.as_str().unwrap().contains("79 of 100"), "{text}");
                first_ms = first_ms.min(begin(&browser, 80));
                browser.press(&keys);
            }
            _ => browser.press(&keys),
        }
        if number % 25 == 0 && number < 100 {
            browser.until("a pause", "!document.getElementById('pause').hidden");
            if number == 25 {
                browser.audit("a pause");
                browser.shot("pause-desktop.png");
            }
            // The button has the focus.
            browser.press(ENTER);
        }
        number += 1;
        if number <= 100 {
            browser.image(number);
        }
    }
    // The better of two, and slack for other tests beside this one: alone it is below 300 ms (docs/turing.md).
    assert!(first_ms < 1500.0, "{first_ms} ms from the click to the first image");
    browser.until("the end", "!document.getElementById('end').hidden");
    browser.audit("the end");
    // A change of mind, by keys: back to the first image.
    browser.click("#again");
    browser.image(1);
    let other = if answer(1).0 == "real" { "s" } else { "r" };
    browser.press(other);
    browser.until("saved", "document.getElementById('status').textContent === 'Image 1 saved.'");
    browser.click("#to-end");
    browser.click("#submit");
    browser.until("thanks", "!document.getElementById('done').hidden");
    browser.audit("thanks");
    drop(browser);
    server.kill();

    let turing = Turing::open(&bench.path("turing")).unwrap();
    let judged = turing.judged(1).unwrap();
    assert_eq!(judged.len(), 100);
    for (i, judged) in judged.iter().enumerate() {
        let (verdict, confidence) = answer(i + 1);
        let verdict = Kind::named(verdict).unwrap();
        let changed = i == 0;
        assert_eq!(judged.rating.verdict == verdict, !changed, "image {}", i + 1);
        assert_eq!(usize::from(judged.rating.confidence), confidence, "image {}", i + 1);
        assert!(judged.viewed_ms > 0 && judged.viewed_ms < 60_000, "image {}", i + 1);
    }
    bench.ok(&["turing", "score", "turing", "--out", "score"]);
    bench.ok(&["report", "score", "--out", "report"]);
    let page = std::fs::read_to_string(bench.path("report/report.html")).unwrap();
    assert!(page.contains("Visual Turing test") && page.contains("Ada"));
}

/// The picture on the canvas as text: to see whether something changed it.
const CANVAS: &str = "return document.getElementById('image').toDataURL()";

#[test]
fn views_of_an_image_change_and_start_anew_on_every_screen() {
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--reader", "Ada", "--per-reader", "10", "--overlay"]);
    let Some(browser) = Browser::start(DESKTOP) else { return };
    let server = Server::start(&bench, &["--turing", "turing"]);
    browser.goto(&format!("http://{}/r/{}", server.address, tokens[0]));
    browser.click("#go");
    browser.image(1);
    let plain = browser.run(CANVAS);
    for (what, keys) in [
        ("level", UP.to_owned()),
        ("window", format!("{SHIFT}{UP}")),
        ("zoom", "+".to_owned()),
        ("mask", "m".to_owned()),
    ] {
        browser.press(&keys);
        assert_ne!(browser.run(CANVAS), plain, "{what}");
        // The mask is taken off by its key, the rest by 0.
        browser.press(if what == "mask" { "m" } else { "0" });
        assert_eq!(browser.run(CANVAS), plain, "{what}, taken back");
    }
    drag(&browser, "mouse");
    assert_ne!(browser.run(CANVAS), plain, "a drag sets window and level");
    browser.click("#reset");
    assert_eq!(browser.run(CANVAS), plain);
    drag(&browser, "touch");
    assert_ne!(browser.run(CANVAS), plain, "so does a finger");
    // The next image starts as every image does.
    browser.press("+");
    browser.press("r3");
    browser.image(2);
    browser.press("0");
    let second = browser.run(CANVAS);
    browser.press(LEFT);
    browser.image(1);
    assert_eq!(browser.run(CANVAS), plain);
    browser.press(RIGHT);
    browser.image(2);
    assert_eq!(browser.run(CANVAS), second);

    for (name, size) in [("desktop", DESKTOP), ("tablet", TABLET), ("phone", PHONE)] {
        browser.resize(size);
        browser.press("s");
        browser.audit(name);
        browser.shot(&format!("reading-{name}.png"));
        // Everything that is needed is in the window, and the image is what is largest.
        let script = "const box = (css) => document.querySelector(css).getBoundingClientRect(); \
                          const parts = ['#image', '[data-verdict=real]', '[data-confidence=\"5\"]', '#next']; \
                          const image = box('#image'); \
                          return parts.every((css) => box(css).top >= 0 && box(css).left >= 0 && \
                          box(css).bottom <= innerHeight + 1 && box(css).right <= innerWidth + 1) && \
                          Math.min(image.width, image.height) >= 0.4 * Math.min(innerWidth, innerHeight)";
        assert_eq!(browser.run(script), true, "{name}");
    }
    browser.resize(DESKTOP);
    browser.press("m");
    browser.shot("reading-mask.png");
    // The focus goes through the page in the order in which it is read.
    browser.goto(&format!("http://{}/read", server.address));
    browser.image(2);
    let mut order = vec![];
    for _ in 0..12 {
        browser.press(TAB);
        let id = "const e = document.activeElement; return e.id || e.dataset.verdict || e.dataset.confidence";
        order.push(browser.run(id).as_str().unwrap_or_default().to_owned());
    }
    let expected = [
        "real",
        "synthetic",
        "1",
        "2",
        "3",
        "4",
        "5",
        "zoom-in",
        "zoom-out",
        "reset",
        "mask",
        "previous",
    ];
    assert_eq!(order, expected);
    browser.nothing_complained();
}

/// Across the image, sideways and down; `kind`: `mouse` or `touch`.
fn drag(browser: &Browser, kind: &str) {
    let to = |x: u32, y: u32| json!({ "type": "pointerMove", "duration": 30, "x": x, "y": y });
    let button = |what: &str| json!({ "type": what, "button": 0 });
    let all = [to(400, 400), button("pointerDown"), to(460, 440), button("pointerUp")];
    let pointer = json!({
        "type": "pointer", "id": kind, "parameters": { "pointerType": kind }, "actions": all,
    });
    browser.tell("actions", &json!({ "actions": [pointer] }));
}
