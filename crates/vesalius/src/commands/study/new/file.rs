//! The study file that `vesalius study new` writes, with a word on each part.

use super::{Args, CANDIDATES, COUNT, Chosen};
use crate::commands::study::status::duration;
use crate::environment::{available_threads, processor};
use anyhow::Result;
use std::fmt::Write as _;
use std::path::Path;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;
use vesalius_data::text::count;

/// Its text.
pub(super) fn text(args: &Args, pack: &Pack, folds: usize, chosen: Chosen) -> Result<String> {
    let Chosen { gans, seeds, steps, kimg, secs } = chosen;
    let stem = args.out.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = args.out.parent().unwrap_or(Path::new(""));
    // Paths are relative to the study file.
    let path = if folder.as_os_str().is_empty() {
        args.pack.clone()
    } else {
        std::path::absolute(&args.pack)?
    };
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let [train, validate, test] = Split::ALL.map(|side| pack.manifest().patients(side).len());
    let tested = if folds > 0 {
        format!("all {} patients test, in {folds} folds", train + validate + test)
    } else {
        format!("{train} patients train, {validate} validate, {test} test")
    };
    let mut text = String::new();
    writeln!(
        text,
        "# Would images made by GANs help a segmenter of {}? {tested}.\n\
         # About {} on {} ({} threads), one task after the other: {} {}, samples {}, U-Nets {}.\n\
         #   vesalius study plan {file}     all tasks, time, and which difference so many patients can show\n\
         #   vesalius study run {file}      Ctrl-C, a crash: the same command goes on\n\
         #   vesalius study report {file} --out report\n\
         # Every key: docs/study.md.",
        pack.manifest().dataset,
        duration(secs.iter().sum()),
        processor(),
        available_threads(),
        count::of(gans, "GAN"),
        duration(secs[0]),
        duration(secs[1]),
        duration(secs[2]),
        file = args.out.display(),
    )?;
    writeln!(text, "name = {}\nout = {}\n", quoted(&stem), quoted(&format!("{stem}-study")))?;
    if folds > 0 {
        writeln!(
            text,
            "# Every patient tests in one fold; GANs and U-Nets of a fold have not seen its patients.\nfolds = {folds}\n"
        )?;
    }
    writeln!(text, "[[dataset]]\npack = {}\n", quoted(&path.to_string_lossy()))?;
    for candidate in &CANDIDATES[..gans] {
        writeln!(
            text,
            "# {}.\n[[gan]]\npreset = {}\nset = [",
            candidate.why,
            quoted(candidate.preset)
        )?;
        for setting in candidate.set {
            writeln!(text, "    {},", quoted(setting))?;
        }
        let every = (kimg / 12.0).ceil();
        writeln!(
            text,
            "    # The best of these checkpoints is sampled, by the Fréchet distance to training images.\n    \
             \"training.distance_every_kimg={every}\", \"training.checkpoint_every_kimg={every}\",\n]\n"
        )?;
    }
    let runs = gans * folds.max(1);
    writeln!(
        text,
        "[budget]\n# One training of each GAN{}.\nruns = {runs}\n# Thousands of real images that each sees before it is sampled.\nkimg = {kimg:.1}\n\n\
         # Nothing is searched; docs/study.md says how settings are.\n[search]\nsampler = {{ kind = \"grid\" }}\n\n\
         [best]\n# Pairs of image and mask that each GAN makes.\ncount = {COUNT}\ndistance = [\"unet\"]\n\
         # U-Nets on synthetic pairs alone, and on both together: the second is the question.\nunet_alone = true\nunet_with_real = true\n\
         # Whether images are copies of training images.\ncopying = true\n\n\
         [baselines]\nreal = true\n\n\
         [unet]\n# Each U-Net is trained so often: chance in training counts in every interval.\nseeds = [{}]\nsteps = {steps}",
        if folds > 0 { " in each fold" } else { "" },
        (1..=seeds).map(|seed| seed.to_string()).collect::<Vec<_>>().join(", ")
    )?;
    Ok(text)
}
