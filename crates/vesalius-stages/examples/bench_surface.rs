//! Seconds for the surface distances and volumes of three classes of folders of masks, without reading them, for `bench/`.
//!
//! `bench_surface REFERENCE PREDICTION ROUNDS`

use anyhow::Context as _;
use std::path::PathBuf;
use std::time::Instant;
use vesalius_stages::predictions::{self, Rules};
use vesalius_stages::score::{ScoreFolders, pairs, read};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().context("expected REFERENCE PREDICTION ROUNDS");
    let stage = ScoreFolders {
        reference: PathBuf::from(next()?),
        prediction: PathBuf::from(next()?),
        classes: None,
        patient: None,
        rules: Rules::default(),
        name: "bench".into(),
        out: None,
    };
    let rounds: u32 = next()?.parse()?;
    let pairs = pairs(&stage.reference, &stage.prediction)?;
    let (volumes, _) = read(&stage, &pairs, &mut |_| ())?;
    for _ in 0..rounds {
        let start = Instant::now();
        let found = predictions::measure(&volumes, 4, &stage.rules);
        println!("{:.3} s for {} volumes", start.elapsed().as_secs_f64(), found.len());
    }
    Ok(())
}
