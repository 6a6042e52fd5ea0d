//! The program as its users run it: one binary of integration tests.

mod bad_input;
mod bad_input_files;
mod browser;
mod channels;
mod cluster;
mod controls;
mod copying;
mod docs;
mod families;
mod folds;
mod foreign;
mod formats;
mod found;
mod full_disk;
mod full_log;
mod hospital;
mod import;
mod init;
mod init_from;
mod map;
mod metrics;
mod metrics_extreme;
mod metrics_inception;
mod metrics_packs;
mod no_masks;
mod overlap;
mod pipeline;
mod plausibility;
mod precision;
mod predictions;
mod real_data;
mod reliability;
mod resume;
mod resume_refused;
mod said;
mod score;
mod search;
mod segment_options;
mod site;
mod slurm;
mod slurm_faults;
mod slurm_refusals;
mod stand_ins;
mod study;
mod study_life;
mod study_masks;
mod study_new;
mod study_view;
mod study_volumes;
mod truncation;
mod turing;
mod volumes;
mod weights;
#[cfg(libtorch_behind_a_door)]
mod without_libtorch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock};
use vesalius_data::pack::manifest::Manifest;
use vesalius_data::pack::{Pack, PackWriter};

/// A folder that is removed at the end, with a cache of its own.
struct Bench {
    folder: tempfile::TempDir,
    /// What its commands have in their environment beside the cache.
    variables: Vec<(String, String)>,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), variables: vec![] }
    }

    /// One that all tests of this process share: never removed, so it lies in the build folder.
    fn shared() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        Self { folder: folder.expect("a temporary folder"), variables: vec![] }
    }

    fn variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vesalius"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("VESALIUS_CACHE", self.path("cache"))
            // Most tests need a judge and not its judgement, which takes minutes of a slow machine.
            .env("VESALIUS_JUDGE_STEPS", "100")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// Runs what must succeed; gives stdout.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {:?}\n{text}", output.status);
        String::from_utf8(output.stdout).expect("UTF-8 on stdout")
    }

    /// Runs what must fail with exit code 2 and one line that holds all `parts`.
    fn refused(&self, arguments: &[&str], parts: &[&str]) {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}\n{text}");
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(lines.len(), 1, "{arguments:?}: one line that says why\n{text}");
        for part in parts {
            assert!(lines[0].contains(part), "{arguments:?}: `{}` lacks `{part}`", lines[0]);
        }
        assert!(!text.contains("panicked"), "{text}");
    }

    /// A NumPy array of f64.
    fn npy(&self, name: &str, rows: &[Vec<f64>]) {
        let shape = format!("({}, {})", rows.len(), rows[0].len());
        let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
        header.push_str(&" ".repeat(117 - header.len()));
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(rows.iter().flatten().flat_map(|value| value.to_le_bytes()));
        std::fs::write(self.path(name), bytes).expect("a file");
    }

    /// A small pack of phantoms.
    fn phantom_pack(&self, name: &str) {
        self.phantom_pack_of(name, "32x32");
    }

    /// The same at a size of choice. Drawn once per size for all tests, then copied: drawing takes seconds.
    fn phantom_pack_of(&self, name: &str, size: &str) {
        static DRAWN: Mutex<BTreeMap<String, Bench>> = Mutex::new(BTreeMap::new());
        let mut drawn = DRAWN.lock().expect("no test panicked while it drew");
        let master = drawn.entry(size.to_owned()).or_insert_with(|| {
            let bench = Bench::shared();
            bench.ok(&["phantom", "acdc", "data", "--patients", "4", "--seed", "3"]);
            let mut prepare = vec!["prepare", "acdc", "data", "--out", "pack", "--size", size];
            prepare.extend(["--crop", "centre:128x128"]);
            bench.ok(&prepare);
            bench
        });
        copy(&master.path("pack"), &self.path(name));
    }

    /// The same with fewer classes: labels above the last one become it.
    fn phantom_pack_of_classes(&self, name: &str, size: &str, classes: &[&str]) {
        let all = format!("{name}-of-all-classes");
        self.phantom_pack_of(&all, size);
        let all = Pack::open(&self.path(&all)).expect("a pack");
        let mut writer = PackWriter::create(&self.path(name), all.slice_shape()).expect("a folder");
        let last = classes.len() as u8 - 1;
        for (i, record) in all.manifest().slices.iter().enumerate() {
            let slice = all.slice(i).expect("a slice");
            let labels: Vec<u8> = slice.labels.iter().map(|&label| label.min(last)).collect();
            writer.push(slice.pixels, &labels, record.clone()).expect("a slice written");
        }
        let classes = classes.iter().map(|&class| class.to_owned()).collect();
        writer.finish(Manifest { classes, ..all.manifest().clone() }).expect("a pack written");
    }

    /// Puts the judge U-Net of the 32x32 phantom pack into this bench's cache: trained once for all tests.
    fn with_judge(&self) {
        static TRAINED: OnceLock<Bench> = OnceLock::new();
        let master = TRAINED.get_or_init(|| {
            let bench = Bench::shared();
            bench.phantom_pack("real");
            bench.ok(&["distance", "--real", "real", "--synthetic", "real", "--threads", "1"]);
            bench
        });
        copy(&master.path("cache"), &self.path("cache"));
    }
}

/// A folder of files, once more.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            continue; // locks of a cache
        }
        std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
    }
}
