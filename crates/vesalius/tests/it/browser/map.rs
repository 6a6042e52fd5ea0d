//! An interactive map: pointing at a sample shows its image.

use super::super::Bench;
use super::{Browser, DESKTOP};
use serde_json::{Value, json};

/// Where on the screen the sample of a panel (-1: real) lies that has most room around it, and its name.
fn lone(browser: &Browser, panel: i32) -> Value {
    // The page's own names are in reach of the driver's scripts.
    browser.run(&format!(
        "const at = points.map((_, i) => place(maps[0], i)); \
         const box = maps[0].canvas.getBoundingClientRect(); \
         const all = [...points.keys()]; \
         const gap = (i, j) => i === j ? Infinity : Math.hypot(at[i][0] - at[j][0], at[i][1] - at[j][1]); \
         const room = (i) => Math.min(...all.map((j) => gap(i, j))); \
         const seen = (i) => points[i][2] === {panel} && box.top + at[i][1] < innerHeight - 8; \
         const [i] = all.filter(seen).sort((a, b) => room(b) - room(a)); \
         return {{ x: Math.round(box.left + at[i][0]), y: Math.round(box.top + at[i][1]), room: room(i), \
         name: points[i][3] }}"
    ))
}

/// Moves the mouse there.
fn point(browser: &Browser, x: &Value, y: &Value) {
    let to = json!({ "type": "pointerMove", "duration": 0, "x": x, "y": y });
    let mouse = json!({ "pointerType": "mouse" });
    let pointer = json!({ "type": "pointer", "id": "mouse", "parameters": mouse, "actions": [to] });
    browser.tell("actions", &json!({ "actions": [pointer] }));
}

/// How many grey levels the picture on the card has.
const LEVELS: &str = "(() => { const canvas = document.querySelector('#card canvas'); \
                      const all = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; \
                      return new Set(all.filter((_, i) => i % 4 === 0)).size; })()";

#[test]
fn pointing_at_a_sample_of_a_map_shows_its_image() {
    let Some(browser) = Browser::start(DESKTOP) else { return };
    let bench = Bench::new();
    bench.phantom_pack("real");
    bench.with_judge();
    bench.ok(&["copying", "--real", "real", "--memory-gan", "fake", "--count", "40"]);
    let map = ["map", "--real", "real", "--synthetic", "fake", "--count", "30", "--out", "map"];
    bench.ok(&map);
    browser.goto(&format!("file://{}", bench.path("map/map.html").display()));
    browser.resize(DESKTOP);
    let hidden = "document.getElementById('card').hidden";
    browser.until("a card that is not there yet", hidden);
    let mut pictures = vec![];
    for (panel, kind) in [(-1, "(real)"), (0, "(memory)")] {
        let found = lone(&browser, panel);
        assert!(found["room"].as_f64().unwrap() > 2.0, "{found}");
        point(&browser, &found["x"], &found["y"]);
        browser.until("the card", &format!("!{hidden}"));
        let text = browser.run("return document.querySelector('#card p').textContent");
        let name = found["name"].as_str().unwrap();
        assert_eq!(text, format!("{name} {kind}").as_str());
        browser.until("its picture", &format!("{LEVELS} > 8"));
        pictures.push(browser.run("return document.querySelector('#card canvas').toDataURL()"));
        browser.shot(&format!("map-{}.png", kind.trim_matches(['(', ')'])));
    }
    assert_ne!(pictures[0], pictures[1]);
    browser.audit("a map with a card");
    // Away from the map nothing is chosen.
    point(&browser, &json!(3), &json!(3));
    browser.until("the card to go", hidden);
    browser.nothing_complained();
}
