//! Any bytes end in an image, a mask or an error, and never in memory that a header only promises.
#![no_main]
use std::path::Path;
use vesalius_data::formats::nrrd;
use vesalius_data::volume::Reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // A data file beside it is not there.
    let mut reader = Reader::new(Path::new(""));
    let _ = nrrd::mask(Path::new("/nonexistent/a.nrrd"), bytes, &mut reader);
    if let Ok(image) = nrrd::image(Path::new("/nonexistent/a.nrrd"), bytes, &mut reader) {
        let volume = image.volume;
        let size = volume.shape().iter().product::<usize>();
        assert_eq!(volume.values.len(), size);
    }
});
