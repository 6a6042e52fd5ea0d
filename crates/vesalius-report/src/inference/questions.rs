//! Which training sets a report compares, which comparison comes first, and what is left of the others' claims.

use super::compare::{Comparison, Decision};
use super::primary::{FEWEST_PATIENTS, SECONDARY};
use crate::evidence::{Evidence, TrainingSet, shares};
use vesalius_data::pack::row::RowId;
use vesalius_data::run::TrainedOn;
use vesalius_statistics::mrmc::{Claim, Difference, claims};

/// A question with the comparisons that answer it.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Which.
    pub kind: Kind,
    /// One per training set that can be compared.
    pub comparisons: Vec<Comparison>,
}

/// Questions that a report asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Real and synthetic against real: does adding help?
    AddedToReal,
    /// Real and synthetic against classical augmentation: does it do more than what costs nothing?
    AddedAgainstAugmented,
    /// Synthetic alone against real: could it stand in?
    AloneAgainstReal,
    /// Synthetic alone against classical augmentation.
    AloneAgainstAugmented,
    /// The most useful GAN against the others, images alone.
    BestAgainstOthers,
    /// Controls against real images.
    Controls,
}

/// All questions, in the report's order.
pub const KINDS: [Kind; 6] = [
    Kind::AddedToReal,
    Kind::AddedAgainstAugmented,
    Kind::AloneAgainstReal,
    Kind::AloneAgainstAugmented,
    Kind::BestAgainstOthers,
    Kind::Controls,
];

impl Kind {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::AddedToReal => "Does adding GAN images to the real ones help?",
            Self::AddedAgainstAugmented => {
                "Does adding GAN images do more than classical augmentation?"
            }
            Self::AloneAgainstReal => "Can GAN images stand in for the real ones?",
            Self::AloneAgainstAugmented => {
                "Can GAN images stand in for real ones with classical augmentation?"
            }
            Self::BestAgainstOthers => "Is the most useful GAN better than the others?",
            Self::Controls => "What do the controls come to?",
        }
    }

    /// Name in files: a format.
    pub fn key(self) -> &'static str {
        match self {
            Self::AddedToReal => "added_to_real",
            Self::AddedAgainstAugmented => "added_against_augmented",
            Self::AloneAgainstReal => "alone_against_real",
            Self::AloneAgainstAugmented => "alone_against_augmented",
            Self::BestAgainstOthers => "best_against_others",
            Self::Controls => "controls",
        }
    }
}

/// How the primary comparison was chosen; none of these ways sees a test patient.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// Its GAN was named in the question.
    Asked(RowId),
    /// Its GAN's segmenters were best on the validation patients.
    Validated(RowId),
    /// Its GAN's images lie nearest to the training images: name of the distance.
    Nearest(RowId, String),
    /// There is one GAN.
    Only,
    /// Nothing tells the GANs apart but the test patients: all of them are primary, corrected for their number.
    All,
}

/// All that is compared, with what may be said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Inference {
    /// How the primary comparison was chosen.
    pub choice: Choice,
    /// Which question holds it.
    pub primary: Kind,
    /// All questions, in the report's order.
    pub questions: Vec<Question>,
}

impl Inference {
    /// Compares, corrects and decides.
    pub fn of(evidence: &Evidence) -> Self {
        let mut questions: Vec<Question> = KINDS.map(|kind| compare(evidence, kind)).into();
        let has = |kind: Kind| {
            let asked = questions.iter().find(|question| question.kind == kind);
            asked.is_some_and(|question| !question.comparisons.is_empty())
        };
        // Against what costs nothing, where that was tried.
        let augmented = has(Kind::AddedAgainstAugmented) && !is_augmented(evidence);
        let primary = if augmented { Kind::AddedAgainstAugmented } else { Kind::AddedToReal };
        let comparisons = questions.iter_mut().find(|question| question.kind == primary);
        let comparisons = comparisons.map_or(&mut [][..], |found| &mut found.comparisons);
        let mut asked = candidates(comparisons);
        let (choice, gan) = choose(evidence, &asked);
        asked.retain(|comparison| gan.is_none() || comparison.gan == gan);
        for comparison in asked {
            comparison.is_primary = true;
        }
        decide(evidence, &mut questions);
        Self { choice, primary, questions }
    }

    /// A question's comparisons.
    pub fn question(&self, kind: Kind) -> &[Comparison] {
        let found = self.questions.iter().find(|question| question.kind == kind);
        found.map_or(&[], |question| &question.comparisons)
    }

    /// The comparisons that were asked first.
    pub fn primary(&self) -> impl Iterator<Item = &Comparison> {
        self.question(self.primary).iter().filter(|comparison| comparison.is_primary)
    }

    /// All others.
    pub fn secondary(&self) -> impl Iterator<Item = &Comparison> {
        let all = self.questions.iter().flat_map(|question| &question.comparisons);
        all.filter(|comparison| !comparison.is_primary)
    }
}

/// Whether segmenters of real images alone see them augmented already, as most are judged.
fn is_augmented(evidence: &Evidence) -> bool {
    evidence.usual.get("augmentation").is_some_and(|augmentation| augmentation != "none")
}

