//! Any bytes end in a header or an error; the size it asks for never overflows.
#![no_main]
use vesalius_data::pack::Header;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The checksum is made right, so that the fuzzer reaches what lies behind it.
    let mut bytes = bytes.to_vec();
    if bytes.len() >= 64 {
        let sum = crc32fast::hash(&bytes[..60]).to_le_bytes();
        bytes[60..64].copy_from_slice(&sum);
    }
    if let Ok(header) = Header::parse(&bytes) {
        let _ = header.file_bytes();
    }
});
