//! Names of classes: what every score, table and export calls them by, so each is one class's alone.

use std::collections::BTreeMap;

/// Name of label 0 in exports.
pub const BACKGROUND: &str = "background";

/// Checks the names of the labels 0, 1, …; label 0 is the background, whatever it is called. Gives what is wrong in one
/// line.
///
/// # Errors
/// When a name is empty or no single line, two are the same but for blanks around them, the name of a later class says
/// that
/// it is the background, or one is called `ignore` (nnU-Net's word for what nobody annotated) or as scores call their
/// mean
/// over classes.
pub fn check_classes(classes: &[String]) -> Result<(), String> {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (label, name) in classes.iter().enumerate() {
        let trimmed = name.trim();
        if trimmed.is_empty() {
            return Err(format!("class {label} has no name, expected one"));
        }
        if trimmed.chars().any(char::is_control) {
            return Err(format!("class {label}: name {trimmed:?}, expected one line of text"));
        }
        if let Some(other) = first.insert(trimmed, label) {
            return Err(format!(
                "classes {other} and {label} are both called {trimmed}, expected a name of its own for each"
            ));
        }
        if label > 0 && trimmed.eq_ignore_ascii_case(BACKGROUND) {
            return Err(format!(
                "class {label} is called {trimmed}, expected that of label 0 only, which is the background"
            ));
        }
        if trimmed.eq_ignore_ascii_case("ignore") {
            return Err(format!(
                "class {label} is called {trimmed}, which says that nobody annotated its pixels; expected none: they would \
                 train and be judged as a class"
            ));
        }
        if label > 0 && trimmed == "mean" {
            return Err(format!(
                "class {label} is called mean, as scores call the mean over classes; expected another name"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Result<(), String> {
        check_classes(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn names_of_their_own_pass() {
        of(&["background", "RV cavity", "myocardium", "LV cavity"]).unwrap();
        of(&["0", "disc", "disc 2", "Disc"]).unwrap();
        of(&["rest", "Läsion", "肝"]).unwrap();
        of(&["background"]).unwrap();
        of(&["mean", "disc"]).unwrap();
    }

    #[test]
    fn one_name_for_two_classes_is_refused_with_both_labels() {
        for names in [
            vec!["background", "lesion", "lesion"],
            vec!["background", "lesion", " lesion "],
            vec!["background", "a", "b", "c", "a"],
            vec!["background", "background"],
            vec!["lesion", "lesion"],
        ] {
            let error = of(&names).unwrap_err();
            assert!(error.contains("both called") && !error.contains('\n'), "{names:?}: {error}");
        }
        assert!(
            of(&["x", "a", "b", "a"]).unwrap_err().contains("classes 1 and 3 are both called a")
        );
    }

    #[test]
    fn names_that_mean_something_else_are_refused() {
        for (names, part) in [
            (vec!["lesion", "background"], "class 1 is called background"),
            (vec!["lesion", "Background"], "class 1 is called Background"),
            (vec!["background", ""], "class 1 has no name"),
            (vec!["background", "a", "  "], "class 2 has no name"),
            (vec!["background", "a\nb"], "one line of text"),
            (vec!["background", "mean"], "as scores call the mean"),
        ] {
            let error = of(&names).unwrap_err();
            assert!(error.contains(part) && !error.contains('\n'), "{error}");
        }
    }
}