/// The comparisons of one question, nothing decided.
fn compare(evidence: &Evidence, kind: Kind) -> Question {
    // Against real images alone that were judged in the same way, or against nothing.
    let against = |trained_on: TrainedOn, reference: TrainedOn| -> Vec<Comparison> {
        let sets = evidence.sets.iter().filter(|s| s.trained_on == trained_on && s.dice.is_some());
        // Augmented ones are compared with augmented real images.
        let asked = |set: &&TrainingSet| {
            !evidence.is_aside(set)
                && (!set.is_augmented_mix() || reference == TrainedOn::RealAugmented)
        };
        sets.filter(asked)
            .filter_map(|a| Comparison::of(evidence, a, evidence.reference(a, reference)?))
            .collect()
    };
    let best_against = |order: &[&TrainingSet]| match order.split_last() {
        Some((best, others)) => {
            others.iter().rev().filter_map(|other| Comparison::of(evidence, best, other)).collect()
        }
        None => vec![],
    };
    let comparisons = match kind {
        Kind::AddedToReal => against(TrainedOn::RealAndSynthetic, TrainedOn::Real),
        Kind::AddedAgainstAugmented => {
            against(TrainedOn::RealAndSynthetic, TrainedOn::RealAugmented)
        }
        Kind::AloneAgainstReal => against(TrainedOn::Synthetic, TrainedOn::Real),
        Kind::AloneAgainstAugmented => against(TrainedOn::Synthetic, TrainedOn::RealAugmented),
        Kind::BestAgainstOthers => best_against(&evidence.by_usefulness()),
        Kind::Controls => {
            let controls =
                evidence.sets.iter().filter(|s| s.control().is_some() && s.dice.is_some());
            let reference = |set: &TrainingSet| evidence.reference(set, TrainedOn::Real);
            controls.filter_map(|a| Comparison::of(evidence, a, reference(a)?)).collect()
        }
    };
    Question { kind, comparisons }
}

/// What may be primary. Of several judges that of the tables: a weaker segmenter gains by images that a stronger one can
/// do without, and an ensemble of several trainings is tried once where each of them is a run. Of a generator all its
/// images: what was filtered by what they look like is another question.
fn candidates(comparisons: &mut [Comparison]) -> Vec<&mut Comparison> {
    let usual = comparisons.iter().any(|c| c.is_usual);
    let filtered = |c: &Comparison| c.gan.as_ref().is_some_and(RowId::is_filtered);
    let whole = comparisons.iter().any(|c| !filtered(c));
    // With the real images augmented, too, it is a question beside that of costs.
    let plain = comparisons.iter().any(|c| !c.is_augmented_mix);
    let may = |c: &Comparison| {
        (!usual || c.is_usual) && (!whole || !filtered(c)) && (!plain || !c.is_augmented_mix)
    };
    comparisons.iter_mut().filter(|comparison| may(comparison)).collect()
}

/// The GAN of the primary comparison, and why; none where all are primary.
fn choose(evidence: &Evidence, asked: &[&mut Comparison]) -> (Choice, Option<RowId>) {
    let mut gans: Vec<&RowId> = asked.iter().filter_map(|c| c.gan.as_ref()).collect();
    gans.dedup();
    if let Some(asked) = evidence.question.gan.clone() {
        return (Choice::Asked(asked.clone()), Some(asked));
    }
    if gans.len() < 2 {
        return (Choice::Only, None);
    }
    if let Some(gan) = best(&gans, |gan| Some(-validated(evidence, gan)?)) {
        return (Choice::Validated(gan.clone()), Some(gan));
    }
    if let Some(distance) = evidence.distance() {
        let of = |gan: &RowId| evidence.measure(gan, &distance).map(|measure| measure.value);
        if let Some(gan) = best(&gans, of) {
            return (Choice::Nearest(gan.clone(), distance.title()), Some(gan));
        }
    }
    (Choice::All, None)
}

/// The GAN with the least value; none where one was not measured, which could be the best.
fn best(gans: &[&RowId], value: impl Fn(&RowId) -> Option<f64>) -> Option<RowId> {
    let known: Option<Vec<f64>> = gans.iter().map(|gan| value(gan)).collect();
    let pairs = gans.iter().zip(known?);
    pairs.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(gan, _)| (*gan).clone())
}

/// Mean Dice on the validation patients of segmenters that saw a GAN's images beside real ones.
fn validated(evidence: &Evidence, gan: &RowId) -> Option<f64> {
    let mut own = evidence.usual_sets(TrainedOn::RealAndSynthetic);
    let set = own.find(|set| set.gan.as_ref() == Some(gan) && !evidence.is_aside(set))?;
    shares::validated(set)
}

/// Corrects the p-values of the primary comparisons and of all others, each family together, and decides.
fn decide(evidence: &Evidence, questions: &mut [Question]) {
    let asked = &evidence.question;
    for (is_primary, level) in [(true, asked.level), (false, SECONDARY)] {
        let all = questions.iter_mut().flat_map(|question| &mut question.comparisons);
        let family: Vec<&mut Comparison> =
            all.filter(|comparison| comparison.is_primary == is_primary).collect();
        let (enough, few): (Vec<_>, Vec<_>) =
            family.into_iter().partition(|comparison| comparison.patients >= FEWEST_PATIENTS);
        for comparison in few.into_iter().filter(|comparison| comparison.study.is_some()) {
            comparison.decision = Decision::FewPatients;
        }
        let known: Vec<&Difference> =
            enough.iter().filter_map(|comparison| comparison.study.as_ref()).collect();
        let mut claimed = claims(&known, asked.margin, level).into_iter();
        for comparison in enough.into_iter().filter(|comparison| comparison.study.is_some()) {
            let Some((p, claim)) = claimed.next() else { break };
            comparison.corrected = Some(p);
            comparison.decision = match claim {
                Claim::Better => Decision::Helps,
                Claim::Worse => Decision::Harms,
                Claim::Equivalent => Decision::Equivalent,
                Claim::Undecided => Decision::Undecided,
            };
        }
    }
}
