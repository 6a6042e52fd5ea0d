//! The numbers of `golden/pseudo.py`: uniform in [-1, 1), a function of (name, index) alone.

/// The first `count` numbers of a name.
pub fn uniform(name: &str, count: usize) -> Vec<f64> {
    let key = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (1..=count as u64).map(|i| unit(key, i)).collect()
}

fn unit(key: u64, i: u64) -> f64 {
    let mut z = key.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0
}
