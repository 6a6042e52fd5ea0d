//! Which training, and how many images, stand behind a run: a join on digests.

use super::runs::{Run, of_stage};
use vesalius_data::run::Input;
use vesalius_data::run::facts::SyntheticFacts;

/// Synthetic packs of a run that was trained on them or judged them.
pub fn synthetic(run: &Run) -> impl Iterator<Item = (&Input, &SyntheticFacts)> {
    let inputs = run.result.inputs.iter();
    inputs
        .filter(|input| matches!(input.role.as_str(), "synthetic" | "train"))
        .filter_map(|input| Some((input, input.synthetic()?)))
}

/// Trainings that left the weights which made a pack: several where one went on from the other, of which the pack's run
/// tells the one that was sampled; or where results of an older version cannot tell.
pub fn trainings<'a>(runs: &[&'a Run], facts: &SyntheticFacts) -> Vec<&'a Run> {
    let Some(checkpoint) = &facts.checkpoint else { return vec![] };
    let left = |run: &&&'a Run| {
        let training = run.result.training.as_ref();
        training.is_some_and(|training| training.checkpoints.contains(checkpoint))
    };
    let found: Vec<&Run> = of_stage(runs, "train").filter(|run| left(&run)).collect();
    let is_named = |run: &&Run| {
        let training = run.result.training.as_ref();
        facts.run.is_some() && training.map(|training| &training.run) == facts.run.as_ref()
    };
    let named: Vec<&Run> = found.iter().copied().filter(is_named).collect();
    if found.len() > 1 && !named.is_empty() { named } else { found }
}

/// The training that made the synthetic images of a run. Where no pack names its weights, the GAN's only one. None
/// where
/// it cannot be told.
pub fn training<'a>(runs: &[&'a Run], run: &Run) -> Option<&'a Run> {
    if let Some((_, facts)) = synthetic(run).find(|(_, facts)| facts.checkpoint.is_some()) {
        return match trainings(runs, facts).as_slice() {
            [only] => Some(only),
            _ => None,
        };
    }
    let gan = run.gan()?;
    let mut of_gan = of_stage(runs, "train").filter(|training| training.gan() == Some(gan));
    let only = of_gan.next()?;
    of_gan.next().is_none().then_some(only)
}

/// How many synthetic images a run was trained on or judged, where each of its packs says it.
pub fn sampled_count(run: &Run) -> Option<u64> {
    let counts: Option<Vec<u64>> = synthetic(run).map(|(_, facts)| facts.count).collect();
    counts.filter(|counts| !counts.is_empty()).map(|counts| counts.iter().sum())
}

/// The same, or else what any score of the same images says.
pub fn synthetic_count(runs: &[&Run], run: &Run) -> Option<u64> {
    let of_scores = |run: &Run| {
        run.result.scores.iter().find_map(|s| s.synthetic_count).map(|count| count as u64)
    };
    sampled_count(run).or_else(|| of_scores(run)).or_else(|| {
        let digest = synthetic_digest(run)?;
        let same = |other: &&&Run| synthetic_digest(other) == Some(digest);
        runs.iter().filter(same).find_map(|other| of_scores(other))
    })
}

/// The digest of the synthetic images a run is about: equal digests are the same images. None where it is about several
/// sets of them.
pub fn synthetic_digest(run: &Run) -> Option<&str> {
    let mut found = synthetic(run);
    let (first, _) = found.next()?;
    found.next().is_none().then_some(first.sha256.as_str())
}

/// Digests of the packs that a U-Net was trained on, sorted.
pub fn training_packs(run: &Run) -> Vec<&str> {
    let train = run.result.inputs.iter().filter(|input| input.role == "train");
    let mut digests: Vec<&str> = train.map(|input| input.sha256.as_str()).collect();
    digests.sort_unstable();
    digests
}

