//! A study that runs, seen in a browser and over HTTP.

use super::Bench;
use super::browser::{Browser, DESKTOP, PHONE};
use super::resume::wait_for;
use super::site::{Client, Server};
use super::study::{smoke, start, tasks};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const SERVE: [&str; 2] = ["--study", "studies/smoke.toml"];

/// Every file below a folder with the time it was written.
fn files(folder: &Path, found: &mut BTreeMap<PathBuf, SystemTime>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.insert(path.clone(), path.metadata().unwrap().modified().unwrap());
        }
    }
}

/// The first event whose data has a word in it.
fn event(owner: &Client, word: &str) -> String {
    let mut stream = TcpStream::connect(&owner.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(2))).unwrap();
    let head = format!(
        "GET /study/events HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n",
        owner.address, owner.cookie
    );
    stream.write_all(head.as_bytes()).unwrap();
    let lines = BufReader::new(stream).lines().map(|line| line.expect("an open stream"));
    let mut data = lines.filter_map(|line| line.strip_prefix("data:").map(ToOwned::to_owned));
    data.find(|data| data.contains(word)).expect("an event")
}

#[test]
fn a_study_is_seen_as_it_runs_and_nothing_is_written() {
    let bench = Bench::new();
    bench.with_judge();
    // A search and nothing after it.
    smoke(&bench, |text| {
        let (text, _) = text.split_once("[best]").unwrap();
        text.replace("kimg = 0.2\n", "kimg = 2.0\n")
    });
    let server = Server::start(&bench, &SERVE);
    let owner = server.owner();
    let overview = owner.get("/study/data/overview").json();
    assert!(overview["counts"]["to_do"].as_u64().unwrap() > 0, "{overview}");
    assert!(!bench.path("study-smoke").exists(), "looking made a folder");
    for path in ["/study", "/study/data/overview", "/study/events", "/study/data/run/train-0"] {
        let nobody = Client { cookie: String::new(), ..owner.clone() };
        assert_eq!(nobody.get(path).status, 401, "{path}");
    }

    // The browser is there before the study: a fast machine is through with it soon.
    let browser = Browser::start(DESKTOP);
    let mut coordinator = start(&bench);
    let counts = event(&owner, "running");
    assert!(counts.contains("running"), "{counts}");
    wait_for("a training with a preview", || {
        let drawn = |task: &PathBuf| task.join("attempts/1/previews").is_dir();
        tasks(&bench, "train").iter().any(drawn)
    });
    if let Some(browser) = browser {
        in_browser(&server, &browser);
    }
    wait_for("a finished training", || {
        tasks(&bench, "train").iter().any(|task| task.join("result.json").exists())
    });
    let term = ["-TERM".to_owned(), coordinator.id().to_string()];
    std::process::Command::new("kill").args(term).status().unwrap();
    coordinator.wait().unwrap();
    let before = {
        let mut found = BTreeMap::new();
        files(&bench.path("study-smoke"), &mut found);
        found
    };

    // A look younger than a second is shown again.
    let overview = || owner.get("/study/data/overview").json();
    wait_for("a study that nobody runs", || overview()["counts"].get("running").is_none());
    let overview = overview();
    let runs = overview["runs"].as_array().unwrap();
    let trained = |run: &&serde_json::Value| run["stage"] == "train" && run["state"] == "finished";
    let run = runs.iter().find(trained).expect("a finished training");
    let name = run["name"].as_str().unwrap();
    assert!(run["distance"].is_number() && run["kimg"].as_f64().unwrap() >= 2.0, "{run}");
    let detail = owner.get(&format!("/study/data/run/{name}")).json();
    assert!(!detail["stats"].as_array().unwrap().is_empty(), "{detail}");
    assert_eq!(detail["spec"]["training"]["kimg"], 2.0, "{}", detail["spec"]);
    assert!(detail["log"].as_array().is_some_and(|log| !log.is_empty()), "{detail}");
    let previews = detail["previews"].as_array().unwrap();
    assert!(
        previews.len() >= 9 && (0.2..0.25).contains(&previews[0].as_f64().unwrap()),
        "{previews:?}"
    );
    let preview = owner.get(&format!("/study/data/preview/{name}/0"));
    assert!(preview.status == 200 && preview.body.starts_with(b"\x89PNG"));
    for path in [
        format!("/study/data/preview/{name}/99"),
        format!("/study/data/preview/{name}/..%2f0"),
        format!("/study/data/preview/{name}/-1"),
        "/study/data/run/..%2f..%2fpacks".to_owned(),
        format!("/study/data/run/{name}%2f..%2f{name}"),
        "/study/data/run/train-0000000000000000".to_owned(),
        "/study/data/run/lock.json".to_owned(),
    ] {
        let status = owner.get(&path).status;
        assert!(status == 404 || status == 400, "{path}: {status}");
    }
    let mut after = BTreeMap::new();
    files(&bench.path("study-smoke"), &mut after);
    // SQLite's own files beside the store come and go with who reads it.
    let own = |files: &BTreeMap<PathBuf, SystemTime>| {
        let kept =
            files.iter().filter(|(path, _)| !path.to_string_lossy().contains("store.sqlite-"));
        kept.map(|(path, time)| (path.clone(), *time)).collect::<Vec<_>>()
    };
    assert_eq!(own(&before), own(&after), "looking wrote something");
}

