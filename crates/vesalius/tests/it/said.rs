//! What is said and how: nothing but what matters, or an object on each line.

use super::Bench;
use serde_json::Value;

#[test]
fn quiet_commands_say_errors_alone_and_results_are_shown_all_the_same() {
    let bench = Bench::new();
    let draw = ["phantom", "acdc", "data", "--patients", "3", "--quiet"];
    let output = bench.run(&draw);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let prepare = ["--quiet", "prepare", "acdc", "data", "--out", "pack", "--size", "32x32"];
    let output = bench.run(&prepare);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert!(bench.ok(&["inspect", "pack", "--quiet"]).contains("RV cavity"));
    bench.refused(&["inspect", "pakc", "--quiet"], &["did you mean pack?"]);
    let both = bench.run(&["inspect", "pack", "--quiet", "--log-json"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn a_log_for_programs_has_an_object_on_each_line() {
    let mut bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "3"]);
    let objects = |bench: &Bench, arguments: &[&str]| -> Vec<Value> {
        let output = bench.run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    };
    let prepare = ["prepare", "acdc", "data", "--out", "pack", "--size", "30x32"];
    let said = objects(&bench, &[&prepare[..], &["--log-json"]].concat());
    let of = |level: &'static str| said.iter().filter(move |object| object["level"] == level);
    assert!(
        of("warning").any(|o| o["message"].as_str().unwrap().contains("--size 30x32")),
        "{said:?}"
    );
    assert!(
        of("progress").any(|o| o["what"] == "preparing" && o["of"] == 6 && o["unit"] == "cases")
    );
    assert!(said.iter().all(|object| object["time"].as_f64().unwrap() > 1.7e9));
    bench.variable("VESALIUS_LOG", "jsno");
    bench.refused(&["inspect", "pack"], &["VESALIUS_LOG=jsno: expected plain, quiet or json"]);
    // By the environment, too; of an error as well.
    bench.variable("VESALIUS_LOG", "json");
    let said = objects(&bench, &prepare);
    let error = said.last().unwrap();
    assert_eq!(error["level"], "error");
    assert!(error["message"].as_str().unwrap().contains("pack"), "{error}");
}

#[test]
fn every_command_has_a_man_page() {
    let bench = Bench::new();
    bench.ok(&["manual", "man"]);
    let page = |name: &str| std::fs::read_to_string(bench.path(&format!("man/{name}.1"))).unwrap();
    assert!(page("vesalius").contains(".TH") && page("vesalius-train").contains("kimg"));
    assert!(page("vesalius-study-run").contains("jobs"));
}
