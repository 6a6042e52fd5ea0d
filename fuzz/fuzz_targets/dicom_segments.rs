//! Any bytes end in the segments of a SEG or RTSTRUCT or in an error.
#![no_main]
mod guard;

use vesalius_data::formats::dicom;
use vesalius_data::volume::segments::Extent;

libfuzzer_sys::fuzz_target!(init: guard::forgive_guarded(), |bytes: &[u8]| {
    let Ok(found) = dicom::segments(bytes) else { return };
    for segment in found.all {
        if let Extent::Blocks(blocks) = segment.extent {
            for block in blocks {
                assert_eq!(block.inside.len(), block.size.iter().product::<usize>());
            }
        }
    }
});
