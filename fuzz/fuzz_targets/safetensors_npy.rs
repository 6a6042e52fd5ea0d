//! Any bytes end in an array, a list of tensors or an error.
#![no_main]
use vesalius_data::formats::numpy;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if bytes.starts_with(b"\x93NUMPY") {
        if let Ok(array) = numpy::npy(bytes, bytes.len() as u64) {
            assert_eq!(array.values.len(), array.shape.iter().product::<usize>());
        }
    } else if let Ok(entries) = numpy::safetensors(bytes) {
        assert!(entries.values().all(|entry| entry.data_offsets[1] <= bytes.len() as u64));
    }
});
