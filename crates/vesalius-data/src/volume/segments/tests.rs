use super::*;

const GRID: Geometry = Geometry {
    size: [3, 2, 2],
    origin_mm: [0.0; 3],
    steps_mm: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]],
};

fn block(name: &str, origin_mm: [f64; 3], size: [usize; 3], inside: &[u8]) -> Segment {
    let geometry = Some(Geometry { size, origin_mm, ..GRID });
    let inside = inside.iter().map(|v| *v != 0).collect();
    Segment {
        name: name.to_owned(),
        extent: Extent::Blocks(vec![Block { size, geometry, inside }]),
    }
}

fn naming(classes: &[&str]) -> Naming {
    Naming::of(&classes.iter().map(|class| (*class).to_owned()).collect::<Vec<_>>())
}

fn of(all: Vec<Segment>, naming: &Naming) -> Result<(Vec<u8>, Vec<String>)> {
    let grid = Grid { size: GRID.size, geometry: Some(GRID) };
    let found = labels(vec![Segments { all, notes: vec![] }], naming, &grid)?;
    Ok((found.0.values, found.1))
}

#[test]
fn segments_become_classes_by_name_wherever_they_stand_and_parts_lie_where_they_say() {
    let tumour = block("Tumour 1", [1.0, 0.0, 2.0], [2, 1, 1], &[1, 1]);
    let liver = block("LIVER", [0.0; 3], [3, 2, 2], &[1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    let classes = naming(&["background", "liver", "tumour_1"]);
    let (values, notes) = of(vec![tumour, liver], &classes).unwrap();
    assert_eq!(values, [1, 1, 0, 0, 0, 0, 1, 2, 2, 1, 1, 1]);
    assert_eq!(
        notes,
        ["`liver` and `tumour_1` overlap in 2 voxels: taken as `tumour_1`, the later class"]
    );
}

#[test]
fn one_class_of_two_files_is_refused_unless_the_user_says_so() {
    let liver =
        || Segments { all: vec![block("Liver", [0.0; 3], [3, 2, 2], &[1; 12])], notes: vec![] };
    let grid = Grid { size: GRID.size, geometry: Some(GRID) };
    let mut classes = naming(&["background", "liver"]);
    let error = labels(vec![liver(), liver()], &classes, &grid).unwrap_err().to_string();
    assert!(error.contains("segment `Liver` in two files"), "{error}");
    classes.renamed.insert("Liver".to_owned(), "liver".to_owned());
    assert!(labels(vec![liver(), liver()], &classes, &grid).is_ok());
}

#[test]
fn names_nobody_knows_are_said_and_none_that_is_known_is_refused() {
    let body = || block("BODY", [0.0; 3], [3, 2, 2], &[1; 12]);
    let liver = || block("Leber", [0.0; 3], [3, 2, 2], &[1; 12]);
    let classes = naming(&["background", "liver"]);
    let error = of(vec![body(), liver()], &classes).unwrap_err().to_string();
    assert!(error.contains("`BODY`, `Leber`") && error.contains("--segments"), "{error}");
    let mut renamed = classes.clone();
    renamed.renamed.insert("Leber".to_owned(), "liver".to_owned());
    let (values, notes) = of(vec![body(), liver()], &renamed).unwrap();
    assert_eq!((values, notes.len()), (vec![1; 12], 1));
    assert!(notes[0].contains("left out: `BODY`"), "{notes:?}");
    renamed.renamed.insert("BODY".to_owned(), "lvier".to_owned());
    let error = of(vec![body(), liver()], &renamed).unwrap_err().to_string();
    assert!(error.contains("calls it `lvier`, expected one of the classes `liver`"), "{error}");
    assert!(error.contains("did you mean `liver`?"), "{error}");
    let near = block("livr", [0.0; 3], [3, 2, 2], &[1; 12]);
    let error = of(vec![body(), near], &classes).unwrap_err().to_string();
    assert!(error.ends_with("; did you mean `liver`?"), "{error}");
    // What the user called nothing is left out without a word.
    renamed.renamed.insert("BODY".to_owned(), String::new());
    assert_eq!(of(vec![body(), liver()], &renamed).unwrap().1, [""; 0]);
}

#[test]
fn without_classes_the_only_segment_is_the_only_class_and_several_are_refused() {
    let classes = Naming { named: false, ..naming(&["background", "foreground"]) };
    let one = || block("Segment_1", [0.0; 3], [3, 2, 2], &[1; 12]);
    assert_eq!(of(vec![one()], &classes).unwrap().0, [1; 12]);
    let error = of(vec![one(), one()], &classes).unwrap_err().to_string();
    assert!(error.contains("--classes background,Segment_1,Segment_1"), "{error}");
}

#[test]
fn parts_off_the_grid_are_refused_and_those_beyond_its_edge_said() {
    let classes = naming(&["background", "a"]);
    let off = block("a", [0.5, 0.0, 0.0], [2, 1, 1], &[1, 1]);
    let error = format!("{:#}", of(vec![off], &classes).unwrap_err());
    assert!(error.contains("segment `a`") && error.contains("expected 3x2x2 voxels"), "{error}");
    let (values, notes) =
        of(vec![block("a", [2.0, 0.0, 0.0], [2, 1, 1], &[1, 1])], &classes).unwrap();
    assert_eq!(values, [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(notes[0].contains("1 voxels lie outside"), "{notes:?}");
    let beyond = block("a", [3.0, 0.0, 0.0], [2, 1, 1], &[1, 1]);
    assert!(
        format!("{:#}", of(vec![beyond], &classes).unwrap_err()).contains("all of its 2 voxels")
    );
    // A part that is nowhere.
    let nowhere =
        Extent::Blocks(vec![Block { size: [1, 1, 1], geometry: None, inside: vec![true] }]);
    let error = of(vec![Segment { name: "a".to_owned(), extent: nowhere }], &classes);
    assert!(format!("{:#}", error.unwrap_err()).contains("[1, 1, 1] voxels"));
}
