//! A Turing test of volumes: readers go through their planes.

use super::super::Bench;
use super::super::site::{Server, create};
use super::{Browser, CANVAS, DESKTOP, LEFT, PHONE, UP};
use serde_json::json;

const PAGE_UP: &str = "\u{e00e}";
const PAGE_DOWN: &str = "\u{e00f}";

/// Volumes of 5 planes: real ones, and those of a GAN that learned them by heart.
fn volumes(bench: &Bench) {
    bench.ok(&["phantom", "acdc", "data", "--patients", "6", "--seed", "3"]);
    let prepare = ["prepare", "acdc", "data", "--out", "real", "--volume", "5x48x48"];
    bench.ok(&[&prepare[..], &["--spacing", "10x3x3", "--test-share", "0.5"]].concat());
    bench.ok(&["copying", "--real", "real", "--memory-gan", "synthetic", "--count", "8"]);
}

/// A notch of the wheel above the image.
fn wheel(browser: &Browser, down: i64) {
    let scroll = json!({ "type": "scroll", "x": 300, "y": 300, "deltaX": 0, "deltaY": down });
    let wheel = json!({ "type": "wheel", "id": "wheel", "actions": [scroll] });
    browser.tell("actions", &json!({ "actions": [wheel] }));
}

#[test]
fn a_volume_is_gone_through_by_wheel_slider_and_keys() {
    let bench = Bench::new();
    volumes(&bench);
    let tokens = create(&bench, &["--reader", "Ada", "--per-reader", "4", "--overlay"]);
    let Some(browser) = Browser::start(DESKTOP) else { return };
    let mut server = Server::start(&bench, &["--turing", "turing"]);
    browser.goto(&format!("http://{}/r/{}", server.address, tokens[0]));
    browser.resize(DESKTOP);
    let welcome = browser.run("return document.body.innerText").to_string();
    assert!(welcome.contains("a volume of 5 planes"), "{welcome}");
    browser.click("#go");
    browser.image(1);
    let plane = |number: usize| {
        let script = format!("document.getElementById('image').dataset.plane === '{number}'");
        browser.until(&format!("plane {number}"), &script);
        browser.run(CANVAS)
    };
    let middle = plane(3);
    browser.audit("the first volume");
    browser.shot("reading-volume-desktop.png");
    browser.press(PAGE_DOWN);
    let next = plane(4);
    assert_ne!(next, middle);
    browser.press(PAGE_UP);
    assert_eq!(plane(3), middle);
    wheel(&browser, 120);
    assert_eq!(plane(4), next);
    for _ in 0..4 {
        wheel(&browser, 120);
    }
    let last = plane(5);
    for _ in 0..6 {
        browser.press(PAGE_UP);
    }
    assert_ne!(plane(1), last);
    // The slider has arrows of its own: no other image, no other level.
    browser.click("#plane");
    browser.run("document.getElementById('plane').value = 4");
    browser.press(LEFT);
    assert_eq!(plane(3), middle);
    browser.press(UP);
    assert_eq!(plane(4), next);
    browser.run("document.activeElement.blur()");
    browser.press("m");
    assert_ne!(browser.run(CANVAS), next, "a mask over this plane");
    browser.press("r3");
    browser.image(2);
    let _ = plane(3);
    browser.resize(PHONE);
    browser.audit("a volume on a phone");
    browser.shot("reading-volume-phone.png");
    let script = "const box = (css) => document.querySelector(css).getBoundingClientRect(); \
                  return ['#plane', '[data-confidence=\"5\"]', '#next'].every((css) => \
                  box(css).bottom <= innerHeight && box(css).right <= innerWidth)";
    assert_eq!(browser.run(script), true, "all in sight on a phone");
    for number in 2..=4 {
        browser.image(number);
        browser.press("s5");
    }
    browser.until("the end", "!document.getElementById('end').hidden");
    browser.click("#submit");
    browser.until("thanks", "!document.getElementById('done').hidden");
    browser.nothing_complained();
    drop(browser);
    server.kill();

    bench.ok(&["turing", "score", "turing", "--out", "score"]);
    let result = std::fs::read_to_string(bench.path("score/result.json")).unwrap();
    assert!(result.contains("volumes of 5 planes to scroll through"), "{result}");
    let sheet = image::open(bench.path("score/most-convincing.png")).unwrap();
    assert!(sheet.width() > 5 * 48 && sheet.height() < sheet.width(), "a row of planes each");
}
