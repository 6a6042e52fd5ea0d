//! Sheets of phantoms, through `prepare`.

use super::{Altered, From, settings};
use anyhow::Result;
use std::path::Path;
use vesalius_data::checks::findings::Weight;
use vesalius_data::checks::sheet;
use vesalius_data::layouts::{Source, SourceKind, SourceOptions, open};
use vesalius_data::pack::Pack;
use vesalius_data::phantom::{self, PhantomKind};
use vesalius_data::prepare::settings::Window;
use vesalius_data::prepare::split::{Division, SplitRule};
use vesalius_data::prepare::{Job, Summary, prepare};
use vesalius_data::volume::{Case, CaseFiles, Found, Reader};

fn job(source: &dyn Source, kind: SourceKind, root: &Path, window: Window, pack: &Path) -> Summary {
    let job = Job {
        findings: vec![],
        source,
        source_name: kind.name(),
        dataset: None,
        root,
        settings: &settings([64, 64], window),
        division: &Division {
            test: SplitRule::Seeded { seed: 1, test_share: 0.3 },
            validation: None,
        },
        command: "vesalius prepare".to_owned(),
    };
    prepare(job, pack, |_, _| {}).unwrap()
}

fn warnings(summary: &Summary) -> Vec<String> {
    let heavy = summary.findings.iter().filter(|finding| finding.weight == Weight::Warning);
    heavy.map(|finding| format!("{}: {}", finding.of, finding.text)).collect()
}

const KINDS: [(PhantomKind, SourceKind); 3] = [
    (PhantomKind::Acdc, SourceKind::Acdc),
    (PhantomKind::Sliver07, SourceKind::Sliver07),
    (PhantomKind::Idrid, SourceKind::Idrid),
];

#[test]
fn every_pack_has_a_whole_sheet_and_phantoms_have_no_warning() {
    for (phantom, kind) in KINDS {
        let folder = tempfile::tempdir().unwrap();
        let (root, pack) = (folder.path().join("data"), folder.path().join("pack"));
        phantom::write(phantom, &root, 4, 3).unwrap();
        let source = open(kind, &root, &SourceOptions::default()).unwrap();
        let summary = job(source.as_ref(), kind, &root, kind.usual_window(), &pack);
        assert_eq!(warnings(&summary), [""; 0], "{kind:?}");
        let (sheet, page) = sheet::read(&pack).unwrap().unwrap();
        let opened = Pack::open(&pack).unwrap();
        assert_eq!(sheet.cases.len(), opened.manifest().cases.len());
        assert_eq!(sheet.patients.len(), 4);
        assert_eq!(sheet.patients.iter().map(|row| row.slices).sum::<usize>(), opened.len());
        for (facts, case) in sheet.cases.iter().zip(&opened.manifest().cases) {
            assert_eq!((&facts.case, facts.side), (&case.id, case.split));
            let shares: f64 = facts.classes.iter().map(|class| class.share).sum();
            assert!((shares - 1.0).abs() < 1e-9);
            let before = facts.before;
            let ordered = [before.least, before.low, before.median, before.high, before.greatest];
            assert!(ordered.is_sorted(), "{ordered:?}");
            assert!(facts.after.levels > 30, "{}", facts.after.levels);
        }
        assert!(sheet.patients.iter().all(|row| row.fit.unwrap() > 0.3), "{:?}", sheet.patients);
        let text = std::fs::read_to_string(page).unwrap();
        assert!(text.contains("No warnings") && text.ends_with("</html>\n"));
        assert_eq!(text.matches("<img ").count(), 4);
        assert_eq!(text.matches("<img alt=\"Slices of patient").count(), 4);
        assert!(image::open(pack.join(sheet::MONTAGE)).is_ok());
    }
}

