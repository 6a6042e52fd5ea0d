//! Any bytes end in an image or an error.
#![no_main]
use vesalius_data::formats::metaimage;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = metaimage::parse_local(bytes) {
        assert_eq!(image.values.len(), image.shape.iter().product::<usize>());
    }
});
