//! Any bytes end in an image or an error: PNG, JPEG, TIFF and BMP, decoders of others included.
#![no_main]
mod guard;

use vesalius_data::formats::raster;

libfuzzer_sys::fuzz_target!(init: guard::forgive_guarded(), |bytes: &[u8]| {
    // A few bytes may unfold to much: the limit is a parameter of the reader, so that memory is no finding.
    if let Ok(read) = raster::image_within(bytes, 4 << 20) {
        let volume = read.value;
        assert!((1..=8).contains(&read.orientation));
        assert_eq!(volume.values.len(), volume.channels * volume.height * volume.width);
    }
});
