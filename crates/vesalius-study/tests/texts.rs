//! Every kind of file with texts in it, and every text of each: what is hidden is refused where the file is opened.

use serde_json::{Value, json};
use std::path::Path;
use vesalius_data::checks::sheet;
use vesalius_data::layouts::nnunet::parse_dataset_json;
use vesalius_data::pack::manifest::Manifest;
use vesalius_data::run::RunResult;
use vesalius_data::text::{escape, is_hidden};
use vesalius_study::exec::slurm::Submission;
use vesalius_study::study::Study;
use vesalius_study::task::Task;

/// A line of the program's forged, a title of the window, LaTeX, signs of direction, an end that is not seen.
const HOSTILE: [&str; 6] = [
    "x\nerror: y",
    "\u{1b}]0;x\u{7}",
    "x\n\\input{/etc/passwd}",
    "\u{9b}2J",
    "a\u{202e}b",
    "a\u{200b}",
];

/// Names and words as people have them.
const USUAL: [&str; 6] =
    ["Müller, (2) + [T1]", "=1+1", "心臓 01", "<b>&\"'", "a|b`c`*_", "$x$ \\input{y} #%~^"];

/// Where the texts of a document are.
fn texts(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(values) => {
            for (i, value) in values.iter().enumerate() {
                texts(value, &format!("{at}/{i}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                texts(value, &format!("{at}/{name}"), found);
            }
        }
        _ => {}
    }
}

/// Puts hostile texts in every place, and usual ones where any word may stand.
fn attack(document: &Value, free: &[&str], open: impl Fn(&Value) -> Result<(), String>) {
    open(document).unwrap();
    let mut places = vec![];
    texts(document, "", &mut places);
    assert!(places.len() > 1);
    for place in &places {
        for text in HOSTILE {
            let lines = place.ends_with("/command") && text.contains('\n');
            if place.ends_with("/path") || lines {
                continue;
            }
            let mut evil = document.clone();
            *evil.pointer_mut(place).unwrap() = text.into();
            let error = open(&evil).expect_err(place);
            assert!(!error.contains(is_hidden), "{place}: {error:?}");
            assert!(error.len() < 600, "{place}: {error}");
        }
    }
    for place in free {
        for text in USUAL {
            let mut usual = document.clone();
            *usual.pointer_mut(place).unwrap() = text.into();
            open(&usual).unwrap_or_else(|error| panic!("{place}: {text}: {error}"));
        }
    }
}

/// As the program would print it.
fn said(error: &anyhow::Error) -> String {
    escape::terminal(&format!("{error:#}")).into_owned()
}

fn in_file(
    name: &str,
    bytes: &[u8],
    open: impl Fn(&Path) -> anyhow::Result<()>,
) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    open(folder.path()).map_err(|error| said(&error))
}

#[test]
fn manifests() {
    let layout = json!({"channels": 1, "height": 2, "width": 2, "depth": "u8"});
    let case =
        json!({"id": "a", "patient": "a", "group": "g", "split": "train", "source_slices": ["00"]});
    let slice = json!({"case": 0, "position": 0});
    let real = json!({"kind": "real", "source": "folder", "preprocess": {"a": ["x"]}, "split": "official",
                      "files": [{"path": "a\nb.png", "sha256": "0"}]});
    let synthetic = json!({"kind": "synthetic", "gan": "lsgan", "checkpoint_sha256": "0", "trained_on": "0", "kimg": 1.0,
                           "seed": 1, "mask_source": "generated", "filtered": {"pack": "0", "kept": 1, "of": 2,
                           "rules": [{"name": "x"}]}, "seen": [{"dataset": "d", "patient": "p", "source_slices": ["0"]}]});
    for provenance in [real, synthetic] {
        let manifest = json!({"dataset": "d", "vesalius": "0", "classes": ["background", "organ"], "layout": layout,
                              "provenance": provenance, "cases": [case], "slices": [slice],
                              "command": "vesalius prepare", "data_sha256": "0"});
        let open = |value: &Value| Manifest::parse(value.to_string().as_bytes()).map(|_| ());
        attack(&manifest, &["/dataset", "/classes/1", "/cases/0/patient", "/cases/0/group"], open);
        for id in ["/etc/x", "../x", "a/b", "..", ""] {
            let mut evil = manifest.clone();
            evil["cases"][0]["id"] = id.into();
            assert!(open(&evil).unwrap_err().contains("expected a name that a file can have"));
        }
    }
}

