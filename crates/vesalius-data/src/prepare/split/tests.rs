use super::*;
use crate::checks::linked::{Evidence, Linked};
use crate::pack::manifest::Split;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

fn cases(patients: &[&str]) -> Vec<CaseFiles> {
    let case = |patient: &&str| CaseFiles {
        id: format!("{patient}-1"),
        patient: (*patient).to_owned(),
        ..CaseFiles::default()
    };
    patients.iter().map(case).collect()
}

#[test]
fn a_seed_repeats_and_all_cases_of_a_patient_stay_together() {
    let cases = cases(&["a", "a", "b", "c", "d", "e"]);
    let rule = SplitRule::Seeded { seed: 1, test_share: 0.4 };
    let split = rule.apply(&cases, &[]).unwrap();
    assert_eq!(split, rule.apply(&cases, &[]).unwrap());
    assert_eq!(split.len(), 5);
    assert_eq!(split.values().filter(|side| **side == Split::Test).count(), 2);
    let others = (2..12).map(|seed| SplitRule::Seeded { seed, test_share: 0.4 });
    assert!(others.map(|rule| rule.apply(&cases, &[]).unwrap()).any(|other| other != split));
}

#[test]
fn one_person_under_two_names_is_on_one_side_or_refused() {
    let cases = cases(&["a", "b", "c", "d", "e", "f"]);
    let linked = [Linked {
        patients: ["b", "e", "f"].map(str::to_owned).to_vec(),
        evidence: Evidence::Images,
        example: ["b-1", "e-1"].map(str::to_owned),
    }];
    let mut tested = BTreeSet::new();
    for seed in 0..20 {
        let split = SplitRule::Seeded { seed, test_share: 0.5 }.apply(&cases, &linked).unwrap();
        assert!(split["b"] == split["e"] && split["e"] == split["f"], "{split:?}");
        tested.insert(split["b"]);
    }
    assert_eq!(tested.len(), 2);
    let named = SplitRule::TestPatients(vec!["b".into(), "e".into()]);
    let error = named.apply(&cases, &linked).unwrap_err().to_string();
    assert!(error.contains("b tests and f trains"), "{error}");
    let all = [Linked {
        patients: ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec(),
        evidence: Evidence::Person,
        example: ["a-1", "b-1"].map(str::to_owned),
    }];
    assert!(SplitRule::Seeded { seed: 1, test_share: 0.5 }.apply(&cases, &all).is_err());
}

#[test]
fn an_official_split_that_puts_a_patient_on_both_sides_is_none() {
    let mut cases = cases(&["a", "b", "b"]);
    for (case, side) in cases.iter_mut().zip([Split::Train, Split::Train, Split::Test]) {
        case.official = Some(side);
    }
    let error = SplitRule::Official.apply(&cases, &[]).unwrap_err().to_string();
    assert!(error.contains("patient b is on two of its sides"), "{error}");
}

