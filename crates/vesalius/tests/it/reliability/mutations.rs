//! Damaged files of every kind: refused in one line, told apart by their digest, or harmless; never another number.

use super::super::Bench;
use super::{count, number, one_line, tiny};
use std::path::{Path, PathBuf};

/// Changes a file at random: a bit, a byte, a piece of zeros, an end that is missing.
pub fn mutate(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut mutant = bytes.to_vec();
    let at = number(seed) as usize % bytes.len();
    match number(seed ^ 0xabc) % 5 {
        0 => mutant[at] ^= 1 << (number(seed ^ 1) % 8),
        1 => mutant[at] = number(seed ^ 2) as u8,
        2 => mutant[at] = b'0' + (number(seed ^ 3) % 10) as u8,
        3 => {
            let end = (at + 512).min(bytes.len());
            mutant[at..end].fill(0);
        }
        _ => mutant.truncate(at),
    }
    mutant
}

/// A kind of file, and the command whose outcome depends on it.
struct Kind {
    file: &'static str,
    command: Vec<&'static str>,
    /// What the command makes, without its final `OUT`.
    outcome: fn(&Path) -> Vec<u8>,
}

pub fn read(path: PathBuf) -> Vec<u8> {
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pixels, labels and what the manifest says of whence, but for the command line.
fn pack(out: &Path) -> Vec<u8> {
    let text = read(out.join("manifest.json"));
    let mut json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    for field in ["command", "seal"] {
        json.as_object_mut().unwrap().remove(field);
    }
    [read(out.join("slices.bin")), json.to_string().into_bytes()].concat()
}

fn volumes(out: &Path) -> Vec<u8> {
    let mut all = vec![];
    for folder in ["images", "labels"] {
        let mut names: Vec<PathBuf> = std::fs::read_dir(out.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        names.sort();
        for name in names {
            all.extend(name.to_string_lossy().rsplit('/').next().unwrap().as_bytes());
            all.extend(read(name));
        }
    }
    all.extend(read(out.join("classes.json")));
    all
}

fn page(out: &Path) -> Vec<u8> {
    read(out.join("report.md"))
}

fn kinds() -> Vec<Kind> {
    let export = vec!["export", "pack", "--as", "nifti", "--out"];
    let sample = vec!["sample", "run", "--count", "3", "--threads", "1", "--out"];
    let report = vec!["report", "run", "--out"];
    let of = |file, command: &Vec<&'static str>, outcome| Kind {
        file,
        command: command.clone(),
        outcome,
    };
    let checkpoint = |name: &str| -> &'static str {
        Box::leak(format!("run/checkpoints/kimg_000000.160/{name}").into_boxed_str())
    };
    vec![
        of("pack/manifest.json", &export, volumes),
        of("pack/slices.bin", &export, volumes),
        of(checkpoint("state.json"), &sample, pack),
        of(checkpoint("averaged.safetensors"), &sample, pack),
        of("run/pack.json", &sample, pack),
        of("run/task.toml", &sample, pack),
        of("run/result.json", &report, page),
        of("run/stats.jsonl", &report, page),
        of("run/samples.png", &report, page),
    ]
}

#[test]
fn a_damaged_file_never_gives_another_number() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    bench.ok(&tiny("run", "0.16", &[]));
    let each = count("VESALIUS_MUTATIONS", 12);
    let (mut refused, mut noticed, mut harmless) = (0, 0, 0);
    for (number, kind) in kinds().into_iter().enumerate() {
        let whole = read(bench.path(kind.file));
        let run = |out: &str| {
            let mut command = kind.command.clone();
            command.push(out);
            let said = one_line(&bench, &command);
            let outcome = said.as_ref().ok().map(|_| (kind.outcome)(&bench.path(out)));
            let _ = std::fs::remove_dir_all(bench.path(out));
            (said, outcome)
        };
        let (_, Some(expected)) = run("out") else { panic!("{}: refused as it is", kind.file) };
        for seed in 0..each {
            let mutant = mutate(&whole, (number * 1_000_000 + seed) as u64);
            if mutant == whole {
                continue;
            }
            std::fs::write(bench.path(kind.file), &mutant).unwrap();
            match run("out") {
                (Err(_), _) => refused += 1,
                (Ok(_), Some(found)) if found == expected => harmless += 1,
                (Ok(_), Some(found)) => {
                    let text = String::from_utf8_lossy(&found).into_owned();
                    let told = kind.command[0] == "report"
                        && (text.contains("Edited or damaged")
                            || text.contains("not known (older version)"));
                    assert!(told, "{}: mutation {seed} gave another outcome", kind.file);
                    noticed += 1;
                }
                (Ok(_), None) => unreachable!("an outcome was read"),
            }
        }
        std::fs::write(bench.path(kind.file), whole).unwrap();
    }
    println!(
        "mutations: {refused} refused in one line, {noticed} told by their digest, {harmless} harmless"
    );
    assert!(refused > 0 && noticed > 0);
}
