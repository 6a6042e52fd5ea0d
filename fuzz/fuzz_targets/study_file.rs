//! Any text ends in a study or one line with file, line and column.
#![no_main]
use std::path::Path;
use vesalius_study::study::Study;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match Study::parse(Path::new("study.toml"), text.to_owned()) {
        Ok(study) => {
            let _ = (study.folder(), study.slurm(), study.shares());
            for gan in &study.gan {
                let _ = (study.settings(gan), gan.masks());
            }
        }
        Err(error) => {
            let error = error.to_string();
            assert!(error.starts_with("study.toml") && !error.contains('\n'), "{error:?}");
        }
    }
});