/// A mask whose header was ignored, or that is another's: what case 02, 05, 07 and 17 were like.
#[test]
fn masks_that_do_not_lie_on_their_images_are_a_warning_of_prepare() {
    let ways: [(&str, &From); 4] = [
        ("mirrored left to right", &|_, [_, _, w], [k, y, x]| [k, y, w - 1 - x]),
        ("mirrored up and down", &|_, [_, h, _], [k, y, x]| [k, h - 1 - y, x]),
        ("turned by 180", &|_, [_, h, w], [k, y, x]| [k, h - 1 - y, w - 1 - x]),
        ("from the last to the first", &|_, [s, _, _], [k, y, x]| [s - 1 - k, y, x]),
    ];
    for (phantom, kind) in KINDS {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("data");
        phantom::write(phantom, &root, 3, 5).unwrap();
        let source = open(kind, &root, &SourceOptions::default()).unwrap();
        for (word, from) in ways {
            if kind == SourceKind::Idrid && word.starts_with("from") {
                continue;
            }
            let altered = Altered { source: source.as_ref(), from };
            let pack = folder.path().join(word);
            let summary = job(&altered, kind, &root, kind.usual_window(), &pack);
            let found = warnings(&summary);
            assert!(found.iter().any(|text| text.contains(word)), "{kind:?} {word}: {found:?}");
            let (sheet, page) = sheet::read(&pack).unwrap().unwrap();
            assert_eq!(sheet.findings[0].weight, Weight::Warning);
            assert!(std::fs::read_to_string(page).unwrap().contains(word));
        }
    }
}

/// Computed tomography in a type of which it uses a thirtieth.
struct SixteenBits<'a> {
    source: &'a dyn Source,
}

impl Source for SixteenBits<'_> {
    fn dataset(&self) -> String {
        self.source.dataset()
    }

    fn classes(&self) -> Vec<String> {
        self.source.classes()
    }

    fn cases(&self) -> Result<Found> {
        self.source.cases()
    }

    fn load(&self, files: &CaseFiles, reader: &mut Reader) -> Result<Case> {
        let mut case = self.source.load(files, reader)?;
        case.volume.full_range = Some([-32_768.0, 32_767.0]);
        Ok(case)
    }
}

#[test]
fn a_window_that_leaves_a_few_grey_levels_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let (root, pack) = (folder.path().join("data"), folder.path().join("pack"));
    phantom::write(PhantomKind::Sliver07, &root, 2, 3).unwrap();
    let source = open(SourceKind::Sliver07, &root, &SourceOptions::default()).unwrap();
    let window = Window::Range { low: -30_000.0, high: 60_000.0 };
    let summary = job(source.as_ref(), SourceKind::Sliver07, &root, window, &pack);
    let found = warnings(&summary);
    assert!(found.iter().any(|text| text.contains("grey levels are left")), "{found:?}");
    // The window of the whole type is told once, about all images.
    let words = SixteenBits { source: source.as_ref() };
    let pack = folder.path().join("words");
    let summary = job(&words, SourceKind::Sliver07, &root, Window::Full {}, &pack);
    let found = warnings(&summary);
    let said = found.iter().filter(|text| text.contains("grey levels are left"));
    assert_eq!(said.count(), 1, "{found:?}");
}

#[test]
fn the_sheet_is_outside_of_the_packs_digest() {
    let folder = tempfile::tempdir().unwrap();
    let (root, pack) = (folder.path().join("data"), folder.path().join("pack"));
    phantom::write(PhantomKind::Acdc, &root, 2, 3).unwrap();
    let source = open(SourceKind::Acdc, &root, &SourceOptions::default()).unwrap();
    job(source.as_ref(), SourceKind::Acdc, &root, SourceKind::Acdc.usual_window(), &pack);
    let digest = Pack::open(&pack).unwrap().digest().to_owned();
    for file in [sheet::PAGE, sheet::NUMBERS, sheet::MONTAGE] {
        std::fs::remove_file(pack.join(file)).unwrap();
    }
    assert_eq!(Pack::open(&pack).unwrap().digest(), digest);
    assert!(sheet::read(&pack).unwrap().is_none());
}
