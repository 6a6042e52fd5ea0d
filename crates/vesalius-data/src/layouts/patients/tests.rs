use super::*;

fn named(paths: &[&str]) -> Vec<Named> {
    let one = |path: &&str| {
        let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        let file = parts.pop().unwrap();
        Named {
            stem: file.rsplit_once('.').map_or(file.clone(), |(stem, _)| stem.to_owned()),
            side: parts.iter().find(|part| *part == "train" || *part == "test").cloned(),
            folders: parts
                .into_iter()
                .filter(|part| !["images", "train", "test"].contains(&part.as_str()))
                .collect(),
            relative: (*path).to_owned(),
        }
    };
    paths.iter().map(one).collect()
}

fn patients(paths: &[&str], text: Option<&str>) -> Result<Vec<String>> {
    let found = assign(&named(paths), pattern(text).unwrap().as_ref())?;
    Ok(found.names.into_iter().map(|(_, patient)| patient).collect())
}

#[test]
fn equal_names_in_several_folders_make_the_folders_patients() {
    let paths = ["A/images/slice00.png", "A/images/slice01.png", "B/images/slice00.png"];
    assert_eq!(patients(&paths, None).unwrap(), ["A", "A", "B"]);
    assert_eq!(patients(&["images/A/0.png", "images/B/0.png"], None).unwrap(), ["A", "B"]);
    let found = assign(&named(&paths), None).unwrap();
    let ids: Vec<&str> = found.names.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["A_slice00", "slice01", "B_slice00"]);
    assert!(found.findings[0].text.contains("each folder is taken as a patient"));
    // Deeper: visits of a patient.
    let visits = ["A/v1/images/0.png", "A/v2/images/0.png", "B/v1/images/0.png"];
    assert_eq!(patients(&visits, None).unwrap(), ["A", "A", "B"]);
    assert!(patients(&["images/0.png", "A/images/0.png"], None).is_err());
}

#[test]
fn names_that_come_in_groups_are_refused_with_a_pattern_that_groups_them() {
    for (paths, group, expected) in [
        (
            ["images/patA_slice00.png", "images/patA_slice01.png", "images/patB_slice00.png"],
            "^(.+?)[-_. ]*(?i:slice)[-_. ]*\\(?\\d+\\)?$",
            ["patA", "patA", "patB"],
        ),
        (
            ["001-1.png", "001-2.png", "002-1.png"],
            "^(.+?)[-_. ]*\\(?\\d+\\)?$",
            ["001", "001", "002"],
        ),
        (["x (1).png", "x (2).png", "y (1).png"], "^(.+?)[-_. ]*\\(?\\d+\\)?$", ["x", "x", "y"]),
        (["A/a1.png", "A/a2.png", "B/b1.png"], "^([^/]+)/", ["A", "A", "B"]),
    ] {
        let error = patients(&paths, None).unwrap_err().to_string();
        assert!(error.contains(&format!("--patient '{group}'")), "{error}");
        // What is proposed works.
        assert_eq!(patients(&paths, Some(group)).unwrap(), expected);
    }
    // One stack of a single patient.
    assert!(patients(&["slice_1.png", "slice_2.png"], None).is_err());
    assert!(patients(&["slice_1.png", "slice_2.png"], Some("(.*)")).is_ok());
}

#[test]
fn one_name_on_both_sides_of_a_split_makes_two_patients_and_a_warning() {
    let found = assign(&named(&["train/images/1.png", "test/images/1.png"]), None).unwrap();
    assert_eq!(found.names[1], ("test_1".to_owned(), "test_1".to_owned()));
    assert!(found.findings[0].text.contains("both sides"), "{:?}", found.findings);
    // The pattern for folders inside images/ skips what is above.
    let paths = ["images/A/a1.png", "images/A/a2.png", "images/B/b1.png"];
    let error = patients(&paths, None).unwrap_err().to_string();
    assert!(error.contains("'^[^/]+/([^/]+)/'"), "{error}");
    assert_eq!(patients(&paths, Some("^[^/]+/([^/]+)/")).unwrap(), ["A", "A", "B"]);
}

#[test]
fn one_series_of_numbered_images_is_taken_as_patients_and_said() {
    let paths = ["IDRiD_01.png", "IDRiD_02.png", "IDRiD_10.png"];
    let found = assign(&named(&paths), None).unwrap();
    assert_eq!(found.names[2], ("IDRiD_10".to_owned(), "IDRiD_10".to_owned()));
    assert_eq!(found.findings.len(), 1);
    assert!(patients(&["a.png", "b.png"], None).is_ok());
    assert!(patients(&["1.png", "2.png"], None).is_ok());
}

#[test]
fn a_pattern_sees_names_and_where_they_do_not_fit_paths() {
    let paths = ["A/images/s-IM1.png", "B/images/t-IM1.png"];
    assert_eq!(patients(&paths, Some("^(.*)-IM")).unwrap(), ["s", "t"]);
    assert_eq!(patients(&paths, Some("^([A-Z])/")).unwrap(), ["A", "B"]);
    let error = patients(&paths, Some("^(x)")).unwrap_err().to_string();
    assert!(error.contains("A/images/s-IM1.png: --patient"), "{error}");
    assert!(pattern(Some("(")).unwrap_err().to_string().contains("not a regular expression"));
    assert!(pattern(Some("a")).unwrap_err().to_string().contains("group in parentheses"));
}
