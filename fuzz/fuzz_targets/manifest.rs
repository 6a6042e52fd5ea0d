//! Any manifest beside any slices ends in a pack's parts or an error. Input: the manifest, a byte 0, `slices.bin`.
#![no_main]
use vesalius_data::pack;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let at = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let (manifest, slices) = bytes.split_at(at);
    let mut slices = slices.get(1..).unwrap_or_default().to_vec();
    // Checksums are made right, so that the fuzzer reaches what lies behind them.
    if slices.len() >= 64 {
        let sum = crc32fast::hash(&slices[..60]).to_le_bytes();
        slices[60..64].copy_from_slice(&sum);
        if let Ok(header) = pack::Header::parse(&slices)
            && header.file_bytes() == Some(slices.len() as u64)
        {
            let table = slices.len() - 4 - 4 * header.count;
            let end = slices.len() - 4;
            let sum = crc32fast::hash(&slices[table..end]).to_le_bytes();
            slices[end..].copy_from_slice(&sum);
        }
    }
    if let Ok((manifest, header)) = pack::check_bytes(manifest, &slices) {
        assert_eq!(manifest.slices.len(), header.count);
        // What everybody asks of a pack first.
        for slice in 0..header.count {
            let _ = manifest.case(slice);
        }
        let _ = (manifest.indices(vesalius_data::pack::manifest::Split::Test), manifest.provenance.row());
        serde_json::to_vec(&manifest).expect("what was read can be written");
    }
});
