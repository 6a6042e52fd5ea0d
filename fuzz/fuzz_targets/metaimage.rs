//! Any bytes end in an image or an error.
#![no_main]
use vesalius_data::formats::metaimage;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = metaimage::parse_local(bytes) {
        let volume = image.volume;
        let size = volume.shape().iter().product::<usize>();
        assert_eq!(volume.values.len(), size);
    }
});
