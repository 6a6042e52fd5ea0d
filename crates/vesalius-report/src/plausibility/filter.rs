//! A synthetic pack without its implausible pairs.

use super::check::Finding;
use super::rules::Rules;
use anyhow::{Result, bail};
use std::path::Path;
use vesalius_data::pack::manifest::{CaseRecord, Filtered, Manifest, Provenance, SliceRecord};
use vesalius_data::pack::{Pack, PackWriter};

/// Refuses packs that cannot be filtered: real ones, and those that were.
///
/// # Errors
/// As said.
pub fn check(pack: &Pack) -> Result<()> {
    let path = pack.path().display();
    match &pack.manifest().provenance {
        Provenance::Real { .. } => {
            bail!("{path}: real slices, expected a synthetic pack to filter")
        }
        Provenance::Synthetic { filtered: Some(_), .. } => {
            bail!("{path}: was filtered already, expected the pack as it was sampled")
        }
        Provenance::Synthetic { .. } => Ok(()),
    }
}

/// Whether `target` is a filtered pack of `pack`: what this command may have left when it was killed between its pack
/// and its
/// result.
pub fn is_of(target: &Path, pack: &Pack) -> bool {
    let of = Pack::open(target).ok().and_then(|left| match &left.manifest().provenance {
        Provenance::Synthetic { filtered, .. } => filtered.as_ref().map(|f| f.pack.clone()),
        Provenance::Real { .. } => None,
    });
    of.is_some_and(|of| of == pack.digest())
}

/// Writes the plausible pairs of `pack` to `target`, in their order; gives their number. The very same pack there
/// stays.
///
/// # Errors
/// When the pack cannot be filtered, no pair is plausible, a slice was damaged, or `target` is something else.
///
/// # Panics
/// Unless there is a finding for every slice.
pub fn write(
    pack: &Pack,
    findings: &[Finding],
    rules: &Rules,
    target: &Path,
    command: String,
) -> Result<usize> {
    assert_eq!(findings.len(), pack.len(), "one finding per slice");
    check(pack)?;
    let kept: Vec<usize> = (0..pack.len()).filter(|&i| findings[i].plausible()).collect();
    if kept.is_empty() {
        bail!(
            "{}: all {} pairs are implausible, expected at least one to keep",
            pack.path().display(),
            pack.len()
        );
    }
    let this = Filtered {
        pack: pack.digest().to_owned(),
        kept: kept.len(),
        of: pack.len(),
        rules: rules.to_json(),
    };
    if is_of(target, pack) {
        // Of the same pairs, by the same rules: the same pack.
        let left = Pack::open(target)?;
        match &left.manifest().provenance {
            Provenance::Synthetic { filtered: Some(before), .. } if **before == this => {
                return Ok(kept.len());
            }
            _ => bail!(
                "{}: already exists, filtered by other rules; expected a new path",
                target.display()
            ),
        }
    }
    let old = pack.manifest();
    let mut writer = PackWriter::create(target, pack.slice_shape())?;
    let mut cases: Vec<CaseRecord> = Vec::new();
    let mut last = None;
    for &i in &kept {
        let slice = pack.slice(i)?;
        let SliceRecord { case, position } = old.slices[i];
        // Slices of a case lie together.
        if last != Some(case) {
            cases.push(old.cases[case].clone());
            last = Some(case);
        }
        writer.push(slice.pixels, slice.labels, SliceRecord { case: cases.len() - 1, position })?;
    }
    let mut provenance = old.provenance.clone();
    if let Provenance::Synthetic { filtered, .. } = &mut provenance {
        *filtered = Some(Box::new(this));
    }
    let vesalius = env!("CARGO_PKG_VERSION").to_owned();
    writer.finish(Manifest { vesalius, provenance, cases, command, ..old.clone() })?;
    Ok(kept.len())
}

#[cfg(test)]
mod tests {
    use super::super::rules::Ranges;
    use super::*;
    use std::collections::BTreeSet;
    use vesalius_data::pack::manifest::{PixelType, SliceShape, Split};

    /// Three pairs of 1x2 pixels.
    fn sampled(target: &Path) -> Pack {
        let slice_shape =
            SliceShape { channels: 1, planes: 1, height: 1, width: 2, pixel_type: PixelType::U8 };
        let mut writer = PackWriter::create(target, slice_shape).unwrap();
        let case =
            |i: u8| CaseRecord::new(format!("lsgan_{i}"), format!("lsgan_{i}"), Split::Train);
        for i in 0..3_u8 {
            let record = SliceRecord { case: usize::from(i), position: 0 };
            writer.push(&[i; 2], &[i % 2; 2], record).unwrap();
        }
        let manifest = Manifest {
            cases: (0..3).map(case).collect(),
            command: "vesalius sample".into(),
            ..Manifest::new(
                "test",
                vec!["background".into(), "disc".into()],
                slice_shape,
                Provenance::made("lsgan", "t"),
            )
        };
        writer.finish(manifest).unwrap();
        Pack::open(target).unwrap()
    }

    fn rules() -> Rules {
        Rules {
            classes: vec!["background".into(), "disc".into()],
            ranges: Ranges { all: vec![], combinations: BTreeSet::from([vec![1]]) },
            margin: 0.5,
            target: 0.02,
            cross_validated: 0.02,
            masks: 40,
            patients: 10,
        }
    }

    fn findings(plausible: [bool; 3]) -> Vec<Finding> {
        let of =
            |plausible| Finding { broken: if plausible { vec![] } else { vec![0] }, severity: 0.0 };
        plausible.map(of).to_vec()
    }

    #[test]
    fn what_is_kept_keeps_its_pixels_and_its_provenance_says_what_went() {
        let folder = tempfile::tempdir().unwrap();
        let pack = sampled(&folder.path().join("all"));
        let target = folder.path().join("plausible");
        let kept = findings([false, true, true]);
        assert_eq!(write(&pack, &kept, &rules(), &target, "now".into()).unwrap(), 2);
        let found = Pack::open(&target).unwrap();
        assert_eq!(found.slice(0).unwrap().pixels, [1, 1]);
        assert_eq!(found.slice(1).unwrap().labels, [0, 0]);
        assert_eq!(found.manifest().case(1).id, "lsgan_2");
        let provenance = &found.manifest().provenance;
        assert_eq!(provenance.row().unwrap().to_string(), "lsgan, plausible only");
        assert!(provenance.describe().contains("plausible only: 2 of 3 pairs kept"));
        let Provenance::Synthetic { filtered: Some(filtered), .. } = provenance else {
            panic!("{provenance:?}")
        };
        assert_eq!((&filtered.pack[..], &filtered.rules["margin"]), (pack.digest(), &0.5.into()));
        let again = check(&found).unwrap_err().to_string();
        assert!(again.contains("filtered already"), "{again}");
    }

    #[test]
    fn nothing_plausible_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let pack = sampled(&folder.path().join("all"));
        let target = folder.path().join("plausible");
        let error = write(&pack, &findings([false; 3]), &rules(), &target, String::new());
        assert!(error.unwrap_err().to_string().contains("all 3 pairs are implausible"));
        assert!(!target.exists());
    }
}
