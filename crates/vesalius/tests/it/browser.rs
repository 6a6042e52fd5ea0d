//! Pages in a real Chromium without a window, driven by keys and mouse as a reader would.

use super::Bench;
use super::site::{Server, create, packs};
use fantoccini::actions::{
    InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction, TouchActions,
};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use vesalius_study::turing::Kind;
use vesalius_study::turing::store::Turing;

/// Chromium with its driver, and a profile of its own.
pub struct Browser {
    driver: Child,
    port: u16,
    page: Client,
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
    pub async fn start(size: [u32; 2]) -> Option<Self> {
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
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments, "binary": browser },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let begun = Instant::now();
        let page = loop {
            let mut builder =
                ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            builder.capabilities(capabilities.clone());
            match builder.connect(&format!("http://127.0.0.1:{port}")).await {
                Ok(page) => break page,
                Err(error) => {
                    assert!(begun.elapsed() < Duration::from_secs(30), "no session: {error}")
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        Some(Self { driver, port, page, _profile: profile })
    }

    pub async fn goto(&self, address: &str) {
        self.page.goto(address).await.unwrap();
    }

    pub async fn run(&self, script: &str) -> Value {
        self.page.execute(script, vec![]).await.unwrap()
    }

    /// Waits until a script gives true.
    pub async fn until(&self, what: &str, script: &str) {
        let begun = Instant::now();
        while self.run(&format!("return Boolean({script})")).await != Value::Bool(true) {
            if begun.elapsed() > Duration::from_secs(30) {
                let text = self.run("return document.body.innerText").await;
                panic!("waited for {what}: {text}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn element(&self, css: &str) -> Element {
        self.page.wait().for_element(Locator::Css(css)).await.unwrap()
    }

    pub async fn click(&self, css: &str) {
        self.element(css).await.click().await.unwrap();
    }

    /// Keys to whatever has the focus.
    async fn press(&self, keys: &str) {
        let active = self.page.active_element().await.unwrap();
        active.send_keys(keys).await.unwrap();
    }

    /// Waits for image `number`, in sight and without an answer on its way.
    async fn image(&self, number: usize) {
        let script = format!(
            "!document.getElementById('reading').hidden && \
             document.getElementById('count').textContent.startsWith('Image {number} of') && \
             document.getElementById('image').dataset.ready === '{number}'"
        );
        self.until(&format!("image {number}"), &script).await;
    }

    pub async fn shot(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screens");
        std::fs::create_dir_all(&folder).unwrap();
        let png = self.page.screenshot().await.unwrap();
        std::fs::write(folder.join(name), png).unwrap();
    }

    /// Makes the page as large as a screen is: windows have a least width.
    pub async fn resize(&self, size: [u32; 2]) {
        let parameters =
            json!({ "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": false });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": parameters });
        self.driver("goog/cdp/execute", &command).await;
    }

    /// A command of Chromium's driver that the protocol does not have.
    async fn driver(&self, path: &str, command: &Value) -> Value {
        let session = self.page.session_id().await.unwrap().expect("a session");
        let address = format!("http://127.0.0.1:{}/session/{session}/{path}", self.port);
        let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
        let mut response = agent.post(address).send(command.to_string()).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["value"].take()
    }

    /// No script failed and the page's policy stopped nothing.
    pub async fn nothing_complained(&self) {
        let log = self.driver("se/log", &json!({ "type": "browser" })).await;
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
    pub async fn audit(&self, what: &str) {
        let path = std::env::var_os("VESALIUS_AXE").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/browser/axe.min.js"),
            PathBuf::from,
        );
        let Ok(axe) = std::fs::read_to_string(&path) else {
            eprintln!("SKIPPED: no axe-core at {}; scripts/browser.sh fetches it", path.display());
            return;
        };
        // Injected by the driver: the page's own policy does not ask it.
        self.page.execute(&axe, vec![]).await.unwrap();
        let script = "const done = arguments[arguments.length - 1]; \
                      axe.run(document).then((found) => done(found.violations.map((v) => \
                      `${v.id}: ${v.nodes.map((n) => n.html).join(' ')}`)))";
        let found = self.page.execute_async(script, vec![]).await.unwrap();
        assert_eq!(found, json!([]), "{what}");
    }

    pub async fn close(mut self) {
        let _ = self.page.clone().close().await;
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all();
    let runtime = { runtime }.build().unwrap();
    runtime.block_on(future)
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
    block_on(async {
        let Some(browser) = Browser::start(DESKTOP).await else { return };
        let mut server = Server::start(&bench, &["--turing", "turing"]);
        browser.goto(&format!("http://{}/r/{}", server.address, tokens[0])).await;
        browser.audit("the welcome").await;
        browser.shot("welcome-desktop.png").await;

        // From the click to the first image in sight.
        browser
            .run(
                "document.getElementById('go').addEventListener('click', () => \
                 sessionStorage.setItem('clicked', performance.timeOrigin + performance.now()))",
            )
            .await;
        browser.click("#go").await;
        browser.image(1).await;
        let script = "return performance.timeOrigin + performance.getEntriesByName('image in sight')[0].startTime \
                      - Number(sessionStorage.getItem('clicked'))";
        let first_ms = browser.run(script).await.as_f64().unwrap();
        eprintln!("first image in sight {first_ms:.0} ms after the click");
        // Slack for a busy machine: alone it is far below 300 ms.
        assert!(first_ms < 1000.0, "{first_ms} ms");
        browser.audit("the first image").await;

        let mut number = 1;
        while number <= 100 {
            let (verdict, confidence) = answer(number);
            let keys = format!("{}{confidence}", &verdict[..1]);
            match number {
                1..=30 => {
                    // By mouse; in either order.
                    let verdict = format!("[data-verdict={verdict}]");
                    let confidence = format!("[data-confidence='{confidence}']");
                    let order = if number % 2 == 0 {
                        [&verdict, &confidence]
                    } else {
                        [&confidence, &verdict]
                    };
                    for button in order {
                        browser.click(button).await;
                    }
                }
                60 => {
                    server.kill();
                    browser.press(&keys).await;
                    let status =
                        "document.getElementById('status').textContent.startsWith('Not saved yet')";
                    browser.until("to be told that it is not saved", status).await;
                    server = Server::start_at(&bench, &["--turing", "turing"], &server.address);
                }
                80 => {
                    // Half an answer, then a closed tab: the link goes on at this image.
                    browser.press("r").await;
                    browser.goto("about:blank").await;
                    browser.goto(&format!("http://{}/r/{}", server.address, tokens[0])).await;
                    let text = browser.run("return document.body.innerText").await;
                    assert!(text.as_str().unwrap().contains("79 of 100"), "{text}");
                    browser.click("#go").await;
                    browser.image(80).await;
                    browser.press(&keys).await;
                }
                _ => browser.press(&keys).await,
            }
            if number % 25 == 0 && number < 100 {
                browser.until("a pause", "!document.getElementById('pause').hidden").await;
                if number == 25 {
                    browser.audit("a pause").await;
                    browser.shot("pause-desktop.png").await;
                }
                // The button has the focus.
                browser.press(&Key::Enter.to_string()).await;
            }
            number += 1;
            if number <= 100 {
                browser.image(number).await;
            }
        }
        browser.until("the end", "!document.getElementById('end').hidden").await;
        browser.audit("the end").await;
        // A change of mind, by keys: back to the first image.
        browser.click("#again").await;
        browser.image(1).await;
        let other = if answer(1).0 == "real" { "s" } else { "r" };
        browser.press(other).await;
        browser
            .until("saved", "document.getElementById('status').textContent === 'Image 1 saved.'")
            .await;
        browser.click("#to-end").await;
        browser.click("#submit").await;
        browser.until("thanks", "!document.getElementById('done').hidden").await;
        browser.audit("thanks").await;
        browser.close().await;
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
    });
}

/// The picture on the canvas as text: to see whether something changed it.
const CANVAS: &str = "return document.getElementById('image').toDataURL()";

#[test]
fn views_of_an_image_change_and_start_anew_on_every_screen() {
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--reader", "Ada", "--per-reader", "10", "--overlay"]);
    block_on(async {
        let Some(browser) = Browser::start(DESKTOP).await else { return };
        let server = Server::start(&bench, &["--turing", "turing"]);
        browser.goto(&format!("http://{}/r/{}", server.address, tokens[0])).await;
        browser.click("#go").await;
        browser.image(1).await;
        let plain = browser.run(CANVAS).await;
        for (what, keys) in [
            ("level", Key::Up.to_string()),
            ("window", format!("{}{}", Key::Shift, Key::Up)),
            ("zoom", "+".to_owned()),
            ("mask", "m".to_owned()),
        ] {
            browser.press(&keys).await;
            assert_ne!(browser.run(CANVAS).await, plain, "{what}");
            // The mask is taken off by its key, the rest by 0.
            browser.press(if what == "mask" { "m" } else { "0" }).await;
            assert_eq!(browser.run(CANVAS).await, plain, "{what}, taken back");
        }
        drag(&browser, false).await;
        assert_ne!(browser.run(CANVAS).await, plain, "a drag sets window and level");
        browser.click("#reset").await;
        assert_eq!(browser.run(CANVAS).await, plain);
        drag(&browser, true).await;
        assert_ne!(browser.run(CANVAS).await, plain, "so does a finger");
        // The next image starts as every image does.
        browser.press("+").await;
        browser.press("r3").await;
        browser.image(2).await;
        browser.press("0").await;
        let second = browser.run(CANVAS).await;
        browser.press(&Key::Left.to_string()).await;
        browser.image(1).await;
        assert_eq!(browser.run(CANVAS).await, plain);
        browser.press(&Key::Right.to_string()).await;
        browser.image(2).await;
        assert_eq!(browser.run(CANVAS).await, second);

        for (name, size) in [("desktop", DESKTOP), ("tablet", TABLET), ("phone", PHONE)] {
            browser.resize(size).await;
            browser.press("s").await;
            browser.audit(name).await;
            browser.shot(&format!("reading-{name}.png")).await;
            // Everything that is needed is in the window, and the image is what is largest.
            let script = "const box = (css) => document.querySelector(css).getBoundingClientRect(); \
                          const parts = ['#image', '[data-verdict=real]', '[data-confidence=\"5\"]', '#next']; \
                          const image = box('#image'); \
                          return parts.every((css) => box(css).top >= 0 && box(css).left >= 0 && \
                          box(css).bottom <= innerHeight + 1 && box(css).right <= innerWidth + 1) && \
                          Math.min(image.width, image.height) >= 0.4 * Math.min(innerWidth, innerHeight)";
            assert_eq!(browser.run(script).await, true, "{name}");
        }
        browser.resize(DESKTOP).await;
        browser.press("m").await;
        browser.shot("reading-mask.png").await;
        // The focus goes through the page in the order in which it is read.
        browser.run("document.activeElement.blur()").await;
        let mut order = vec![];
        for _ in 0..12 {
            browser.press(&Key::Tab.to_string()).await;
            let id = "const e = document.activeElement; return e.id || e.dataset.verdict || e.dataset.confidence";
            order.push(browser.run(id).await.as_str().unwrap_or_default().to_owned());
        }
        let expected = [
            "real", "synthetic", "1", "2", "3", "4", "5", "zoom-in", "zoom-out", "reset", "mask",
            "previous",
        ];
        assert_eq!(order, expected);
        browser.nothing_complained().await;
        browser.close().await;
    });
}

/// Across the image, sideways and down.
fn across() -> [PointerAction; 4] {
    let to = |x, y| PointerAction::MoveTo { duration: Some(Duration::from_millis(30)), x, y };
    [
        to(400.0, 400.0),
        PointerAction::Down { button: MOUSE_BUTTON_LEFT },
        to(460.0, 440.0),
        PointerAction::Up { button: MOUSE_BUTTON_LEFT },
    ]
}

async fn drag(browser: &Browser, finger: bool) {
    let all = across();
    if finger {
        let start = TouchActions::new("finger".to_owned());
        let actions = all.into_iter().fold(start, TouchActions::then);
        browser.page.perform_actions(actions).await.unwrap();
    } else {
        let start = MouseActions::new("mouse".to_owned());
        let actions = all.into_iter().fold(start, MouseActions::then);
        browser.page.perform_actions(actions).await.unwrap();
    }
}
