//! Features and images that numbers cannot be made of, or not of all of them.

use super::Bench;
use serde_json::Value;

/// 40 to 60 points in four dimensions, as large as `unit`.
fn cloud(n: usize, shift: f64, unit: f64) -> Vec<Vec<f64>> {
    let at =
        |i: usize, j: usize| ((i + 1) as f64 * ((2 * j + 3) as f64).sqrt() + shift * 7.0).fract();
    (0..n).map(|i| (0..4).map(|j| (at(i, j) + shift) * unit).collect()).collect()
}

const METRICS: [&str; 6] =
    ["frechet_distance", "fd_infinity", "relative_distance", "kid", "precision_recall", "auth_pct"];

#[test]
fn features_too_large_or_too_alike_for_squares_are_refused_by_every_command() {
    let bench = Bench::new();
    bench.npy("fine.npy", &cloud(60, 0.0, 1.0));
    let mut one = cloud(50, 0.0, 1.0);
    one[49][3] = -1e200;
    for (name, rows, said) in [
        ("e40.npy", cloud(50, 0.2, 1e40), "expected at most 3.4e38"),
        ("e77.npy", cloud(50, 0.2, 1e77), "expected at most 3.4e38"),
        ("e120.npy", cloud(50, 0.2, 1e120), "expected at most 3.4e38"),
        ("one.npy", one, "as large as 1.0e200, expected at most 3.4e38"),
        ("alike.npy", cloud(50, 0.2, 1e-200), "the same features to within"),
    ] {
        bench.npy(name, &rows);
        for (real, synthetic, side) in [(name, "fine.npy", "real"), ("fine.npy", name, "synthetic")]
        {
            let sides = ["--real", real, "--synthetic", synthetic];
            let with = |command: &str, more: &[&'static str]| {
                let arguments: Vec<&str> =
                    [command].iter().chain(&sides).chain(more).copied().collect();
                bench.refused(&arguments, &[side, said]);
            };
            with("distance", &[]);
            with("map", &["--out", "map"]);
            with("metrics", &["--all", "--json"]);
            for metric in METRICS {
                with("metrics", &["--metrics", metric]);
            }
        }
        let sides = ["--real", "fine.npy", "--synthetic", "fine.npy", "--held-out", name];
        let arguments: Vec<&str> =
            ["metrics"].iter().chain(&sides).chain(&["--metrics", "c_t"]).copied().collect();
        bench.refused(&arguments, &["held-out", said]);
    }
}

#[test]
fn features_as_large_as_f32_allows_have_finite_scores_and_a_map() {
    let bench = Bench::new();
    for (name, unit) in [("large", 1e38), ("small", 1e-36)] {
        let [real, fake, held_out] =
            ["real", "fake", "held"].map(|side| format!("{name}_{side}.npy"));
        bench.npy(&real, &cloud(60, 0.0, unit));
        bench.npy(&fake, &cloud(50, 0.2, unit));
        bench.npy(&held_out, &cloud(40, 0.01, unit));
        let sides = ["--real", real.as_str(), "--synthetic", fake.as_str()];
        let of = |command: &str, more: &[&str]| -> Value {
            let arguments: Vec<&str> =
                [command].iter().chain(&sides).chain(more).chain(&["--json"]).copied().collect();
            serde_json::from_str(&bench.ok(&arguments)).expect("one JSON object")
        };
        let found = of("metrics", &["--all", "--held-out", held_out.as_str()]);
        let scores = found["scores"].as_array().unwrap();
        assert!(scores.len() >= 14, "{found}");
        for score in scores {
            assert!(score["value"].is_f64(), "{score}");
        }
        let map = of("map", &["--out", name]);
        // The same clouds in units of 1 give the same map: it is as good.
        assert!(map["scores"][0]["value"].as_f64().unwrap() > 0.8, "{map}");
    }
}

#[test]
fn pairs_of_equal_images_are_left_out_of_psnr_and_the_number_says_so() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    bench.ok(&["export", "real", "--as", "png", "--out", "png"]);
    std::fs::create_dir(bench.path("other")).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(bench.path("png/train/images"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    // The first three stay as they are; each of the others gets the next one's picture.
    let (same, turned) = names.split_at(3);
    let copy = |from: &str, to: &str| {
        let from = bench.path("png/train/images").join(from);
        std::fs::copy(from, bench.path("other").join(to)).unwrap();
    };
    for name in same {
        copy(name, name);
    }
    turned.iter().zip(turned.iter().cycle().skip(1)).for_each(|(name, next)| copy(next, name));
    let arguments =
        ["metrics", "--real", "png/train/images", "--synthetic", "other", "--metrics", "psnr,ssim"];
    let text = bench.ok(&arguments);
    let line =
        |metric: &str| text.lines().find(|line| line.starts_with(metric)).unwrap().to_owned();
    let all = names.len();
    assert!(line("psnr").contains(&format!("3 of {all} pairs are equal")), "{text}");
    assert!(!line("ssim").contains("pairs are equal"), "{text}");
    let mut json = arguments.to_vec();
    json.push("--json");
    let found: Value = serde_json::from_str(&bench.ok(&json)).unwrap();
    let protocol = found["scores"][0]["protocol"].as_str().unwrap();
    assert!(protocol.starts_with(&format!("mean over {} of {all} pairs", all - 3)), "{protocol}");
    assert!(found["scores"][0]["note"].as_str().unwrap().starts_with(&format!("3 of {all}")));
}
