//! Images of other programs: imported, judged, and a row of the report; in a study beside its GANs.

use super::Bench;

/// A real pack, and pairs as another program could have made them of it.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.phantom_pack("real");
    bench.ok(&["export", "real", "--as", "png", "--out", "made"]);
    std::fs::remove_dir_all(bench.path("made/test")).unwrap();
    bench
}

const IMPORT: [&str; 6] = ["import", "made", "--like", "real", "--name", "my-ddpm"];

#[test]
fn another_programs_images_are_judged_like_those_of_our_gans() {
    let bench = bench();
    bench.ok(&[&IMPORT[..], &["--trained-on", "real", "--out", "ddpm"]].concat());
    assert!(bench.ok(&["inspect", "ddpm"]).contains("my-ddpm, made elsewhere"));
    let few = ["--steps", "2", "--batch", "4", "--filters", "4", "--threads", "1"];
    let segment = |train: &[&'static str], out: &'static str| {
        let mut arguments = vec!["segment", "--test", "real", "--out", out];
        for pack in train {
            arguments.extend(["--train", pack]);
        }
        arguments.extend(few);
        bench.ok(&arguments);
    };
    segment(&["real"], "runs/real");
    segment(&["ddpm"], "runs/ddpm");
    segment(&["real", "ddpm"], "runs/both");
    bench.ok(&["report", "runs", "--out", "report"]);
    let table = std::fs::read_to_string(bench.path("report/table2.csv")).unwrap();
    for row in ["my-ddpm", "Original + my-ddpm"] {
        assert!(
            table.lines().any(|line| line.starts_with(&format!("acdc,{row},"))),
            "{row}: {table}"
        );
    }
    let classes = std::fs::read_to_string(bench.path("report/classes.csv")).unwrap();
    assert!(classes.contains("my-ddpm,"), "{classes}");
    let page = std::fs::read_to_string(bench.path("report/report.html")).unwrap();
    assert!(page.contains("Where it fails") && page.contains("Training of the segmenters"));
}

#[test]
fn whom_it_saw_is_asked_and_what_is_not_like_the_pack_refused() {
    let bench = bench();
    bench.ok(&[&IMPORT[..], &["--out", "unknown"]].concat());
    let segment = ["segment", "--train", "unknown", "--test", "real", "--out", "x"];
    bench.refused(&segment, &["unknown", "cannot be told", "--trained-on"]);
    let import = |more: &[&'static str]| [&IMPORT[..], more, &["--out", "y"]].concat();
    bench.refused(&import(&["--trained-on", "nowhere"]), &["nowhere"]);
    bench.refused(&import(&["--patients", "nobody"]), &["--patients: nobody"]);
    bench.refused(&import(&["--range", "1,0"]), &["--range 1,0", "LOW below HIGH"]);
    bench.refused(&import(&["--range", "0,100"]), &["expected 0 to 100"]);
    let named = ["import", "made", "--like", "real", "--name", "wgan-gp", "--out", "y"];
    bench.refused(&named, &["--name wgan-gp", "our own GANs"]);
    bench.phantom_pack_of("large", "48x48");
    let like = ["import", "made", "--like", "large", "--name", "my-ddpm", "--out", "y"];
    bench.refused(&like, &["32x32", "48x48", "--resize"]);
    bench.ok(&[&like[..], &["--resize"]].concat());
    let again = ["import", "made", "--like", "unknown", "--name", "my-ddpm", "--out", "z"];
    bench.refused(&again, &["--like", "made by my-ddpm"]);
}

#[test]
fn a_study_judges_imported_packs_beside_its_gans() {
    let bench = bench();
    bench.ok(&[&IMPORT[..], &["--trained-on", "real", "--out", "ddpm"]].concat());
    let study = r#"
name = "with-ddpm"
out = "studied"
[[dataset]]
pack = "real"
[[gan]]
preset = "dcgan"
[[imported]]
pack = "ddpm"
[budget]
runs = 1
kimg = 0.02
[search]
sampler = { kind = "random", seed = 1 }
[best]
count = 4
distance = ["unet"]
unet_alone = true
unet_with_real = true
[unet]
steps = 2
batch = 4
filters = 4
[baselines]
real = true
"#;
    std::fs::write(bench.path("study.toml"), study).unwrap();
    let plan = bench.ok(&["study", "plan", "study.toml", "--no-trial"]);
    // The distance; a U-Net alone, one with real images, beside that on real images.
    let to_do = |stage: &str| {
        let line = plan.lines().find(|line| line.starts_with(stage)).unwrap();
        line.split_whitespace().nth(3).unwrap().to_owned()
    };
    assert_eq!(["distance", "segment"].map(to_do), ["1", "3"], "{plan}");
    for (from, to, parts) in [
        ("\"ddpm\"", "\"real\"", &["is real", "synthetic"][..]),
        ("\"ddpm\"", "\"nothing\"", &["nothing"]),
        (
            "pack = \"ddpm\"",
            "pack = \"ddpm\"\ndataset = \"other\"",
            &["other", "expected one of real"],
        ),
    ] {
        std::fs::write(bench.path("bad.toml"), study.replace(from, to)).unwrap();
        bench.refused(&["study", "run", "bad.toml"], parts);
    }
    bench.ok(&["study", "run", "study.toml"]);
    bench.ok(&["study", "report", "study.toml", "--out", "report"]);
    let table = std::fs::read_to_string(bench.path("report/table2.csv")).unwrap();
    for row in ["my-ddpm", "Original + my-ddpm"] {
        assert!(
            table.lines().any(|line| line.starts_with(&format!("acdc,{row},"))),
            "{row}: {table}"
        );
    }
}