#[test]
fn a_dataset_may_say_who_validates_and_in_which_fold_each_tests() {
    let mut known = cases(&["a", "b", "c", "c"]);
    let sides = [Split::Train, Split::Validate, Split::Test, Split::Test];
    for (case, side) in known.iter_mut().zip(sides) {
        case.official = Some(side);
    }
    let official = |validation| Division { test: SplitRule::Official, validation };
    let of = |cases: &[CaseFiles], validation, linked: &[Linked]| {
        official(validation).apply(cases, linked, &BTreeMap::new())
    };
    let places = of(&known, None, &[]).unwrap();
    assert_eq!(
        (places.sides["a"], places.sides["b"], places.sides["c"]),
        (Split::Train, Split::Validate, Split::Test)
    );
    let refused = |found: Result<Places>, part: &str| {
        let error = found.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    let share = Some(Validation::Seeded { seed: 1, share: 0.5 });
    refused(of(&known, share.clone(), &[]), "b validates as the dataset says");
    known[0].official = Some(Split::Validate);
    refused(of(&known, None, &[]), "nobody trains");
    let mut folds = cases(&["a", "b", "c", "c"]);
    for (case, fold) in folds.iter_mut().zip([3, 1, 1, 1]) {
        case.fold = Some(fold);
    }
    // Numbers may begin anywhere; the first is fold 0.
    let places = of(&folds, None, &[]).unwrap();
    assert_eq!((places.folds["a"].0, places.folds["b"].0, places.folds["c"].0), (1, 0, 0));
    refused(of(&folds, share, &[]), "do not test in fold 0");
    let linked = [Linked {
        patients: ["a", "b"].map(str::to_owned).to_vec(),
        evidence: Evidence::Person,
        example: ["a-1", "b-1"].map(str::to_owned),
    }];
    refused(of(&folds, None, &linked), "a and b are in two folds");
    folds[3].fold = Some(3);
    refused(of(&folds, None, &[]), "patient c is in two folds");
    folds[3].fold = None;
    refused(of(&folds, None, &[]), "c-1 is in no fold");
    for case in &mut folds {
        case.fold = Some(1);
    }
    refused(of(&folds, None, &[]), "all patients are in one fold");
}

fn divided(patients: &[&str], test: SplitRule, validation: Option<Validation>) -> Result<Places> {
    Division { test, validation }.apply(&cases(patients), &[], &BTreeMap::new())
}

#[test]
fn validation_patients_neither_train_nor_test() {
    let names: Vec<String> = (0..20).map(|i| format!("p{i:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let test = SplitRule::Seeded { seed: 1, test_share: 0.2 };
    let alone = divided(&names, test.clone(), None).unwrap();
    let seeded = Some(Validation::Seeded { seed: 1, share: 0.25 });
    let both = divided(&names, test.clone(), seeded).unwrap();
    let on = |places: &Places, side| -> Vec<String> {
        places.sides.iter().filter(|(_, s)| **s == side).map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(on(&alone, Split::Test), on(&both, Split::Test), "who tests stays");
    assert_eq!(
        [Split::Train, Split::Validate, Split::Test].map(|side| on(&both, side).len()),
        [12, 4, 4]
    );
    let tests = on(&both, Split::Test)[0].clone();
    let named = |name: &str| Some(Validation::Patients(vec![name.to_owned()]));
    let refused = divided(&names, test.clone(), named(&tests)).unwrap_err().to_string();
    assert!(refused.contains(&format!("validation patient {tests}: it tests")), "{refused}");
    assert!(
        divided(&names, test.clone(), named("z")).unwrap_err().to_string().contains("not in this")
    );
    assert!(divided(&["a", "b"], test, named("a")).is_err());
}

#[test]
fn in_folds_everybody_tests_once_and_groups_are_alike() {
    let names: Vec<String> = (0..23).map(|i| format!("p{i:02}")).collect();
    let groups: BTreeMap<String, String> = names
        .iter()
        .enumerate()
        .map(|(i, name)| (name.clone(), if i % 3 == 0 { "rare" } else { "common" }.to_owned()))
        .collect();
    let texts: Vec<&str> = names.iter().map(String::as_str).collect();
    let test = SplitRule::Folds { seed: 1, count: 5 };
    let validation = Some(Validation::Seeded { seed: 1, share: 0.2 });
    let division = Division { test, validation };
    let places = division.apply(&cases(&texts), &[], &groups).unwrap();
    for fold in 0..5 {
        let tests: Vec<&String> =
            names.iter().filter(|name| places.folds[*name].0 == fold).collect();
        assert!((4..=5).contains(&tests.len()));
        let rare = tests.iter().filter(|name| groups[**name] == "rare").count();
        assert!((1..=2).contains(&rare), "8 of 23 in five folds: {rare}");
        let validate = names.iter().filter(|name| places.folds[*name].1.contains(&fold));
        let validate: Vec<&String> = validate.collect();
        assert!((3..=4).contains(&validate.len()));
        assert!(validate.iter().all(|name| places.folds[*name].0 != fold));
    }
    assert!(divided(&["a", "b"], SplitRule::Folds { seed: 1, count: 5 }, None).is_err());
}

#[test]
fn a_side_without_patients_is_refused() {
    let one = SplitRule::Seeded { seed: 1, test_share: 0.5 }.apply(&cases(&["a", "a"]), &[]);
    assert!(one.unwrap_err().to_string().contains("only one patient (a)"));
    let named = |names: &[&str]| {
        SplitRule::TestPatients(names.iter().map(|n| (*n).to_owned()).collect())
            .apply(&cases(&["a", "b"]), &[])
    };
    assert!(named(&["z"]).unwrap_err().to_string().contains("test patient z"));
    assert!(named(&["a", "b"]).is_err());
    assert!(named(&["a"]).is_ok());
    assert!(SplitRule::Official.apply(&cases(&["a", "b"]), &[]).is_err());
}