#[test]
fn results() {
    let score = json!({"metric": "dice", "value": 0.5, "of": "organ", "extractor": "unet@0", "dialect": "d",
                       "note": "n", "protocol": "p"});
    let result = json!({"format": 1, "stage": "segment", "subject": {"dataset": "d", "gan": "lsgan"},
                        "outcome": {"kind": "diverged", "reason": "r"}, "scores": [score],
                        "inputs": [{"role": "train", "path": "a\nb", "sha256": "0", "command": "one\ntwo"}],
                        "wall_secs": 1.0, "command": "one\ntwo", "vesalius": "0", "machine": "m",
                        "settings": {"deep": [{"x": "y"}]}, "overlap": ["o"]});
    let open = |value: &Value| {
        in_file("result.json", value.to_string().as_bytes(), |run| RunResult::read(run).map(|_| ()))
    };
    let free = [
        "/subject/dataset",
        "/subject/gan",
        "/scores/0/of",
        "/scores/0/protocol",
        "/outcome/reason",
    ];
    attack(&result, &free, open);
    let mut long = result.clone();
    long["subject"]["dataset"] = "x".repeat(1001).into();
    assert!(open(&long).unwrap_err().contains("subject.dataset"));
}

#[test]
fn a_result_of_ours_opens_again_whatever_is_in_its_settings() {
    let json = json!({"format": 1, "stage": "segment", "subject": {"dataset": "d"}, "outcome": {"kind": "finished"},
                      "scores": [], "inputs": [], "wall_secs": 1.0, "command": "a\nb", "vesalius": "0", "machine": "m\u{7}",
                      "settings": {"weights": "my\nfile"}});
    let result: RunResult = serde_json::from_value(json).unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert!(result.publish(folder.path()).unwrap());
    let again = RunResult::read(folder.path()).unwrap();
    assert_eq!((again.machine.as_str(), again.command.as_str()), ("m\\u{7}", "a\nb"));
    assert_eq!(again.settings["weights"], "my\\nfile");
}

#[test]
fn tasks_with_keys_that_lead_elsewhere() {
    let key = "0".repeat(64);
    let document = |key: &str, text: &str| {
        format!(
            "format = 1\nstage = \"sample\"\n[[packs]]\nrole = \"real\"\npath = \"/a\\nb\"\ndigest = \"0\"\n[[inputs]]\n\
             role = \"run\"\nstage = \"train\"\nkey = {}\n[spec]\nmasks = [{}]\n",
            json!(key),
            toml::Value::from(text)
        )
    };
    let open =
        |text: &str| in_file("task.toml", text.as_bytes(), |folder| Task::read(folder).map(|_| ()));
    // Its folder has another name; until there it is read.
    let whole = open(&document(&key, "none")).unwrap_err();
    assert!(whole.contains("it was edited or moved"), "{whole}");
    for key in
        ["../../../../../../tmp/xxxxxxxxx", "", "ü".repeat(32).as_str(), &"A".repeat(64), "x\ny"]
    {
        let error = open(&document(key, "none")).unwrap_err();
        assert!(error.contains("expected 64 lower-case hexadecimal digits"), "{error}");
        assert!(!error.contains(is_hidden), "{error:?}");
    }
    for text in HOSTILE {
        let error = open(&document(&key, text)).unwrap_err();
        assert!(error.contains("field `masks`") && !error.contains(is_hidden), "{error:?}");
    }
}

#[test]
fn submissions_of_another_name() {
    let document = json!({"format": 1, "name": "vesalius-x", "elements": [[
        {"stage": "train", "key": "0".repeat(64), "before": 0}]]});
    let open = |value: &Value| {
        in_file("x", b"", |folder| {
            let own = folder.join("vesalius-x");
            std::fs::create_dir(&own).unwrap();
            std::fs::write(own.join("submission.json"), value.to_string()).unwrap();
            Submission::read(&own.join("submission.json")).map(|_| ())
        })
    };
    attack(&document, &[], open);
    for name in ["../../x", "/etc", "vesalius-y", ""] {
        let mut evil = document.clone();
        evil["name"] = name.into();
        assert!(open(&evil).unwrap_err().contains("expected that of its folder"));
    }
}

