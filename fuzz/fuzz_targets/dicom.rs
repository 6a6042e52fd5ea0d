//! Any bytes end in a slice or an error, and never in memory that a header only promises.
#![no_main]
mod guard;

use vesalius_data::formats::dicom;

libfuzzer_sys::fuzz_target!(init: guard::forgive_guarded(), |bytes: &[u8]| {
    if let Ok(slice) = dicom::parse(bytes) {
        assert_eq!(slice.values.len(), slice.rows * slice.columns);
        assert!([0, slice.values.len()].contains(&slice.padding.len()));
    }
});
