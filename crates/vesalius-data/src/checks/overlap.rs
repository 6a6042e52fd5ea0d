//! What must not meet: the questions that commands ask of [`lineage`](super::lineage), and the sentences that refuse.
//!
//! Each returns what is wrong in one line, or nothing. Whoever goes on all the same takes the sentence into its
//! protocols.

use super::lineage::{Met, Person, Relation, behind, list, meet, namesakes, persons, relation};
use crate::pack::Pack;
use crate::pack::manifest::{Provenance, Split};

/// What was found when packs were brought together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meeting {
    /// Why the numbers would not mean what they say; refused unless the user means it.
    pub overlap: Vec<String>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Training packs against the pack whose test patients judge.
pub fn training_and_test(train: &[&Pack], test: &Pack) -> Meeting {
    let judged = persons(test.manifest(), Split::Test);
    let validating = persons(test.manifest(), Split::Validate);
    let known: Vec<&Pack> = train.iter().copied().chain([test]).collect();
    let mut meeting = Meeting::default();
    for pack in train {
        let Some(behind) = behind(pack, &known) else {
            meeting.overlap.push(unknown(pack, "trained it"));
            continue;
        };
        for (there, does) in [(&judged, "test"), (&validating, "validate")] {
            let met = meet(there, &behind);
            if met.is_empty() {
                continue;
            }
            let how = if is_synthetic(pack) {
                "made (its generator was trained on them)"
            } else {
                "train"
            };
            meeting.overlap.push(format!(
                "{} of {} {does} there and {how} {}: {}{}",
                patients(met.len()),
                test.path().display(),
                pack.path().display(),
                list(&met),
                by_name(&met)
            ));
        }
        let names = namesakes(&judged, &behind);
        if !names.is_empty() {
            meeting.notes.push(format!(
                "{}: {} as test patients of {} (another dataset) are called; their images differ, so they are taken as \
                 others",
                list(&names),
                pack.path().display(),
                test.path().display()
            ));
        }
    }
    meeting
}

/// A generator's images against the pack of which both sides are used: its training side as what the generator saw, its
/// test side as what it did not.
pub fn made_and_both_sides(real: &Pack, made: &Pack) -> Meeting {
    match relation(real, made) {
        Relation::Trained => Meeting::default(),
        Relation::Unknown(digest) if digest.is_empty() => {
            refuse(unknown(made, "trained its generator"))
        }
        Relation::Unknown(digest) => refuse(format!(
            "{} was trained on the pack {digest:.12}, not on {} ({:.12})",
            made.path().display(),
            real.path().display(),
            real.digest()
        )),
        Relation::Apart => refuse(format!(
            "{} was made of none of the patients of {}; expected the pack that its generator was trained on",
            made.path().display(),
            real.path().display()
        )),
        Relation::Mixed { held_out_seen, validating_seen, training_unseen, seen_elsewhere } => {
            let mut parts = Vec::new();
            let mut part = |names: String, count: usize, text: &str| {
                if count > 0 {
                    parts.push(format!("{} {text}: {names}", patients(count)));
                }
            };
            part(
                list(&held_out_seen),
                held_out_seen.len(),
                "test here, though its generator saw them",
            );
            part(
                list(&validating_seen),
                validating_seen.len(),
                "validate here, though its generator saw them",
            );
            part(
                list(&training_unseen),
                training_unseen.len(),
                "train here, though it did not see them",
            );
            part(list(&seen_elsewhere), seen_elsewhere.len(), "are not here, though it saw them");
            refuse(format!(
                "{} was not trained on {}: {}",
                made.path().display(),
                real.path().display(),
                parts.join("; ")
            ))
        }
    }
}