#[test]
fn study_files() {
    let good = "name = \"small\"\nout = \"out\"\nset = [\"a=b\"]\n[[dataset]]\npack = \"packs/a\"\nname = \"NAME\"\n\
                [[gan]]\npreset = \"x\"\n[budget]\nruns = 2\nkimg = 10.0\n[search]\nsampler = { kind = \"random\" }\n\
                [[search.parameter]]\npaths = [\"c\"]\nchoices = [\"v\", \"w\"]\n[slurm]\npartition = \"p\"\n\
                lines = [\"--exclusive\"]\nsetup = [\"module load cuda\"]\n";
    let open = |text: String| {
        Study::parse(Path::new("study.toml"), text).map(|_| ()).map_err(|error| said(&error))
    };
    open(good.to_owned()).unwrap();
    for text in USUAL {
        open(good.replace("\"NAME\"", &toml::Value::from(text).to_string())).unwrap();
    }
    open(good.replace("module load cuda", "if true\\n\\tthen x\\nfi")).unwrap();
    for word in [
        "small",
        "out\"\nset",
        "a=b",
        "packs/a",
        "NAME",
        "\"x\"",
        "\"v\"",
        "\"p\"",
        "--exclusive",
        "module load",
    ] {
        let word = word.trim_matches('"').split('"').next().unwrap();
        for text in HOSTILE.into_iter().filter(|text| word != "module load" || !text.contains('\n'))
        {
            let toml = toml::Value::from(format!("{word}{text}")).to_string();
            let quoted = format!("\"{word}");
            let at = good.find(&quoted).expect(word);
            let end = at + 1 + good[at + 1..].find('"').unwrap() + 1;
            let evil = format!("{}{toml}{}", &good[..at], &good[end..]);
            let error = open(evil).expect_err(word);
            assert!(!error.contains(is_hidden) && error.contains("study.toml"), "{error:?}");
        }
    }
}

#[test]
fn dataset_json_of_others() {
    let document = json!({"name": "Liver", "labels": {"0": "background", "1": "liver (left)"},
                          "channel_names": {"0": "CT"}});
    let open = |value: &Value| {
        let parsed = parse_dataset_json(value.to_string().as_bytes());
        parsed.map(|_| ()).map_err(|error| said(&error))
    };
    open(&document).unwrap();
    for place in ["/name", "/labels/1"] {
        for text in HOSTILE {
            let mut evil = document.clone();
            *evil.pointer_mut(place).unwrap() = text.into();
            assert!(!open(&evil).expect_err(place).contains(is_hidden));
        }
    }
    let mut lines = document.clone();
    lines["description"] = "one\ntwo\t\u{200b}".into();
    open(&lines).unwrap();
}

#[test]
fn data_sheets_and_notes_of_who_coordinates() {
    let sheet = json!({"format": 1, "dataset": "d", "vesalius": "0", "classes": ["a", "b"],
                       "layout": {"channels": 1, "height": 2, "width": 2, "depth": "u8"},
                       "findings": [{"weight": "note", "of": "x", "text": "y"}], "patients": [], "cases": [], "shown": []});
    attack(&sheet, &["/findings/0/of", "/findings/0/text"], |value| {
        in_file(sheet::NUMBERS, value.to_string().as_bytes(), |pack| sheet::read(pack).map(|_| ()))
    });
    let holder = |owner: &str| {
        let json = json!({"owner": owner, "host": "elsewhere", "pid": 1, "since_secs": 1});
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("lock.json"), json.to_string()).unwrap();
        vesalius_data::files::lock::holder(folder.path()).map(|holder| holder.owner)
    };
    assert_eq!(holder("Müller").as_deref(), Some("Müller"));
    for text in HOSTILE {
        assert_eq!(holder(text), None);
    }
}
