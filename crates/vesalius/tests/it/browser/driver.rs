//! Chromium without a window, and its driver's protocol.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use vesalius_testing::Need;

/// Chromium with its driver, and a profile of its own. The driver's protocol (WebDriver, W3C) is JSON over HTTP, which
/// the
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
            Need::Browser.missing("no chromium or no chromedriver (scripts/browser.sh)");
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
    pub fn tell(&self, path: &str, command: &Value) -> Value {
        let address = format!("{}/{path}", self.session);
        send(&self.agent, &address, command).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn ask(&self, path: &str) -> Value {
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
    pub fn image(&self, number: usize) {
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

    /// The page as it would be printed: a PDF.
    pub fn print(&self) -> Vec<u8> {
        base64(self.tell("print", &json!({})).as_str().unwrap())
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
            let why = format!("no axe-core at {} (scripts/browser.sh)", path.display());
            Need::Browser.missing(&why);
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