/// A generator's images against one side of a real pack.
pub fn made_and_side(real: &Pack, made: &Pack, side: Split) -> Meeting {
    let trained = relation(real, made);
    let mut meeting = Meeting::default();
    match (&trained, side) {
        (Relation::Trained, _) => {}
        (Relation::Unknown(digest), Split::Test) if digest.is_empty() => {
            meeting.overlap.push(unknown(made, "trained its generator"));
        }
        (Relation::Unknown(digest), Split::Test) => meeting.overlap.push(format!(
            "{} was trained on the pack {digest:.12}, which is not at hand: whether it saw test patients of {} cannot be told",
            made.path().display(),
            real.path().display()
        )),
        (Relation::Mixed { held_out_seen, .. }, Split::Test) if !held_out_seen.is_empty() => {
            meeting.overlap.push(format!(
                "{} of {} are held out there and were seen by the generator of {}: {}{}",
                patients(held_out_seen.len()),
                real.path().display(),
                made.path().display(),
                list(held_out_seen),
                by_name(held_out_seen)
            ));
        }
        (other, _) => meeting.notes.push(format!(
            "{} was not trained on {} ({})",
            made.path().display(),
            real.path().display(),
            match other {
                Relation::Unknown(digest) if digest.is_empty() =>
                    "made elsewhere, nobody says on whom".to_owned(),
                Relation::Unknown(digest) => format!("but on the pack {digest:.12}"),
                Relation::Apart => "none of its patients is there".to_owned(),
                _ => "but on some of its patients".to_owned(),
            }
        )),
    }
    if !is_synthetic(made) {
        meeting.notes.push(format!(
            "{}: real images, compared as if a generator had made them",
            made.path().display()
        ));
    }
    meeting
}

/// A pack that is held out, all of it, against the real pack (all of it) and the generator's images.
pub fn held_out_and_others(held_out: &Pack, real: &Pack, made: &Pack) -> Meeting {
    let all = |pack: &Pack| -> Vec<Person> {
        Split::ALL.iter().flat_map(|s| persons(pack.manifest(), *s)).collect()
    };
    let judged = all(held_out);
    let mut meeting = Meeting::default();
    let mut note = |met: Vec<Met>, other: &Pack, how: &str| {
        if !met.is_empty() {
            meeting.overlap.push(format!(
                "{} held out in {} {how} {}: {}{}",
                patients(met.len()),
                held_out.path().display(),
                other.path().display(),
                list(&met),
                by_name(&met)
            ));
        }
    };
    note(meet(&judged, &all(real)), real, "are also in");
    match behind(made, &[real, held_out]) {
        Some(behind) => note(meet(&judged, &behind), made, "were seen by the generator of"),
        None => meeting.overlap.push(unknown(made, "trained its generator")),
    }
    meeting
}

/// Masks that are painted against the patients who test in the pack that the painter was trained on.
pub fn masks_and_test(masks: &Pack, trained_on: &crate::pack::manifest::Manifest) -> Meeting {
    let judged = persons(trained_on, Split::Test);
    if judged.is_empty() {
        // A run of an older version did not keep who tests; the pack that is sampled names its persons all the same.
        return Meeting::default();
    }
    let Some(behind) = behind(masks, &[]) else { return refuse(unknown(masks, "made its masks")) };
    let met = meet(&judged, &behind);
    if met.is_empty() {
        return Meeting::default();
    }
    refuse(format!(
        "{} test in the pack that the generator was trained on and made masks of {}: {}{}",
        patients(met.len()),
        masks.path().display(),
        list(&met),
        by_name(&met)
    ))
}

fn refuse(text: String) -> Meeting {
    Meeting { overlap: vec![text], notes: vec![] }
}

fn unknown(pack: &Pack, what: &str) -> String {
    let digest = match &pack.manifest().provenance {
        Provenance::Synthetic { elsewhere: Some(_), .. } => {
            return format!(
                "{}: whose images {what} cannot be told (made elsewhere; `vesalius import --trained-on` says it)",
                pack.path().display()
            );
        }
        Provenance::Synthetic { trained_on, .. } => trained_on,
        Provenance::Real { .. } => pack.digest(),
    };
    format!(
        "{}: whose images {what} cannot be told (sampled by an older version from the pack {digest:.12}, which is not here)",
        pack.path().display()
    )
}

/// Why people are taken for the same whose images differ.
fn by_name(met: &[Met]) -> &'static str {
    if met.iter().any(|met| met.by_images) {
        ""
    } else {
        " (by their names, which are the same in datasets of one name; their images differ or are not known)"
    }
}

fn is_synthetic(pack: &Pack) -> bool {
    matches!(pack.manifest().provenance, Provenance::Synthetic { .. })
}

fn patients(count: usize) -> String {
    if count == 1 { "1 patient".to_owned() } else { format!("{count} patients") }
}
