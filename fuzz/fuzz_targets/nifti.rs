//! Any bytes end in an image or an error, and never in memory that a header only promises.
#![no_main]
use vesalius_data::formats::nifti;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = nifti::parse(bytes) {
        assert_eq!(image.values.len(), image.shape.iter().product::<usize>());
    }
});
