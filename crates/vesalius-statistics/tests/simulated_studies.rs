//! Does a report hold its error rate when every source of chance is there? A short form of the example's table.

#[path = "../examples/simulated/without_effect.rs"]
mod without_effect;

use vesalius_statistics::mrmc::Chances;
use without_effect::{without_effect, without_effect_of_networks};

#[test]
fn reports_on_studies_without_any_effect_rarely_claim_one() {
    // 400 studies: two standard errors are 0.022 of a claim.
    for skewed in [false, true] {
        let chances = Chances { skewed, ..Chances::default() };
        for (patients, runs, sets) in [(20, 3, 1), (48, 2, 1), (48, 3, 5)] {
            let found = without_effect(&chances, patients, runs, sets, 400);
            let [claims, covered] = [found.false_claims, found.covered];
            assert!(claims <= 0.07, "{patients} patients, {runs} runs: {claims}");
            assert!(
                (0.92..=0.985).contains(&covered),
                "{patients} patients, {runs} runs: {covered}"
            );
        }
    }
}

#[test]
fn sign_flips_take_these_trainings_for_the_only_ones() {
    let claimed = without_effect_of_networks(&Chances::default(), 20, 1, 1, 200);
    assert!(claimed > 0.15, "{claimed}");
}
