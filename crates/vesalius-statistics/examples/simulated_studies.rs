//! Error rates of a whole report in simulated studies without any effect: the table of docs/method.md.
//!
//!     cargo run --release -p vesalius-statistics --example simulated_studies [STUDIES]

#[path = "simulated/without_effect.rs"]
mod without_effect;

use vesalius_statistics::mrmc::Chances;
use without_effect::{without_effect, without_effect_of_networks};

fn main() {
    let studies = std::env::args().nth(1).map_or(1000, |text| text.parse().expect("a number"));
    println!(
        "| Differences | Patients | Runs | GANs | False claims | of the networks at hand | Intervals that cover |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for skewed in [false, true] {
        let chances = Chances { skewed, ..Chances::default() };
        for patients in [8, 12, 20, 48] {
            for runs in [2, 3, 5] {
                for sets in [1, 5] {
                    let found = without_effect(&chances, patients, runs, sets, studies);
                    let how = if skewed { "skewed" } else { "normal" };
                    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
                    println!(
                        "| {how} | {patients} | {runs} | {sets} | {} | {} | {} |",
                        percent(found.false_claims),
                        percent(without_effect_of_networks(
                            &chances, patients, runs, sets, studies
                        )),
                        percent(found.covered)
                    );
                }
            }
        }
    }
}