fn in_browser(server: &Server, browser: &Browser) {
    browser.goto(&format!("http://{}/owner/{}", server.address, server.owner));
    browser.audit("the owner's page");
    browser.click("a[href='/study']");
    browser.until("tasks", "document.querySelectorAll('#tasks tbody tr').length > 3");
    browser.until("a running task", "document.querySelector('.pill.running')");
    browser.resize(DESKTOP);
    browser.audit("the study");
    browser.shot("study-desktop.png");
    // The page is not loaded again: what changes came by itself.
    browser.run("window.same = true");
    let finished = "[...document.querySelectorAll('#counts li')].find((li) => li.textContent.endsWith('finished'))";
    let count = format!("Number({finished}?.querySelector('b').textContent ?? 0)");
    let before = browser.run(&format!("return {count}"));
    browser.until("another result", &format!("{count} > {before} && window.same"));
    browser.until(
        "two trainings that have begun",
        "[...document.querySelectorAll('#tasks tbody tr')].filter((row) => row.cells[2].textContent === 'train' \
         && row.cells[6].textContent).length > 1",
    )
    ;
    // Sort by distance, filter by stage.
    browser.run("[...document.querySelectorAll('#tasks th button')].find((b) => b.textContent === 'kimg').click()");
    browser.run("const s = document.getElementById('stage'); s.value = 'train'; s.dispatchEvent(new Event('input'))");
    let rows = "return [...document.querySelectorAll('#tasks tbody tr')].map((row) => row.cells[6].textContent)";
    let kimg = browser.run(rows);
    let kimg: Vec<f64> =
        kimg.as_array().unwrap().iter().filter_map(|cell| cell.as_str()?.parse().ok()).collect();
    assert!(kimg.is_sorted() && kimg.len() > 1, "{kimg:?}");
    browser.resize(PHONE);
    browser.shot("study-phone.png");
    browser.resize(DESKTOP);
    let name = browser
        .run("return document.querySelector('#tasks tbody a').getAttribute('href').split('#')[1]");
    let name = name.as_str().unwrap();
    browser.run("[...document.querySelectorAll('#tasks tbody input')].slice(0, 2).forEach((box) => box.click())");
    browser.click("#compare");
    browser.until("two tasks", "document.querySelectorAll('#runs section').length === 2");
    browser.until("settings that differ", "document.querySelector('tr.differs')");
    browser.audit("the comparison");
    browser.shot("compare-desktop.png");
    browser.goto(&format!("http://{}/study/run#{name}", server.address));
    browser.until("samples", "document.querySelector('img.samples')?.naturalWidth > 0");
    browser.until("curves", "document.querySelectorAll('.chart polyline').length >= 2");
    browser.audit("a task");
    browser.shot("run-desktop.png");
    browser.nothing_complained();
}
