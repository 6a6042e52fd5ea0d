//! A report on a desk, on a phone and on paper.

use super::super::Bench;
use super::super::pipeline::TINY;
use super::{Browser, DESKTOP, PHONE};
use serde_json::json;

/// Runs of every kind that draws something, tiny.
fn runs(bench: &Bench) {
    bench.phantom_pack("real");
    bench.with_judge();
    let train = ["train", "real", "--preset", "wgan-gp", "--kimg", "1.2", "--out", "runs/gan"];
    bench.ok(&[&train[..], &TINY].concat());
    bench.ok(&["sample", "runs/gan", "--count", "40", "--out", "fake"]);
    for packs in [&["real"][..], &["fake"][..], &["real", "fake"][..]] {
        let out = format!("runs/unet-{}", packs.concat());
        let mut segment = vec!["segment", "--test", "real", "--steps", "3", "--batch", "4"];
        segment.extend(packs.iter().flat_map(|pack| ["--train", *pack]));
        segment.extend(["--out", &out]);
        bench.ok(&segment);
    }
    let sides = ["--real", "real", "--synthetic", "fake"];
    bench.ok(&[&["metrics", "--all", "--out", "runs/metrics"][..], &sides].concat());
    bench.ok(&[&["map", "--out", "runs/map"][..], &sides].concat());
}

#[test]
fn a_report_reads_on_a_desk_and_on_a_phone_and_prints() {
    let Some(browser) = Browser::start(DESKTOP) else { return };
    let bench = Bench::new();
    runs(&bench);
    let page = bench.ok(&["report", "runs", "--out", "report"]);
    browser.goto(&format!("file://{}", bench.path(page.trim()).display()));
    for (name, size) in [("desktop", DESKTOP), ("phone", PHONE)] {
        browser.resize(size);
        // Tables and figures that are wider scroll in boxes of their own.
        let narrow = "const page = document.documentElement; \
                      return [innerWidth, page.scrollWidth <= page.clientWidth]";
        assert_eq!(browser.run(narrow), json!([size[0], true]), "{name}");
        // Every line of the contents leads to a section that can be brought into sight.
        let lost = "const links = [...document.querySelectorAll('nav a')]; \
                    if (links.length < 5) return ['few links']; \
                    return links.filter((link) => { \
                      const section = document.getElementById(link.hash.slice(1)); \
                      section.scrollIntoView(); \
                      const box = section.getBoundingClientRect(); \
                      return box.top > innerHeight / 2 && box.bottom > innerHeight + 1 || box.bottom <= 0 || scrollX > 0; \
                    }).map((link) => link.hash)";
        assert_eq!(browser.run(lost), json!([]), "{name}");
        browser.run("scrollTo(0, 0)");
        browser.audit(name);
        browser.shot(&format!("report-{name}.png"));
    }
    let pdf = browser.print();
    assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 20_000, "{} bytes", pdf.len());
    browser.nothing_complained();
}