/// Digest of the pack that a digest is a fold of, as far as the results at hand say; else the digest itself.
pub fn whole<'r>(runs: &[&'r Run], digest: &'r str) -> &'r str {
    let inputs = runs.iter().flat_map(|run| &run.result.inputs);
    inputs.into_iter().find(|input| input.sha256 == digest).map_or(digest, Input::whole)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, result};
    use super::*;
    use vesalius_data::run::RunResult;
    use vesalius_data::run::facts::{Filter, PackFacts, TrainingFacts};

    fn trained(run: &str, checkpoints: &[&str]) -> RunResult {
        let mut trained = result("train", Some("lsgan"), vec![]);
        let checkpoints = checkpoints.iter().map(|digest| (*digest).to_owned()).collect();
        trained.training = Some(TrainingFacts { run: run.into(), checkpoints });
        trained.inputs = vec![input("pack", "real", None)];
        trained.settings = serde_json::json!({ "training": { "seed": run }, "kimg": 1 });
        trained
    }

    fn input(role: &str, sha256: &str, facts: Option<SyntheticFacts>) -> Input {
        let path = format!("packs/{sha256}").into();
        let pack = facts.map(|facts| PackFacts::Synthetic(Box::new(facts)));
        Input { role: role.into(), path, sha256: sha256.into(), command: String::new(), pack }
    }

    fn made(checkpoint: &str, run: &str) -> SyntheticFacts {
        SyntheticFacts {
            checkpoint: Some(checkpoint.into()),
            run: Some(run.into()),
            count: Some(10),
            ..SyntheticFacts::unknown("acdc")
        }
    }

    /// Which of the trainings made a pack, by its settings.
    fn maker(trainings: &[RunResult], facts: SyntheticFacts) -> Option<String> {
        let mut judged = result("metrics", Some("lsgan"), vec![]);
        judged.inputs = vec![input("synthetic", "pack", Some(facts))];
        let mut fixture = Fixture::new();
        trainings.iter().chain([&judged]).for_each(|result| {
            fixture.add(result);
        });
        let runs = fixture.runs();
        let runs: Vec<&Run> = runs.iter().collect();
        let judged = of_stage(&runs, "metrics").next().unwrap();
        training(&runs, judged).map(|run| run.result.training.clone().unwrap().run)
    }

    #[test]
    fn a_sample_is_found_by_the_weights_that_made_it() {
        let two = [trained("short", &["a", "b"]), trained("other", &["c"])];
        assert_eq!(maker(&two, made("b", "short")).as_deref(), Some("short"));
        assert_eq!(maker(&two, made("c", "other")).as_deref(), Some("other"));
        // Its settings were written anew since: the weights are still these.
        assert_eq!(maker(&two, made("c", "before")).as_deref(), Some("other"));
        // Weights of no training at hand are not those of the only training at hand.
        assert_eq!(maker(&two[..1], made("d", "short")), None);
        let silent = SyntheticFacts::unknown("acdc");
        assert_eq!(maker(&two[..1], silent.clone()).as_deref(), Some("short"));
        assert_eq!(maker(&two, silent), None);
    }

    #[test]
    fn of_trainings_that_went_on_from_each_other_the_sampled_one_is_told() {
        let rungs = [trained("short", &["a", "b"]), trained("long", &["b", "c"])];
        assert_eq!(maker(&rungs, made("b", "short")).as_deref(), Some("short"));
        assert_eq!(maker(&rungs, made("b", "long")).as_deref(), Some("long"));
        assert_eq!(maker(&rungs, made("b", "neither")), None);
    }

    #[test]
    fn numbers_of_images_are_those_of_the_packs() {
        let count = |packs: Vec<SyntheticFacts>| {
            let mut judged = result("metrics", Some("lsgan"), vec![]);
            let inputs = packs.into_iter().enumerate();
            judged.inputs =
                inputs.map(|(i, facts)| input("synthetic", &i.to_string(), Some(facts))).collect();
            let mut fixture = Fixture::new();
            fixture.add(&judged);
            sampled_count(&fixture.runs()[0])
        };
        let filter = Some(Filter { pack: "all".into(), kept: 10, of: 12 });
        assert_eq!(
            count(vec![made("a", ""), SyntheticFacts { filter, ..made("b", "") }]),
            Some(20)
        );
        assert_eq!(count(vec![made("a", ""), SyntheticFacts::unknown("acdc")]), None);
        assert_eq!(count(vec![]), None);
    }
}
