use super::*;
use crate::rng::Purpose;
use crate::sample::latents;

type Measure = fn(&Comparison) -> Result<Vec<Score>>;

/// What tests compare; each changes what it is about.
fn comparison(sets: &[FeatureSet; 2]) -> Comparison<'_> {
    Comparison {
        real: &sets[0],
        synthetic: &sets[1],
        held_out: None,
        logits: None,
        real_groups: None,
        held_out_groups: None,
        extractor: "test",
        dialect: None,
        treatment: "as they are",
        is_fid: false,
        kid_subset: Subset::Ours,
        divisor: Divisor::Unbiased,
        intervals: false,
    }
}

fn sets(real: &Tensor, synthetic: &Tensor) -> [FeatureSet; 2] {
    [("real", real), ("synthetic", synthetic)].map(|(side, x)| FeatureSet::new(side, x).unwrap())
}

/// Interval of a distance between `real`, whose samples belong to `groups`, and `synthetic`.
fn interval(sets: &[FeatureSet; 2], groups: Option<&[String]>, measure: Measure) -> [f64; 2] {
    let found = Comparison { real_groups: groups, intervals: true, ..comparison(sets) };
    let score = measure(&found).unwrap().remove(0);
    let [low, high] = score.interval.unwrap();
    assert!(low <= score.value && score.value <= high, "{low} {} {high}", score.value);
    assert!(score.protocol.contains("bootstrap distances over patients and samples"));
    [low, high]
}

#[test]
fn a_distance_is_a_fid_only_in_fids_network_and_with_unbiased_covariances() {
    let draw = |seed| latents(seed, Purpose::Latent, 0, 40, 5);
    let sets = sets(&draw(1), &(draw(2) * 1.5 + 0.4));
    let measured = |is_fid, divisor| {
        let dialect = Some("clean-fid");
        let asked = Comparison { dialect, is_fid, divisor, ..comparison(&sets) };
        asked.frechet_distance().unwrap().remove(0)
    };
    let fid = measured(true, Divisor::Unbiased);
    assert_eq!((fid.metric.as_str(), fid.dialect.as_deref()), ("fid", Some("clean-fid")));
    assert_eq!((fid.real_count, fid.synthetic_count), (Some(40), Some(40)));
    assert!(fid.protocol.contains("divided by N-1"), "{}", fid.protocol);
    assert_eq!(measured(false, Divisor::Unbiased).metric, "frechet_distance");
    let biased = measured(true, Divisor::Biased);
    assert_eq!(biased.metric, "frechet_distance");
    assert!(biased.protocol.ends_with("divided by N"), "{}", biased.protocol);
    // Every covariance is (n - 1) / n of the unbiased one; the means stay.
    let means = (sets[0].mean() - sets[1].mean()).square().sum(Kind::Double).double_value(&[]);
    let expected = means + (fid.value - means) * 39.0 / 40.0;
    assert!((biased.value - expected).abs() < 1e-9, "{} {expected}", biased.value);
    assert!(fid.value - biased.value > 1e-3, "{} {}", fid.value, biased.value);
}

#[test]
fn distances_are_surer_of_many_patients_than_of_few_whose_slices_are_alike() {
    let draw = |seed, n| latents(seed, Purpose::Latent, 0, n, 3);
    // Ten patients of 12 slices that hardly differ: ten independent samples, not 120.
    let patients = draw(1, 10).repeat_interleave_self_int(12, 0, None);
    let real = patients + draw(2, 120) * 0.05;
    let synthetic = draw(3, 150);
    let sets = sets(&real, &synthetic);
    let groups: Vec<String> = (0..120).map(|i| (i / 12).to_string()).collect();
    for (metric, measure) in OF_FEATURES.into_iter().take(3) {
        let [low, high] = interval(&sets, Some(&groups), measure);
        assert_eq!([low, high], interval(&sets, Some(&groups), measure), "{metric}: repeats");
        let over_slices = interval(&sets, None, measure);
        let ratio = (high - low) / (over_slices[1] - over_slices[0]);
        assert!(ratio > 1.2, "{metric}: {ratio}");
    }
}

/// Everything that can be measured without logits, once with patients on either side.
const OF_FEATURES: [(&str, Measure); 7] = [
    ("frechet_distance", |comparison| comparison.frechet_distance()),
    ("fd_infinity", |comparison| comparison.fd_infinity()),
    ("relative_distance", |comparison| comparison.relative_distance()),
    ("kid", |comparison| comparison.kid()),
    ("precision_recall", |comparison| comparison.precision_recall()),
    ("auth_pct", |comparison| comparison.auth_pct()),
    ("c_t", |comparison| comparison.c_t()),
];

#[test]
fn every_score_of_features_as_large_or_small_as_f32_holds_is_finite() {
    let draw = |seed, n| latents(seed, Purpose::Latent, 0, n, 4).clamp(-2.5, 2.5);
    for unit in [1e38, 1e19, 1e-20, 1e-37] {
        let sets = sets(&(draw(1, 90) * unit), &((draw(2, 80) * 1.2 + 0.1) * unit));
        let held_out = FeatureSet::new("held-out", &(draw(3, 70) * unit)).unwrap();
        let asked = Comparison { held_out: Some(&held_out), intervals: true, ..comparison(&sets) };
        for (metric, measure) in OF_FEATURES {
            let scores = measure(&asked).unwrap_or_else(|e| panic!("{unit} {metric}: {e}"));
            assert!(!scores.is_empty());
            for score in scores {
                assert!(score.value.is_finite(), "{unit}: {score}");
            }
        }
        let precision = asked.precision_recall().unwrap()[0].value;
        assert!(precision > 0.3, "{unit}: {precision}");
    }
}

#[test]
fn fd_infinity_of_few_samples_says_what_one_draw_is_worth() {
    let draw = |seed, n| latents(seed, Purpose::Latent, 0, n, 8);
    let sets = sets(&draw(1, 300), &draw(2, 70));
    let score = comparison(&sets).fd_infinity().unwrap().remove(0);
    assert!(score.protocol.contains("mean of 20 draws"), "{}", score.protocol);
    // Subsets of 7 samples in 8 dimensions.
    assert!(score.protocol.contains("no more samples than features have dimensions (8)"));
    assert!(score.note.unwrap().starts_with("few samples: single draws of the subsets differ by"));
    assert!(score.standard_error.unwrap() > 0.0);
}

#[test]
fn c_t_says_how_many_samples_lie_in_cells_that_do_not_count() {
    let draw = |seed, n, at: f64| latents(seed, Purpose::Latent, 0, n, 4) * 0.1 + at;
    let cat = |parts: &[Tensor]| Tensor::cat(parts, 0);
    let three =
        |seed, n| cat(&[draw(seed, n, 0.0), draw(seed + 1, n, 5.0), draw(seed + 2, n, 9.0)]);
    // 15 synthetic samples in the third cell.
    let synthetic = cat(&[draw(20, 40, 0.0), draw(21, 40, 5.0), draw(22, 15, 9.0)]);
    let sets = sets(&three(1, 50), &synthetic);
    let held_out = FeatureSet::new("held-out", &three(10, 30)).unwrap();
    let asked = Comparison { held_out: Some(&held_out), ..comparison(&sets) };
    let score = asked.c_t().unwrap().remove(0);
    assert!(score.note.unwrap().starts_with("up to 15 of 95 synthetic samples lie in cells"));
    assert!(
        score
            .protocol
            .contains("mean of 10 divisions into 3 cells (k-means), standard deviation 0.0000")
    );
}
