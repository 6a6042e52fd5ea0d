//! nnU-Net's dataset.json: any bytes end in class names that count from a background 0, or in one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vesalius_data::layouts::nnunet::parse_dataset_json;

fuzz_target!(|bytes: &[u8]| match parse_dataset_json(bytes) {
    Ok(json) => {
        if let Some(classes) = json.classes {
            assert!(classes.len() >= 2);
            assert!(classes[1..].iter().all(|name| !name.eq_ignore_ascii_case("background")));
        }
    }
    Err(error) => assert!(!format!("{error:#}").is_empty()),
});
