//! Who sees which images in which order: a function of the seed.

use super::Kind;
use anyhow::{Result, bail};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

/// How much is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Readers.
    pub readers: usize,
    /// Images of each, half real, half synthetic.
    pub per_reader: usize,
    /// How many of those every reader sees, half real, half synthetic.
    pub common: usize,
}

/// One image: its kind and its place among the images of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pick {
    /// Real or synthetic.
    pub kind: Kind,
    /// From 0.
    pub index: usize,
}

/// What each reader sees, in order: the common images and a draw of the reader's own, shuffled. `available`: real and
/// synthetic images there are.
///
/// # Errors
/// When numbers are odd, contradict each other or ask for more images than there are.
pub fn draw(available: [usize; 2], sizes: Sizes, seed: u64) -> Result<Vec<Vec<Pick>>> {
    let Sizes { readers, per_reader, common } = sizes;
    if readers == 0 || readers > 1000 {
        bail!("{readers} readers, expected 1 to 1000");
    }
    if per_reader == 0 || !per_reader.is_multiple_of(2) || per_reader > 10_000 {
        bail!(
            "--per-reader {per_reader}: expected an even number from 2 to 10000, half of it real"
        );
    }
    if !common.is_multiple_of(2) || common > per_reader {
        bail!("--common {common}: expected an even number up to --per-reader, {per_reader}");
    }
    let kinds = [Kind::Real, Kind::Synthetic];
    let most = available[0].min(available[1]);
    for (kind, available) in kinds.into_iter().zip(available) {
        if available < per_reader / 2 {
            bail!(
                "{available} {} images, expected at least {} for --per-reader {per_reader}; {} is the most that these \
                 packs have images for",
                if kind == Kind::Real { "real test" } else { "synthetic" },
                per_reader / 2,
                2 * most
            );
        }
    }
    // Stream 0 is everybody's, stream i + 1 reader i's: more readers change nothing for the others.
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rest = Vec::new();
    let mut shared = Vec::new();
    for (kind, available) in kinds.into_iter().zip(available) {
        let mut picks: Vec<Pick> = (0..available).map(|index| Pick { kind, index }).collect();
        let (drawn, others) = picks.partial_shuffle(&mut rng, common / 2);
        shared.extend_from_slice(drawn);
        rest.push(others.to_vec());
    }
    let sessions = (0..readers).map(|reader| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(reader as u64 + 1);
        let mut session = shared.clone();
        for others in &rest {
            let own = sample(&mut rng, others.len(), (per_reader - common) / 2);
            session.extend(own.into_iter().map(|i| others[i]));
        }
        session.shuffle(&mut rng);
        session
    });
    Ok(sessions.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const SIZES: Sizes = Sizes { readers: 4, per_reader: 100, common: 50 };

    #[test]
    fn each_reader_sees_half_real_half_synthetic_and_no_image_twice() {
        let sessions = draw([300, 1000], SIZES, 7).unwrap();
        assert_eq!(sessions, draw([300, 1000], SIZES, 7).unwrap());
        assert_ne!(sessions, draw([300, 1000], SIZES, 8).unwrap());
        let sets: Vec<BTreeSet<Pick>> =
            sessions.iter().map(|session| session.iter().copied().collect()).collect();
        for (session, set) in sessions.iter().zip(&sets) {
            assert_eq!((session.len(), set.len()), (100, 100));
            assert_eq!(session.iter().filter(|pick| pick.kind == Kind::Real).count(), 50);
        }
        let shared: BTreeSet<Pick> = sets[1..].iter().fold(sets[0].clone(), |all, set| &all & set);
        assert!((50..60).contains(&shared.len()), "{}", shared.len());
        assert!(
            sessions.windows(2).all(|pair| pair[0] != pair[1]),
            "an order of each reader's own"
        );
        // More readers leave the first ones' sessions alone.
        let more = draw([300, 1000], Sizes { readers: 6, ..SIZES }, 7).unwrap();
        assert_eq!(more[..4], sessions[..]);
    }

    #[test]
    fn the_order_says_nothing_about_the_kind() {
        // Over many seeds each place is real half of the time, and so is what follows a real image (49 of 99).
        let (mut real_at, mut repeats, mut pairs) = ([0_u32; 100], 0_u32, 0_u32);
        let rounds = 400;
        for seed in 0..rounds {
            let sizes = Sizes { readers: 1, ..SIZES };
            let session = draw([300, 1000], sizes, seed).unwrap().remove(0);
            for (place, pick) in session.iter().enumerate() {
                real_at[place] += u32::from(pick.kind == Kind::Real);
            }
            for pair in session.windows(2) {
                pairs += 1;
                repeats += u32::from(pair[0].kind == pair[1].kind);
            }
        }
        // 200 of 400 in the mean, standard deviation 10: five of them either side.
        assert!(real_at.iter().all(|&count| (150..=250).contains(&count)), "{real_at:?}");
        let share = f64::from(repeats) / f64::from(pairs);
        assert!((share - 49.0 / 99.0).abs() < 0.013, "{share}");
    }

    #[test]
    fn all_common_and_nothing_common() {
        let all = draw([50, 50], Sizes { common: 100, ..SIZES }, 1).unwrap();
        let sets: Vec<BTreeSet<Pick>> = all.iter().map(|s| s.iter().copied().collect()).collect();
        assert!(sets.windows(2).all(|pair| pair[0] == pair[1]));
        draw([50, 50], Sizes { common: 0, ..SIZES }, 1).unwrap();
    }

    #[test]
    fn numbers_that_cannot_be_had_are_refused() {
        let refused = |available, sizes: Sizes, part: &str| {
            let error = draw(available, sizes, 1).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        refused([49, 50], SIZES, "49 real test images, expected at least 50");
        refused([49, 60], SIZES, "98 is the most");
        refused([50, 49], SIZES, "49 synthetic images");
        refused([90, 90], Sizes { per_reader: 101, ..SIZES }, "--per-reader 101");
        refused([90, 90], Sizes { common: 102, ..SIZES }, "--common 102");
        refused([90, 90], Sizes { common: 3, ..SIZES }, "--common 3");
        refused([90, 90], Sizes { readers: 0, ..SIZES }, "0 readers");
    }
}
