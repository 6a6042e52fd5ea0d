//! From two packs to a test: a folder with `turing.sqlite` and the readers' links.

use super::draw::{Pick, Sizes, draw};
use super::store::{About, Picture, Turing};
use super::token::{self, TokenDigest};
use super::{Kind, picture};
use anyhow::{Context as _, Result, bail};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use vesalius_data::files::publish::{StagedDir, write_secret};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Provenance, Split};
use vesalius_data::run::Input;
use vesalius_data::text::label;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Names of the readers.
    pub readers: Vec<String>,
    /// Images of each.
    pub per_reader: usize,
    /// How many of those every reader sees.
    pub common: usize,
    /// Of the draw.
    pub seed: u64,
    /// Readers may lay the masks over the images.
    pub overlay: bool,
    /// What readers see on top.
    pub title: String,
    /// Images between two pauses.
    pub pause_every: usize,
    /// What links begin with: `http://127.0.0.1:8765`.
    pub address: String,
    /// The command line, for the record.
    pub command: String,
    /// What protocols have to say of the packs besides, with `; ` before it.
    pub remark: String,
    /// What `--allow-overlap` let pass.
    pub overlap: Vec<String>,
}

/// Name of the file with the readers' links, for its owner alone.
pub const LINKS: &str = "links.txt";

/// Makes the folder `target`, with the readers' links in [`LINKS`]. Gives the same lines: name, tab, link.
///
/// # Errors
/// When the packs do not belong together, hold too few images, or `target` exists or cannot be written.
pub fn create(real: &Pack, synthetic: &Pack, wish: &Wish, target: &Path) -> Result<String> {
    check(real, synthetic, wish)?;
    // Images that taught the generator are no fair opponents of its own: test patients alone.
    let tests = real.indices(Split::Test);
    let sizes =
        Sizes { readers: wish.readers.len(), per_reader: wish.per_reader, common: wish.common };
    let drawn = draw([tests.len(), synthetic.len()], sizes, wish.seed)?;
    let mut picks: Vec<Pick> =
        drawn.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
    // Rows of the file tell nothing either.
    picks.shuffle(&mut rand_chacha::ChaCha8Rng::from_seed(rand::random()));
    let mut rows = BTreeMap::new();
    let mut pictures = Vec::with_capacity(picks.len());
    for (row, &pick) in picks.iter().enumerate() {
        let (pack, slice) = match pick.kind {
            Kind::Real => (real, tests[pick.index]),
            Kind::Synthetic => (synthetic, pick.index),
        };
        let bytes = pack.slice(slice)?;
        pictures.push(Picture {
            kind: pick.kind,
            slice,
            png: picture::png(bytes.pixels, pack.slice_shape())
                .with_context(|| format!("{}", pack.path().display()))?,
            mask: picture::mask_png(bytes.labels, pack.slice_shape())?,
        });
        rows.insert(pick, row);
    }
    let sessions: Vec<Vec<usize>> =
        drawn.iter().map(|session| session.iter().map(|pick| rows[pick]).collect()).collect();
    let tokens: Vec<(String, String)> =
        wish.readers.iter().map(|name| (name.clone(), token::new())).collect();
    let digests: Vec<(String, TokenDigest)> =
        tokens.iter().map(|(name, token)| (name.clone(), TokenDigest::of(token))).collect();
    let about = About {
        title: wish.title.clone(),
        dataset: real.manifest().dataset.clone(),
        gan: synthetic.manifest().provenance.row(),
        overlay: wish.overlay,
        classes: real.manifest().classes.clone(),
        planes: real.slice_shape().planes,
        pause_every: wish.pause_every,
        seed: wish.seed,
        common: wish.common,
        inputs: vec![Input::pack("real", real), Input::pack("synthetic", synthetic)],
        command: wish.command.clone(),
        remark: wish.remark.clone(),
        overlap: wish.overlap.clone(),
        address: Some(wish.address.clone()),
    };
    let staged = StagedDir::create(target)?;
    Turing::create(staged.path(), &about, &digests, &pictures, &sessions)?;
    let address = wish.address.trim_end_matches('/');
    let mut links = String::new();
    for (name, token) in &tokens {
        let _ = writeln!(links, "{name}\t{address}/r/{token}");
    }
    write_secret(&staged.path().join(LINKS), links.as_bytes())?;
    staged.publish()?;
    Ok(links)
}

/// Refuses what [`create`] would, without writing anything.
///
/// # Errors
/// When the packs do not belong together, or a wish cannot be met.
pub fn check(real: &Pack, synthetic: &Pack, wish: &Wish) -> Result<()> {
    if !matches!(real.manifest().provenance, Provenance::Real { .. }) {
        bail!("--real {}: a synthetic pack, expected a real one", real.path().display());
    }
    if !matches!(synthetic.manifest().provenance, Provenance::Synthetic { .. }) {
        bail!("--synthetic {}: a real pack, expected a synthetic one", synthetic.path().display());
    }
    // Size alone would tell them apart.
    synthetic.same_images(real)?;
    if real.manifest().dataset != synthetic.manifest().dataset {
        bail!(
            "{}: dataset {}, but {} is {}; expected the same",
            synthetic.path().display(),
            synthetic.manifest().dataset,
            real.path().display(),
            real.manifest().dataset
        );
    }
    if wish.overlay {
        synthetic.same_pairs(real).context("--overlay")?;
    }
    if !(wish.address.starts_with("http://") || wish.address.starts_with("https://")) {
        bail!("--address {}: expected http://… or https://…", wish.address);
    }
    if wish.pause_every == 0 {
        bail!("--pause-every 0: expected at least 1");
    }
    label::check(&wish.title).context("--title")?;
    let names: BTreeSet<&String> = wish.readers.iter().collect();
    if names.len() != wish.readers.len() {
        bail!("--reader: a name is there twice, expected different ones");
    }
    if let Some(name) = wish.readers.iter().find(|name| {
        let plain = |c: char| c.is_alphanumeric() || " -_.".contains(c);
        name.trim().is_empty() || name.len() > 80 || !name.chars().all(plain)
    }) {
        bail!("--reader {name:?}: expected 1 to 80 letters, digits, spaces or -_.");
    }
    Ok(())
}
