//! Any bytes end in an image or an error, and never in memory that a header only promises.
#![no_main]
use vesalius_data::formats::nifti;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = nifti::parse(bytes) {
        let volume = image.volume;
        let size = volume.shape().iter().product::<usize>();
        assert_eq!(volume.values.len(), size);
    }
});
