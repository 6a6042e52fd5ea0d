//! Any bytes end in a mask or an error, and with two classes a mask has no third label.
#![no_main]
mod guard;

use vesalius_data::formats::raster;

libfuzzer_sys::fuzz_target!(init: guard::forgive_guarded(), |bytes: &[u8]| {
    for classes in [2, 4] {
        if let Ok(read) = raster::mask_within(bytes, classes, 4 << 20) {
            let labels = read.value;
            assert_eq!(labels.values.len(), labels.height * labels.width);
            assert!(classes > 2 || labels.values.iter().all(|&label| label < 2));
        }
    }
});
