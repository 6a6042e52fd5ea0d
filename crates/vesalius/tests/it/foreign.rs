//! Files that somebody else made: what is in their texts stays text, and what is no regular file is not read.

use super::{Bench, copy};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use vesalius_data::text::is_hidden;

/// What a command says on stderr that must fail within seconds: one line, nothing hidden.
fn refusal(bench: &Bench, arguments: &[&str]) -> String {
    let mut command = bench.command(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("{arguments:?}: still at it after 20 s");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(!said.contains(|c| is_hidden(c) && c != '\n'), "{arguments:?}: {said:?}");
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{arguments:?}: {said}");
    errors[0].to_owned()
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Puts a pipe, then a link to a device that never ends, in a file's place.
fn instead(path: &Path, then: impl Fn(&str)) {
    let before = std::fs::read(path).ok();
    for (what, put) in [
        ("a named pipe", &pipe as &dyn Fn(&Path)),
        ("a device", &|path: &Path| symlink("/dev/zero", path).unwrap()),
    ] {
        let _ = std::fs::remove_file(path);
        put(path);
        then(what);
    }
    std::fs::remove_file(path).unwrap();
    if let Some(bytes) = before {
        std::fs::write(path, bytes).unwrap();
    }
}

const RESULT: &str = r#"{"format": 1, "stage": "segment", "subject": {"dataset": "DATASET", "gan": "GAN",
    "trained_on": "synthetic"}, "outcome": {"kind": "finished"}, "inputs": [], "wall_secs": 12.0, "command": "COMMAND",
    "vesalius": "0.1.0", "machine": "m", "scores": [{"metric": "dice", "value": 0.797, "interval": [0.7, 0.9],
    "of": "per_volume/mean", "real_count": 16, "protocol": "PROTOCOL"}]}"#;

/// A run of these words.
fn run(bench: &Bench, name: &str, [dataset, gan, command, protocol]: [&str; 4]) {
    let mut text = RESULT.to_owned();
    for (place, word) in
        [("DATASET", dataset), ("GAN", gan), ("COMMAND", command), ("PROTOCOL", protocol)]
    {
        let word = serde_json::to_string(word).unwrap();
        text = text.replace(place, &word[1..word.len() - 1]);
    }
    std::fs::create_dir_all(bench.path(name)).unwrap();
    std::fs::write(bench.path(name).join("result.json"), text).unwrap();
}

#[test]
fn what_is_no_regular_file_is_refused_at_once_wherever_a_file_is_read() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    for name in ["manifest.json", "slices.bin", "sheet.json"] {
        instead(&bench.path("pack").join(name), |what| {
            let said = refusal(&bench, &["inspect", "pack"]);
            assert!(said.contains(name) && said.contains(what), "{said}");
        });
    }
    bench.ok(&["export", "pack", "--as", "png", "--out", "png"]);
    let image = std::fs::read_dir(bench.path("png/train/images")).unwrap().next().unwrap();
    let prepare = [
        "prepare",
        "folder",
        "png",
        "--classes",
        "a,b,c,d",
        "--patient",
        "(.*)",
        "--size",
        "32x32",
        "--out",
        "p",
    ];
    let sides = ["--real", "png/train/images", "--synthetic", "png/train/images"];
    instead(&image.unwrap().path(), |what| {
        let said = refusal(&bench, &prepare);
        assert!(said.contains(".png") && said.contains(what), "{said}");
        let said = refusal(&bench, &[&["metrics", "--metrics", "ssim"][..], &sides].concat());
        assert!(said.contains(".png") && said.contains(what), "{said}");
    });
    bench.ok(&["export", "pack", "--as", "nnunet", "--out", "raw"]);
    let prepare =
        ["prepare", "nnunet", "raw", "--patient", "(.*)", "--size", "32x32", "--out", "p"];
    let volume =
        std::fs::read_dir(bench.path("raw/labelsTr")).unwrap().next().unwrap().unwrap().path();
    for path in [bench.path("raw/dataset.json"), volume] {
        instead(&path, |what| {
            let said = refusal(&bench, &prepare);
            assert!(said.contains(what), "{said}");
        });
    }
    assert!(!bench.path("p").exists());

    std::fs::create_dir_all(bench.path("run")).unwrap();
    instead(&bench.path("run/task.toml"), |what| {
        let said = refusal(&bench, &["sample", "run", "--count", "1", "--out", "s"]);
        assert!(said.contains("task.toml") && said.contains(what), "{said}");
        let said = refusal(&bench, &["train", "pack", "--out", "run", "--resume"]);
        assert!(said.contains("task.toml") && said.contains(what), "{said}");
    });
    run(&bench, "runs/a", ["acdc", "lsgan", "vesalius segment", "p"]);
    instead(&bench.path("runs/a/result.json"), |what| {
        let said = refusal(&bench, &["report", "runs", "--out", "report"]);
        assert!(said.contains("result.json") && said.contains(what), "{said}");
    });
    for (name, arguments) in [
        ("study.toml", &["study", "plan", "study.toml"][..]),
        ("w.safetensors", &["weights", "add", "w.safetensors", "--name", "vgg19"]),
        ("w.pth", &["weights", "add", "w.pth"]),
        ("f.npy", &["distance", "--real", "f.npy", "--synthetic", "f.npy"]),
        ("f.safetensors", &["distance", "--real", "f.safetensors", "--synthetic", "f.safetensors"]),
    ] {
        instead(&bench.path(name), |what| {
            let said = refusal(&bench, arguments);
            assert!(said.contains(name) && said.contains(what), "{said}");
        });
    }
}

