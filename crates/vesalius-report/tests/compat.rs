//! Reports on results of the version before packs said in results what they are (format 2, without facts): its program
//! wrote
//! these results, and these tables and figures of them.

use std::path::{Path, PathBuf};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/compat/runs-2")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The report on some results of the golden folder is, file by file, the one that the older program wrote.
fn is_as_before(runs: &str) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("report");
    vesalius_report::write(
        &[golden().join(runs)],
        &target,
        &vesalius_report::PrimaryQuestion::default(),
    )
    .unwrap();
    let expected = golden().join("reports").join(runs);
    for name in names(&expected) {
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
        assert_eq!(read(target.join(&name)), read(expected.join(&name)), "{runs}: {name}");
    }
}

#[test]
fn seeds_samples_and_filtered_pairs_of_older_results_are_sorted_as_before() {
    is_as_before("seeds");
}

#[test]
fn painted_masks_of_older_results_are_rows_of_their_own_as_before() {
    is_as_before("masks");
}
