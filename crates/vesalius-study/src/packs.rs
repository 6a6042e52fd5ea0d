//! The packs of a study as they lie on the disk: opened, checked against what the file says of them, and the same at every
//! start.

use crate::plan::{ImportedInfo, PackInfo, PartInfo};
use crate::study::{Dataset, Folds, ImportedPack, Study};
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vesalius_data::files::publish::write_file;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Provenance, Split};
use vesalius_data::pack::view::{self, View};

/// The study's packs as they lie on the disk.
///
/// # Errors
/// When one cannot be opened: with line and column of the study file.
pub fn open(study: &Study) -> Result<Vec<PackInfo>> {
    let open = |dataset: &Dataset| {
        let path = study.resolve(dataset.pack.get_ref());
        let pack = Pack::open_any(&path).with_context(|| study.at(&dataset.pack.span()))?;
        let planes = pack.slice_shape().planes;
        if let Provenance::Synthetic { gan, .. } = &pack.manifest().provenance {
            bail!(
                "{}: {} was made by {gan}, expected a real dataset to train on and to test by",
                study.at(&dataset.pack.span()),
                pack.path().display()
            );
        }
        in_folds(study, dataset, &pack)?;
        if planes == 1 {
            nothing_of_volumes(study, &pack)?;
        } else {
            nothing_of_slices(study, &pack)?;
        }
        let parts = parts(study, &pack)?;
        let path = canonical(&path)?;
        let name = dataset.name();
        let ours = |imported: &&ImportedPack| {
            imported.dataset.as_ref().is_none_or(|dataset| *dataset == name)
        };
        let imported = study.imported.iter().filter(ours).map(|made| imported(study, made, &pack));
        let imported = imported.collect::<Result<_>>()?;
        Ok(PackInfo { name, path, digest: pack.digest().to_owned(), planes, imported, parts })
    };
    study.dataset.iter().map(open).collect()
}

/// The pack with as many training patients as `[dose]` asks for.
fn parts(study: &Study, pack: &Pack) -> Result<Vec<PartInfo>> {
    let best = study.best.as_ref().and_then(|best| best.shares.as_ref());
    if let Some(shares) = best
        && pack.manifest().patients(Split::Validate).is_empty()
    {
        bail!(
            "{}: a share is chosen by validation patients, of whom {} has none (prepare --validation-share)",
            study.at(&shares.span()),
            pack.path().display()
        );
    }
    let Some(dose) = &study.dose else { return Ok(vec![]) };
    let all = pack.manifest().patients(Split::Train).len();
    let part = |&patients: &usize| {
        let at = || study.at(&dose.patients.span());
        if patients >= all {
            bail!(
                "{}: {patients} patients, expected fewer than the {all} who train in {}",
                at(),
                pack.path().display()
            );
        }
        let path = view::name(&canonical(pack.path())?, View::Patients(patients));
        let digest = Pack::open_any(&path).with_context(at)?.digest().to_owned();
        Ok(PartInfo { patients, path, digest })
    };
    dose.patients.get_ref().iter().map(part).collect()
}

/// Refuses a pack whose folds are not those that the study counts on.
fn in_folds(study: &Study, dataset: &Dataset, pack: &Pack) -> Result<()> {
    let found = pack.manifest().folds();
    let at = |span| study.at(&span);
    match study.folds.as_ref().map(|folds| (folds.get_ref(), folds.span())) {
        None if found > 0 => bail!(
            "{}: {} has {found} folds, expected folds = {found} in the study",
            at(dataset.pack.span()),
            pack.path().display()
        ),
        Some((Folds::All(asked), span)) if *asked != found => {
            bail!("{}: folds = {asked}, but {} has {found}", at(span), pack.path().display())
        }
        _ => Ok(()),
    }
}

/// Refuses what can only be asked of volumes.
fn nothing_of_volumes(study: &Study, pack: &Pack) -> Result<()> {
    let stacked = study.gan.iter().find(|gan| gan.slices);
    let stacked = stacked.map(|gan| (study.at(&gan.preset.span()), "slices = true"));
    let best = study.best.as_ref().filter(|best| best.coherence.is_some());
    let asked = stacked.or_else(|| best.map(|_| (study.at_line("coherence"), "coherence")));
    match asked {
        Some((at, asked)) => bail!(
            "{at}: {asked}, but {} is a pack of slices; expected volumes (`prepare --volume`)",
            pack.path().display()
        ),
        None => Ok(()),
    }
}

/// Refuses what has no form for volumes.
fn nothing_of_slices(study: &Study, pack: &Pack) -> Result<()> {
    let asked = [
        (study.baselines.real_augmented, "real_augmented"),
        (study.controls.real_and_synthetic_augmented, "real_and_synthetic_augmented"),
    ];
    match asked.into_iter().find(|(asked, _)| *asked) {
        Some((_, name)) => bail!(
            "{}: {name}: the study's classical augmentation turns slices, but {} is of volumes; expected false (preset strong \
             has nnU-Net's)",
            study.at_line(name),
            pack.path().display()
        ),
        None => Ok(()),
    }
}

/// A pack's path from the root, of one of its folds too.
fn canonical(path: &Path) -> Result<PathBuf> {
    let of = |path: &Path| path.canonicalize().with_context(|| format!("{}", path.display()));
    match view::of(path) {
        Some((above, view)) => Ok(view::name(&canonical(above)?, view)),
        None => of(path),
    }
}

fn imported(study: &Study, imported: &ImportedPack, real: &Pack) -> Result<ImportedInfo> {
    let at = || study.at(&imported.pack.span());
    let path = study.resolve(imported.pack.get_ref());
    let pack = Pack::open_any(&path).with_context(at)?;
    let [made, expected] = [&pack, real].map(Pack::slice_shape);
    if made.planes != expected.planes {
        bail!(
            "{}: {} of {}, expected {} of {} as those of {}",
            at(),
            made.what(),
            made.size(),
            expected.what(),
            expected.size(),
            real.path().display()
        );
    }
    let Provenance::Synthetic { gan, .. } = &pack.manifest().provenance else {
        bail!("{}: {} is real, expected a synthetic pack", at(), path.display());
    };
    let path = path.canonicalize().with_context(|| format!("{}", path.display()))?;
    Ok(ImportedInfo { name: gan.clone(), path, digest: pack.digest().to_owned() })
}

/// Refuses packs that changed since this study began; notes them at its start.
pub(crate) fn same(study: &Study, packs: &[PackInfo]) -> Result<()> {
    let path = study.folder().join(format!("packs-{}.json", study.name));
    let mut noted: BTreeMap<String, String> = match vesalius_data::files::read::state(&path) {
        Ok(bytes) => vesalius_data::text::strings::from_json(&bytes)
            .with_context(|| format!("{}: not a list of packs", path.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => {
            return Err(error).with_context(|| format!("{}: cannot be read", path.display()));
        }
    };
    let imported = packs.iter().flat_map(|pack| {
        pack.imported
            .iter()
            .map(|made| (format!("{}/{}", pack.name, made.name), &made.path, &made.digest))
    });
    let all = packs.iter().map(|pack| (pack.name.clone(), &pack.path, &pack.digest));
    for (name, path, digest) in all.chain(imported) {
        let before = noted.insert(name, digest.clone());
        if let Some(before) = before.filter(|before| before != digest) {
            bail!(
                "{}: digest {:.12}, expected {before:.12}: the pack changed since study {} began; put the old one back, \
                 or give the study another name",
                path.display(),
                digest,
                study.name
            );
        }
    }
    write_file(&path, &serde_json::to_vec_pretty(&noted)?)
}