#[test]
fn an_export_follows_no_name_out_of_its_folder() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    std::fs::create_dir(bench.path("victim")).unwrap();
    std::fs::write(bench.path("victim/a.nii.gz"), "precious").unwrap();
    let absolute = bench.path("victim/a").display().to_string();
    for id in [absolute.as_str(), "../../victim/a", "..", ".hidden", "a/b", "x\u{1b}[31m", "x\ny"] {
        copy(&bench.path("pack"), &bench.path("evil"));
        let path = bench.path("evil/manifest.json");
        let mut manifest: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        manifest["cases"][0]["id"] = id.into();
        std::fs::write(&path, manifest.to_string()).unwrap();
        for kind in ["nifti", "png", "nnunet"] {
            let said = refusal(&bench, &["export", "evil", "--as", kind, "--out", "out"]);
            assert!(said.contains("manifest.json") && said.contains("expected"), "{said}");
        }
    }
    assert_eq!(std::fs::read(bench.path("victim/a.nii.gz")).unwrap(), b"precious");
    assert_eq!(std::fs::read_dir(bench.path("victim")).unwrap().count(), 1);
    assert!(!bench.path("out").exists());
}

#[test]
fn files_as_people_call_them_are_cases_and_control_characters_are_not() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    bench.ok(&["export", "pack", "--as", "png", "--out", "png"]);
    let mut from = std::fs::read_dir(bench.path("png/train/images")).unwrap();
    let names = ["Müller, T1 (post)", "心臓 A", "a+b=c & d", "it's #2; 'x'", "=1+1", "-0.5 %"];
    for folder in ["images", "masks"] {
        std::fs::create_dir_all(bench.path("odd").join(folder)).unwrap();
    }
    let put = |name: &str, from: &Path| {
        for folder in ["images", "masks"] {
            let from = from.to_str().unwrap().replace("/images/", &format!("/{folder}/"));
            std::fs::copy(from, bench.path("odd").join(folder).join(name)).unwrap();
        }
    };
    for name in names {
        put(&format!("{name}.png"), &from.next().unwrap().unwrap().path());
    }
    let prepare = [
        "prepare",
        "folder",
        "odd",
        "--classes",
        "background,a|b,=1+1,d",
        "--size",
        "32x32",
        "--patient",
        "(.*)",
    ];
    bench.ok(&[&prepare[..], &["--out", "p"]].concat());
    let shown = bench.ok(&["inspect", "p"]);
    assert!(shown.contains("=1+1"), "{shown}");
    bench.ok(&["export", "p", "--as", "png", "--out", "again"]);
    let count = |side: &str| {
        std::fs::read_dir(bench.path("again").join(side).join("images")).map_or(0, Iterator::count)
    };
    assert_eq!(count("train") + count("test"), names.len());

    let next = from.next().unwrap().unwrap().path();
    for name in ["a\nerror: forged.png", "\u{1b}[31m.png", "a\u{202e}b.png"] {
        put(name, &next);
        let said = refusal(&bench, &[&prepare[..], &["--out", "q"]].concat());
        assert!(said.contains("\\n") || said.contains("\\u{"), "{said}");
        for folder in ["images", "masks"] {
            std::fs::remove_file(bench.path("odd").join(folder).join(name)).unwrap();
        }
    }
}

