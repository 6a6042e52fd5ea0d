//! `--precision`: what was asked for, what was taken, where it is recorded, and what is refused.

use super::Bench;
use serde_json::Value;

const SMALL: [&str; 4] = [
    "networks.generator.filters=8",
    "networks.discriminator.filters=8",
    "training.batch=4",
    "training.distance_every_kimg=0",
];

fn train<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["train", "real", "--preset", "lsgan", "--out", out, "--kimg", "0.04"];
    for setting in SMALL {
        arguments.extend(["--set", setting]);
    }
    arguments.extend(["--threads", "1"]);
    arguments.extend(more);
    arguments
}

fn read(bench: &Bench, file: &str) -> String {
    std::fs::read_to_string(bench.path(file)).unwrap()
}

fn json(bench: &Bench, file: &str) -> Value {
    serde_json::from_str(&read(bench, file)).unwrap()
}

/// What `auto` is on this machine, as `doctor` says it.
fn automatic(bench: &Bench) -> &'static str {
    let found: Value = serde_json::from_str(&bench.ok(&["doctor", "--json"])).unwrap();
    let findings = found["findings"].as_array().unwrap();
    let precision = findings.iter().find(|finding| finding["what"] == "precision").unwrap();
    let text = precision["found"].as_str().unwrap();
    match text.split(':').next().unwrap() {
        "auto is bf16" => "bf16",
        "auto is f32" => "f32",
        _ => panic!("{text}"),
    }
}

#[test]
fn what_was_taken_stands_in_the_run_in_its_result_in_its_pack_and_in_what_reads_that() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    // A trial takes the faster one, and beside other tests it may be either: `auto` is one of both, and recorded.
    let either = ["f32", "bf16"];
    assert!(either.contains(&automatic(&bench)));
    for precision in ["bf16", "f32", "auto"] {
        let fits =
            |found: &str| found == precision || precision == "auto" && either.contains(&found);
        let [run, pack, unet] = ["run", "pack", "unet"].map(|what| format!("{what}-{precision}"));
        bench.ok(&train(&run, &["--precision", precision]));
        let recorded = |value: &Value| value.as_str().unwrap_or("f32").to_owned();
        let task: toml::Table = read(&bench, &format!("{run}/task.toml")).parse().unwrap();
        let task = task["training"].get("precision").map_or("f32", |value| value.as_str().unwrap());
        assert!(fits(task), "{precision}: {task}");
        let result = json(&bench, &format!("{run}/result.json"));
        assert_eq!(recorded(&result["settings"]["training"]["precision"]), task);

        let sample = ["sample", &run, "--count", "4", "--out", &pack, "--threads", "1"];
        bench.ok(&[&sample[..], &["--precision", precision]].concat());
        let manifest = json(&bench, &format!("{pack}/manifest.json"));
        let sampled = recorded(&manifest["provenance"]["precision"]);
        assert!(fits(&sampled), "{manifest}");

        bench.ok(&[
            "segment",
            "--train",
            &pack,
            "--test",
            "real",
            "--out",
            &unet,
            "--steps",
            "2",
            "--batch",
            "4",
            "--threads",
            "1",
            "--precision",
            precision,
        ]);
        let result = json(&bench, &format!("{unet}/result.json"));
        assert!(fits(&recorded(&result["settings"]["precision"])), "{result}");
        let facts = &result["inputs"][0]["pack"];
        assert_eq!(recorded(&facts["precision"]), sampled, "{facts}");
    }
}

#[test]
fn what_is_not_said_is_f32() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    bench.ok(&train("run", &[]));
    assert!(!read(&bench, "run/task.toml").contains("precision"));
    bench.ok(&["sample", "run", "--count", "2", "--out", "pack", "--threads", "1"]);
    assert!(!read(&bench, "pack/manifest.json").contains("precision"));
}

#[test]
fn another_precision_is_refused_by_name_and_a_resumed_training_keeps_its_own() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    bench.refused(&train("run", &["--precision", "f16"]), &["f16", "expected f32, bf16 or auto"]);
    bench.refused(&train("run", &["--set", "training.precision=half"]), &["half", "f32"]);
    assert!(!bench.path("run").exists());
    bench.ok(&train(
        "run",
        &["--precision", "bf16", "--set", "training.checkpoint_every_kimg=0.02"],
    ));
    let resume = ["train", "real", "--out", "run", "--resume", "--precision", "f32"];
    bench.refused(&resume, &["--precision", "--resume"]);
}

#[test]
fn where_bf16_has_harmed_auto_is_f32_and_whoever_asks_for_it_is_told() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    for (precision, warned) in [("auto", false), ("bf16", true)] {
        let run = format!("run-{precision}");
        let mut arguments =
            vec!["train", "real", "--preset", "stylegan2", "--out", &run, "--kimg", "0.008"];
        for setting in [
            "networks.generator.channel_base=64",
            "networks.discriminator.channel_base=64",
            "networks.mapping.style=8",
            "networks.mapping.latent=8",
            "training.batch=4",
            "training.distance_every_kimg=0",
        ] {
            arguments.extend(["--set", setting]);
        }
        arguments.extend(["--threads", "1", "--precision", precision]);
        let output = bench.run(&arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(said.contains("warning: StyleGAN2 in bf16 ended farther"), warned, "{said}");
        let task: toml::Table = read(&bench, &format!("{run}/task.toml")).parse().unwrap();
        let task = task["training"].get("precision").map_or("f32", |value| value.as_str().unwrap());
        assert_eq!(task, if warned { "bf16" } else { "f32" });

        let run = format!("dcgan-{precision}");
        let mut arguments = train(&run, &["--precision", precision]);
        arguments[3] = "dcgan";
        let output = bench.run(&arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(said.contains("warning: DCGAN in bf16 ended farther"), warned, "{said}");
    }
}