#[test]
fn words_of_results_are_words_in_every_format_of_a_report() {
    let bench = Bench::new();
    for text in ["x\n\\input{/etc/passwd}\n", "\u{1b}]0;x\u{7}", "\u{202e}x"] {
        let usual = ["acdc", "lsgan", "vesalius segment", "p"];
        for place in 0..4 {
            let mut words = usual;
            words[place] = text;
            if place == 2 && text.starts_with('x') {
                continue; // a command line for each attempt
            }
            run(&bench, "evil", words);
            let said = refusal(&bench, &["report", "evil", "--out", "report"]);
            assert!(said.contains("result.json") && said.contains("expected"), "{said}");
        }
    }
    let words = [
        "../../x",
        "=HYPERLINK(\"http://x.org\",\"y\")",
        "vesalius <b>segment\n```\n# forged",
        "\\input{/etc/passwd} ^^5cinput <script>alert(1)</script> [x](javascript:y) | z",
    ];
    run(&bench, "odd", words);
    bench.ok(&["report", "odd", "--out", "report"]);
    let mut names = vec![];
    for entry in std::fs::read_dir(bench.path("report")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for line in text.lines() {
            match name.rsplit('.').next().unwrap() {
                "csv" => assert!(
                    !line.split(',').any(|cell| cell.starts_with(['=', '@', '+'])),
                    "{line}"
                ),
                "tex" if !line.starts_with('%') => {
                    assert!(!line.contains("\\input") && !line.contains("^^"), "{line}");
                }
                "md" => {
                    assert!(
                        !line.contains("<script")
                            && !line.replace("\\]", "").contains("](javascript"),
                        "{line}"
                    );
                }
                "html" | "svg" => {
                    assert!(!line.contains("<script") && !line.contains("<b>segment"), "{line}");
                }
                _ => {}
            }
        }
        names.push(name);
    }
    assert!(names.contains(&"report.md".to_owned()) && names.contains(&"table2.csv".to_owned()));
    let page = std::fs::read_to_string(bench.path("report/report.md")).unwrap();
    assert!(page.contains("````\n"), "a fence of the text's does not end ours: {page}");
    assert!(!bench.path("x").exists());
}

#[test]
fn terminals_are_told_nothing_by_names() {
    let bench = Bench::new();
    let name = "no\u{1b}]0;pwned\u{7}\u{1b}[31m\nok: all fine";
    let said = refusal(&bench, &["inspect", name]);
    assert!(said.contains("no\\u{1b}]0;pwned\\u{7}\\u{1b}[31m\\nok: all fine"), "{said}");
    for arguments in [
        vec!["inspect", "a", name],
        vec!["no such command\u{1b}[31m"],
        vec!["train", "a", "--kimg", name],
    ] {
        let output = bench.run(&arguments);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains(|c| is_hidden(c) && c != '\n'), "{said:?}");
        assert!(!said.contains("\nok: all fine"), "{said}");
    }
    bench.phantom_pack("pack");
    std::fs::rename(bench.path("pack"), bench.path(name)).unwrap();
    let shown = bench.ok(&["inspect", name]);
    assert!(!shown.contains(|c| is_hidden(c) && c != '\n'), "{shown:?}");
    let json = bench.ok(&["inspect", name, "--json"]);
    assert!(!json.contains(|c| is_hidden(c) && c != '\n'), "{json:?}");
    serde_json::from_str::<serde_json::Value>(&json).unwrap();
    // A command line in a manifest is one line, whatever its arguments were.
    bench.ok(&["copying", "--real", name, "--memory-gan", "syn", "--count", "4"]);
    bench.ok(&["inspect", "syn"]);
}
